/// The kinds of events a source may send. Raw values are those of the contract's `InventoryEventType`.
public enum InventoryEventKind: Sendable, Equatable {
    case positionSnapshot
    case cycleCount
    case adjustment
    case receiptPosted
    case pickConfirmed
    case shipmentConfirmed
    case transferShipped
    case transferReceived
    case allocationCreated
    case allocationReleased
    case returnReceived
    case statusChanged
    case orderAccepted
    case orderCancelled
    case supplyUpdated
    case supplyCancelled
    case sourceHeartbeat
    /// A type of the contract whose effect is not built: kept as a dead letter, never guessed.
    case unsupported(name: String)
}

/// A hold of ours that a source's figure includes.
public struct ContainedHold: Sendable, Equatable {
    public var reservationID: String
    /// 0: all its lines at the position.
    public var lineID: UInt32
    /// Units included, 0 or more.
    public var quantity: Int64

    public init(reservationID: String, lineID: UInt32, quantity: Int64) {
        self.reservationID = reservationID
        self.lineID = lineID
        self.quantity = quantity
    }
}

/// What of the stock on hand may be sold.
public enum StockStatus: UInt8, Sendable, Equatable, CaseIterable {
    case sellable = 1
    case quarantined = 2
    case damaged = 3
    /// One that this version has no name for: refused, never guessed.
    case unknown = 255

    /// The part of `on_hand` that counts it; nil: what may be sold is not counted apart.
    var bucket: Bucket? {
        switch self {
        case .sellable, .unknown: nil
        case .quarantined: .quarantined
        case .damaged: .damaged
        }
    }
}

/// How an event names a hold of ours: by the first of these that is not empty.
public struct HoldReference: Sendable, Equatable {
    public var reservationID = ""
    /// 0: found by sku and location.
    public var lineID: UInt32 = 0
    /// The ERP's name for it.
    public var erpReference = ""
    public var orderReference = ""

    public init() {}

    public var isEmpty: Bool { reservationID.isEmpty && erpReference.isEmpty && orderReference.isEmpty }
}

/// One canonical event, whatever feed it came by. Names of sources and locations are not resolved yet.
public struct InventoryEvent: Sendable, Equatable {
    public var id: String
    public var source: String
    public var kind: InventoryEventKind
    /// Per source, counted by the source; absent when the source does not count.
    public var sequence: UInt64?
    public var occurredAtNanoseconds: WallNanoseconds
    public var sku: String
    public var location: String
    public var lot: String
    /// CYCLE_COUNT: the count. ADJUSTMENT: the difference. Otherwise the units that moved, 1 or more.
    public var quantity: Int64?
    /// Of the stock that moved; of STATUS_CHANGED the status before. Nil: the type's default.
    public var status: StockStatus?
    /// STATUS_CHANGED: the status after.
    public var toStatus: StockStatus?
    /// A reason code, of those configured; required for ADJUSTMENT.
    public var reason: String
    /// Of a transfer: where the stock arrives.
    public var toLocation = ""
    /// What it belongs to at the source, such as a transfer or an allocation; may be empty.
    public var reference = ""
    /// The hold it is about; empty when it names none.
    public var hold = HoldReference()
    /// Follows the event into the history of the hold; may be empty.
    public var correlationID = ""
    /// POSITION_SNAPSHOT: the buckets present.
    public var snapshot: StockEffect
    /// POSITION_SNAPSHOT: our holds that `allocated` includes.
    public var contains: [ContainedHold]
    /// SUPPLY_UPDATED, SUPPLY_CANCELLED: the supply. RECEIPT_POSTED: the one it belongs to.
    public var supply: NamedSupply
    /// Of everything above, to tell a repeat from another body under the same id. The engine makes it as the event comes in.
    public var bodyDigest: UInt64

    public init(
        id: String, source: String, kind: InventoryEventKind, sequence: UInt64? = nil,
        occurredAtNanoseconds: WallNanoseconds, sku: String = "", location: String = "", lot: String = "",
        quantity: Int64? = nil, reason: String = "", snapshot: StockEffect = StockEffect(isAbsolute: true),
        contains: [ContainedHold] = [], supply: NamedSupply = NamedSupply(), bodyDigest: UInt64 = 0
    ) {
        self.id = id
        self.source = source
        self.kind = kind
        self.sequence = sequence
        self.occurredAtNanoseconds = occurredAtNanoseconds
        self.sku = sku
        self.location = location
        self.lot = lot
        self.quantity = quantity
        self.reason = reason
        self.snapshot = snapshot
        self.contains = contains
        self.supply = supply
        self.bodyDigest = bodyDigest
    }
}
