import Foundation
import GRPCCore

/// The process's exit status.
enum ExitStatus {
    /// EX_USAGE.
    static let usage: Int32 = 64
    /// The call succeeded but the server could not apply all events.
    static let deadLettered: Int32 = 1

    /// The reader of our output went away, as after `avail … | head`.
    static let brokenPipe = of(signal: SIGPIPE)

    /// What a shell reports of a process that a signal ended.
    static func of(signal: Int32) -> Int32 { 128 + signal }

    /// 64 + the gRPC status code: 67 for INVALID_ARGUMENT, 78 for UNAVAILABLE.
    static func of(_ error: RPCError) -> Int32 {
        usage + Int32(error.code.rawValue)
    }
}
