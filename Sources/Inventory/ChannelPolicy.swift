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
    /// Units that may be sold beyond what is sellable; 0 or more.
    public var allowedOversell: Int64 = 0
    /// Whether units in transit to the location count as its stock.
    public var countInTransit: Bool = false
    /// Age beyond which the figures are stale; 0: never.
    public var staleAfterNanoseconds: Int64 = 0
    public var staleAction: StaleAction = .serve

    public init() {}
}

/// Whether a hold waits for the ERP. Raw values are the contract's.
public enum WriteMode: UInt8, Sendable, Equatable, Codable, BitwiseCopyable {
    /// The call answers when the ERP has decided, or when the time to wait has passed.
    case through = 1
    /// The call answers when the hold is durable; the ERP is told after.
    case behind = 2
}

/// The terms of a channel's holds.
public struct HoldTerms: Sendable, Equatable, Codable, BitwiseCopyable {
    /// How long a hold lasts if the caller does not say.
    public var defaultTTLNanoseconds: Int64 = 15 * 60 * .perSecond
    /// The longest a hold may last from its creation; the default is never above it.
    public var longestTTLNanoseconds: Int64 = 24 * 3_600 * .perSecond
    /// Units of one sku that one customer may hold at a time, 1 or more; absent: any number.
    public var customerUnitsMax: Int64?
    /// Open reservations that one customer may have; absent: any number.
    public var customerHoldsMax: Int64?
    public var writeMode: WriteMode = .through
    /// The longest a call waits for the ERP's answer; absent: as long as the caller's deadline allows.
    public var erpWaitMaxNanoseconds: Int64?

    public init() {}
}

/// Terms of the hold that replace a channel's own for some skus. Fields left out stay as they are.
public struct HoldOverride: Sendable, Equatable, Codable, BitwiseCopyable {
    public var defaultTTLNanoseconds: Int64?
    public var longestTTLNanoseconds: Int64?
    public var customerUnitsMax: Int64?
    public var writeMode: WriteMode?
    public var erpWaitMaxNanoseconds: Int64?

    public init() {}

    /// States every term that may be overridden.
    public init(_ terms: HoldTerms) {
        defaultTTLNanoseconds = terms.defaultTTLNanoseconds
        longestTTLNanoseconds = terms.longestTTLNanoseconds
        customerUnitsMax = terms.customerUnitsMax
        writeMode = terms.writeMode
        erpWaitMaxNanoseconds = terms.erpWaitMaxNanoseconds
    }

    /// The stated terms by the names of the contract and of the configuration.
    public var statedNames: [String] {
        let terms = [
            ("default_ttl", defaultTTLNanoseconds != nil), ("longest_ttl", longestTTLNanoseconds != nil),
            ("customer_units_max", customerUnitsMax != nil), ("write_mode", writeMode != nil),
            ("erp_wait_max", erpWaitMaxNanoseconds != nil),
        ]
        return terms.filter(\.1).map(\.0)
    }

    /// The terms with what is stated here in their place.
    public func applied(to terms: HoldTerms) -> HoldTerms {
        var result = terms
        if let value = defaultTTLNanoseconds { result.defaultTTLNanoseconds = value }
        if let value = longestTTLNanoseconds { result.longestTTLNanoseconds = value }
        if let value = customerUnitsMax { result.customerUnitsMax = value }
        if let value = writeMode { result.writeMode = value }
        if let value = erpWaitMaxNanoseconds { result.erpWaitMaxNanoseconds = value }
        return result
    }
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
    public var allowedOversell: Int64?
    public var countInTransit: Bool?
    public var staleAfterNanoseconds: Int64?
    public var staleAction: StaleAction?
    /// Concern a whole line, so an override with a location states none.
    public var holds = HoldOverride()

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
    /// Reservation calls a second; 0: unlimited.
    public var reservationsPerSecond: Int64 = 0
    /// Reservation calls that may come at once. 0 with a rate: one second's worth.
    public var reservationsBurst: Int64 = 0
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
    public var holds = HoldTerms()
    /// Kept back at each location in addition while the channel is degraded: while a feed or the ERP write queue lags
    /// past its limit.
    public var degradationBuffer: StockBuffer = .units(0)
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
