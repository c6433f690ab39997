/// How a source does. Raw values are those of the contract.
public enum SourceStatus: Int, Sendable, Equatable {
    case live = 1
    /// Its watermark is older than its limit.
    case stale = 2
    /// A gap in its sequence has outlived its bound.
    case gap = 3
    /// Nothing has come yet.
    case neverSeen = 5
}
