/// The figures a position is made of, in units of the item's base unit. All are signed and never clamped.
public enum Bucket: Int, Sendable, CaseIterable {
    /// Gross stock, quarantined and damaged units included.
    case onHand = 0
    /// Foreign hard allocations only: the ERP's or WMS's for others.
    case allocated = 1
    /// Every open hold of ours, ACTIVE or COMMITTED. Only reservations change it.
    case reserved = 2
    /// Closed holds of ours that the ERP's figures still contain. Only reservations change it.
    case releasing = 3
    case quarantined = 4
    case damaged = 5
    /// Arriving by transfer.
    case inTransit = 6
    /// On order.
    case incoming = 7
    /// Promised beyond stock.
    case backordered = 8
    case safetyStock = 9

    /// The name in the contract, in explanations and in CSV headers.
    public var name: String {
        switch self {
        case .onHand: "on_hand"
        case .allocated: "allocated"
        case .reserved: "reserved"
        case .releasing: "releasing"
        case .quarantined: "quarantined"
        case .damaged: "damaged"
        case .inTransit: "in_transit"
        case .incoming: "incoming"
        case .backordered: "backordered"
        case .safetyStock: "safety_stock"
        }
    }

    /// Whether an event may set or move it. The other two are the ledger's own account of our holds.
    public var isFed: Bool { self != .reserved && self != .releasing }
}

/// A set of buckets.
public struct BucketSet: OptionSet, Sendable, Equatable {
    public let rawValue: UInt16

    public init(rawValue: UInt16) {
        self.rawValue = rawValue
    }

    public init(_ bucket: Bucket) {
        rawValue = 1 << UInt16(bucket.rawValue)
    }

    public func contains(_ bucket: Bucket) -> Bool {
        rawValue & (1 << UInt16(bucket.rawValue)) != 0
    }
}

/// One signed number per bucket.
public struct Buckets: Sendable, Equatable, BitwiseCopyable {
    public static let count = 10

    private var values = InlineArray<10, Int64>(repeating: 0)

    public init() {}

    public subscript(_ bucket: Bucket) -> Int64 {
        get { values[bucket.rawValue] }
        set { values[bucket.rawValue] = newValue }
    }

    public static func == (left: Buckets, right: Buckets) -> Bool {
        for index in 0..<count where left.values[index] != right.values[index] { return false }
        return true
    }
}
