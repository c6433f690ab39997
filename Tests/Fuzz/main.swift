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

/// libFuzzer starts this program anew to merge, without the target's name: that goes through the environment.
private let targetVariable = "FUZZ_TARGET"

private func run() -> CInt {
    let named = CommandLine.arguments.dropFirst().first.flatMap(FuzzTarget.init)
    let inherited = getenv(targetVariable).flatMap { FuzzTarget(rawValue: String(cString: $0)) }
    guard let target = named ?? inherited else {
        list()
        return CommandLine.arguments.count > 1 ? 64 : 0
    }
    chosen = target
    setenv(targetVariable, target.rawValue, 1)
    let skipped: CInt = named == nil ? 0 : 1
    var count = CommandLine.argc - skipped
    var arguments = CommandLine.unsafeArgv + Int(skipped)
    arguments[0] = CommandLine.unsafeArgv[0]
    return runFuzzer(&count, &arguments) { start, count in
        chosen.judge(UnsafeRawBufferPointer(start: start, count: count))
        return 0
    }
}

exit(run())
