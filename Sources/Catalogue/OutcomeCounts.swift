internal import Engine

/// How the rows of a task ended. Every row is in exactly one of the last four.
public struct OutcomeCounts: Sendable, Equatable {
    public var rows: UInt64 = 0
    public var applied: UInt64 = 0
    /// Was there already: a rerun.
    public var duplicate: UInt64 = 0
    /// Newer figures were there already.
    public var superseded: UInt64 = 0
    /// Unreadable, or refused and kept as a dead letter.
    public var failed: UInt64 = 0

    public init() {}

    /// Counts one answer; returns why it failed, or nil.
    mutating func count(_ result: EventResult) -> String? {
        switch result.outcome {
        case .applied: applied += 1
        case .duplicate: duplicate += 1
        case .superseded: superseded += 1
        case .buffered:
            // A snapshot refers to nothing that it could wait for.
            failed += 1
            return "BUFFERED"
        case .deadLettered:
            failed += 1
            return result.reason.isEmpty ? "DEAD_LETTERED" : result.reason
        }
        return nil
    }
}
