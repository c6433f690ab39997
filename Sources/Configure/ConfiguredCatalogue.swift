public import Inventory

/// The stock and policy side of a configuration, in the file's order. Location numbers are 0: the ledger assigns them.
public struct ConfiguredCatalogue: Sendable, Equatable {
    public var locations: [Location] = []
    public var groups: [LocationGroup] = []
    public var sources: [SourceTerms] = []
    /// Each with `policyVersion` 1 and no update time.
    public var channels: [Channel] = []
    public var erps: [ConfiguredErp] = []
    /// The reason codes that events may give; nil: any.
    public var reasonCodes: [String]?
    public var feeds: [ConfiguredFeed] = []
    public var publications: [ConfiguredPublication] = []

    public init() {}

    public var isEmpty: Bool {
        locations.isEmpty && groups.isEmpty && sources.isEmpty && channels.isEmpty
    }
}
