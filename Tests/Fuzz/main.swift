import Glibc

// The fuzz targets in one binary: `Fuzz TARGET [arguments of libFuzzer]`. Without arguments it lists the targets.

/// libFuzzer's own main, made for programs that have one already (FuzzerInterface.h).
@_silgen_name("LLVMFuzzerRunDriver")
func runFuzzer(
    _ count: UnsafeMutablePointer<CInt>,
    _ arguments: UnsafeMutablePointer<UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>>,
    _ body: @convention(c) (UnsafePointer<UInt8>?, Int) -> CInt
) -> CInt

// Written once, before the first input.
nonisolated(unsafe) private var chosen = FuzzTarget.checkAvailability

private func list() {
    for target in FuzzTarget.allCases { print(target.rawValue) }
}

private func run() -> CInt {
    guard CommandLine.arguments.count > 1 else {
        list()
        return 0
    }
    guard let target = FuzzTarget(rawValue: CommandLine.arguments[1]) else {
        list()
        return 64
    }
    chosen = target
    var count = CommandLine.argc - 1
    var arguments = CommandLine.unsafeArgv + 1
    // libFuzzer starts itself anew for some jobs (-merge, -fork), by the name it was called.
    arguments[0] = CommandLine.unsafeArgv[0]
    return runFuzzer(&count, &arguments) { start, count in
        chosen.judge(UnsafeRawBufferPointer(start: start, count: count))
        return 0
    }
}

exit(run())
