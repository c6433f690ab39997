import Foundation
import Glibc

/// A running LedgerCrashChild.
final class CrashChild {
    let processID: Int32
    private let input: Int32
    private let output: UnsafeMutablePointer<FILE>
    private var isReaped = false
    private static let starting = NSLock()

    /// From LEDGER_CRASH_CHILD, or beside the test bundle, where SwiftPM builds both.
    static var path: String {
        if let path = ProcessInfo.processInfo.environment["LEDGER_CRASH_CHILD"] { return path }
        let bundle = URL(fileURLWithPath: "/proc/self/exe").resolvingSymlinksInPath()
        return bundle.deletingLastPathComponent().appendingPathComponent("LedgerCrashChild").path
    }

    init(_ arguments: [String]) throws {
        var down: [Int32] = [0, 0]
        var up: [Int32] = [0, 0]
        // One start at a time: a pipe's end that another child inherits would never end.
        Self.starting.lock()
        defer { Self.starting.unlock() }
        guard pipe(&down) == 0, pipe(&up) == 0 else { throw POSIXError(.EMFILE) }
        for descriptor in down + up { _ = fcntl(descriptor, F_SETFD, FD_CLOEXEC) }
        var actions = posix_spawn_file_actions_t()
        posix_spawn_file_actions_init(&actions)
        posix_spawn_file_actions_adddup2(&actions, down[0], 0)
        posix_spawn_file_actions_adddup2(&actions, up[1], 1)
        defer { posix_spawn_file_actions_destroy(&actions) }
        var pointers = ([Self.path] + arguments).map { strdup($0) }
        pointers.append(nil)
        defer { for pointer in pointers { free(pointer) } }
        var spawned: pid_t = 0
        let code = posix_spawn(&spawned, Self.path, &actions, nil, pointers, environ)
        close(down[0])
        close(up[1])
        guard code == 0, let stream = fdopen(up[0], "r") else {
            throw NSError(domain: "posix_spawn \(Self.path)", code: Int(code))
        }
        processID = spawned
        input = down[1]
        output = stream
    }

    deinit {
        kill()
        close(input)
        fclose(output)
    }

    /// Nil at the end of its output.
    func readLine() -> String? {
        var buffer = [CChar](repeating: 0, count: 512)
        guard fgets(&buffer, Int32(buffer.count), output) != nil else { return nil }
        let line = String(decoding: buffer.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
        return line.hasSuffix("\n") ? String(line.dropLast()) : line
    }

    /// SIGKILL, and waits for the end.
    func kill() {
        guard !isReaped else { return }
        isReaped = true
        Glibc.kill(processID, SIGKILL)
        waitpid(processID, nil, 0)
    }
}
