/// What a channel keeps back from a location's sellable stock.
public enum StockBuffer: Sendable, Equatable, Codable, BitwiseCopyable {
    case units(Int64)
    /// Percent of the sellable stock, 0 to 100, rounded up to whole units.
    case percent(Int)
}

/// What becomes of a location whose figures are older than the channel's threshold.
public enum StaleAction: Sendable, Equatable, Codable, BitwiseCopyable {
    /// Answer as usual and say STALE.
    case serve
    /// Cut the location's contribution by so many percent, rounded up to whole units.
    case buffer(percent: Int)
    /// The location counts 0.
    case withhold
    /// The call fails with UNAVAILABLE / STALE_DATA.
    case refuse
}

/// The terms that apply at one location.
public struct PolicyTerms: Sendable, Equatable, Codable, BitwiseCopyable {
    /// 0 to 100: the part of a location's stock that the channel may take in all.
    public var sharePercent: Int = 100
    public var buffer: StockBuffer = .units(0)
    /// Kept back at least, in units: the larger of this and the position's own safety stock counts.
    public var safetyStock: Int64 = 0
    /// Whether units in transit to the location count as its stock.
    public var countInTransit: Bool = false
    /// Age beyond which the figures are stale; 0: never.
    public var staleAfterNanoseconds: Int64 = 0
    public var staleAction: StaleAction = .serve

    public init() {}
}

/// Terms that replace a channel's own for some skus or a location. Fields left out stay as they are.
///
/// Field by field, the more specific override wins: a sku before a longer prefix before a shorter one before none; of
/// two for the same skus, the one with a location.
public struct PolicyOverride: Sendable, Equatable, Codable {
    /// What skus it is for.
    public enum Skus: Sendable, Hashable, Codable {
        case all
        case prefix(String)
        case sku(String)
    }

    public var skus: Skus
    /// A location's id; absent: every location.
    public var location: String?
    public var sharePercent: Int?
    public var buffer: StockBuffer?
    public var safetyStock: Int64?
    public var countInTransit: Bool?
    public var staleAfterNanoseconds: Int64?
    public var staleAction: StaleAction?

    public init(skus: Skus, location: String? = nil) {
        self.skus = skus
        self.location = location
    }
}

/// How much a channel may ask.
public struct ThrottleTerms: Sendable, Equatable, Codable {
    /// Read units (one a line) a second; 0: unlimited.
    public var readUnitsPerSecond: Int64 = 0
    /// Read units that may come at once; a call with more lines never passes. 0 with a rate: one second's worth.
    public var readUnitsBurst: Int64 = 0
    /// Calls being answered at one time; 0: unlimited.
    public var callsInFlightMax: Int64 = 0

    public init() {}
}

/// How a channel's answer is made from the positions. One atomic version at a time.
public struct ChannelPolicy: Sendable, Equatable, Codable {
    /// Locations and location groups the channel may sell from, in sourcing order.
    public var sourcing: [String] = []
    public var terms = PolicyTerms()
    /// The most that is ever shown for a line, in units; absent: no cap.
    public var cap: Int64?
    /// A sum below this many units is shown as 0.
    public var floor: Int64 = 0
    /// Whether one line may be served from several locations.
    public var splitAllowed: Bool = true
    public var overrides: [PolicyOverride] = []
    public var throttle = ThrottleTerms()

    public init() {}
}

/// A channel as it lives in the ledger.
public struct Channel: Sendable, Equatable, Codable {
    public var id: String
    public var displayName: String
    /// Counts the channel's changes from 1; the etag is made of it.
    public var policyVersion: UInt64
    public var updateTimeNanoseconds: WallNanoseconds
    public var policy: ChannelPolicy

    public init(
        id: String, displayName: String, policyVersion: UInt64, updateTimeNanoseconds: WallNanoseconds,
        policy: ChannelPolicy
    ) {
        self.id = id
        self.displayName = displayName
        self.policyVersion = policyVersion
        self.updateTimeNanoseconds = updateTimeNanoseconds
        self.policy = policy
    }
}
