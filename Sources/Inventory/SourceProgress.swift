/// How far a source's feed has come. Stored with every commit that moves it.
public struct SourceProgress: Sendable, Equatable, Codable {
    /// The greatest `occurred_at` accepted; the horizon is counted back from it.
    public var newestOccurredAtNanoseconds: WallNanoseconds = 0
    /// Up to where the source vouches for its locations: min(occurred_at, now) of its gap-free prefix.
    public var watermarkNanoseconds: WallNanoseconds = 0
    /// The sequence that would extend the gap-free prefix; absent for a source that does not count.
    public var nextSequence: UInt64?
    /// When the first missing sequence was noticed; absent without a gap.
    public var gapSinceNanoseconds: WallNanoseconds?
    /// Sequences received beyond the gap and kept until it closes.
    public var pendingCount: UInt64 = 0
    /// More sequences arrived beyond the gap than are kept: only a reconciliation can close it.
    public var pendingOverflowed: Bool = false
    /// When the last event was taken in, by our clock.
    public var lastEventNanoseconds: WallNanoseconds = 0
    public var applied: UInt64 = 0
    public var duplicates: UInt64 = 0
    public var superseded: UInt64 = 0
    /// Events that waited, when they came, for what they close.
    public var buffered: UInt64 = 0
    public var deadLettered: UInt64 = 0
    /// Events that filled a gap after others had passed it.
    public var lateFillers: UInt64 = 0
    /// The newest dead letter's reason; empty when there was none.
    public var lastError: String = ""
    public var lastErrorNanoseconds: WallNanoseconds = 0

    public init() {}

    /// Whether anything of it was ever taken in.
    public var hasTakenEffect: Bool { applied + superseded + buffered > 0 }

    /// The newest event that may have been told, for what is forgotten a horizon behind it: a source that fell silent keeps
    /// nothing for longer than two horizons. By when its events came, not by when they occurred: one that tells of a past month
    /// is not silent.
    public func newestNanoseconds(
        nowNanoseconds: WallNanoseconds, horizonNanoseconds: Int64
    ) -> WallNanoseconds {
        guard lastEventNanoseconds < nowNanoseconds - horizonNanoseconds else { return newestOccurredAtNanoseconds }
        return max(newestOccurredAtNanoseconds, nowNanoseconds - horizonNanoseconds)
    }
}
