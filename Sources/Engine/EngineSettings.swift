public import Inventory

/// What an operator may tune about the writing side.
public struct EngineSettings: Sendable {
    /// How far behind a source's newest event an event may lie, in nanoseconds.
    public var horizonNanoseconds = Limits.horizonNanoseconds
    /// How far ahead of our clock an event may claim to have occurred, in nanoseconds.
    public var clockSkewMaxNanoseconds = Limits.clockSkewNanosecondsMax
    /// How long a missing sequence is waited for before its source is marked GAP, in nanoseconds.
    public var gapWaitNanoseconds = Limits.gapWaitNanoseconds
    /// How long a closed reservation and its request ids are kept, in nanoseconds; never less than the longest hold.
    public var reservationRetentionNanoseconds = Limits.reservationRetentionNanoseconds
    /// What all dead letters may take; with one more than that its batch is refused.
    public var deadLetterBytesMax = Limits.deadLetterBytesMax
    /// Which ERP serves which location.
    public var erps = ErpDirectory()
    /// Writes that may wait for ERPs; beyond it new holds that need one are refused.
    public var erpWritesMax = 100_000
    /// Transfers and allocations that are kept; the last quarter only for what has more sold if it is left out.
    public var referencesMax = Limits.referencesMax
    /// Dead letters that are kept; beyond it what would add one is refused whole.
    public var deadLettersMax = Limits.deadLettersMax
    /// Holds ended in one commit at most because their time ran out.
    public var expiriesPerCommitMax = 1_000
    /// Records waiting for the writer in each of its lanes; beyond it unary calls get RetryInfo and streams stop reading.
    public var queueWeightMax = 20_000
    /// Records that one commit may take, however fast they are written; see `CommitPace`.
    public var groupWeightMax = 5_000

    public init() {}

    /// The bounds by which events are judged.
    var eventBounds: EventBounds {
        EventBounds(horizonNanoseconds: horizonNanoseconds, clockSkewMaxNanoseconds: clockSkewMaxNanoseconds)
    }
}

/// What a new store starts with. Entries that the store already has are left as they are there.
public struct CatalogueSeed: Sendable {
    public var locations: [Location]
    public var groups: [LocationGroup]
    public var sources: [SourceTerms]
    public var channels: [Channel]
    /// The reason codes that events may give; nil: any. Not kept in the ledger: the file alone says.
    public var reasonCodes: Set<String>?

    public init(
        locations: [Location] = [], groups: [LocationGroup] = [], sources: [SourceTerms] = [], channels: [Channel] = [],
        reasonCodes: Set<String>? = nil
    ) {
        self.locations = locations
        self.groups = groups
        self.sources = sources
        self.channels = channels
        self.reasonCodes = reasonCodes
    }
}
