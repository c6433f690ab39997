/// An event that passed the rules, its names resolved.
public struct AcceptedEvent: Sendable, Equatable {
    /// What is to be placed, and where. An entry that touches nothing: the position is seen, and stays as it is.
    public struct Stock: Sendable, Equatable {
        public let location: LocationNumber
        public let entry: JournalEntry
    }

    /// What is to be done to the hold that the event names.
    public enum Hold: Sendable, Equatable {
        /// Units left: they are taken out of it, at most what is open.
        case ship(Int64)
        /// The order is placed.
        case commit
        /// The order is off.
        case release
        /// It is what an allocation is for: then nothing is somebody else's.
        case allocate
    }

    /// What an event opens or closes of a reference: a transfer's goods, an allocation.
    public struct Leg: Sendable, Equatable {
        public let kind: ReferenceKind
        public let location: LocationNumber
        /// 1 or more.
        public let units: Int64
        public let opens: Bool
        /// See `ReferenceLine.Entry`.
        public let mayStandAlone: Bool
        public let key: OrderKey

        /// Whether it has more sold if it is left out: what is allocated, and goods that are on their way no more.
        public var isNeeded: Bool { opens == (kind == .allocation) }
    }

    public var stock: Stock?
    public var hold: Hold?
    public var leg: Leg?
    public var supply: Supply?
    /// What of the event is left out; empty: nothing.
    public var remark = ""

    init(stock: Stock? = nil, hold: Hold?) {
        self.stock = stock
        self.hold = hold
    }
}

extension InventoryEventKind {
    /// Whether it takes a place on a position's time line.
    var movesStock: Bool {
        switch self {
        case .sourceHeartbeat, .orderAccepted, .orderCancelled, .supplyUpdated, .supplyCancelled, .unsupported: false
        case .positionSnapshot, .cycleCount, .adjustment, .receiptPosted, .pickConfirmed, .shipmentConfirmed,
            .returnReceived, .statusChanged, .transferShipped, .transferReceived, .allocationCreated,
            .allocationReleased:
            true
        }
    }

    var isAbsolute: Bool { self == .positionSnapshot || self == .cycleCount }
    var isTransfer: Bool { self == .transferShipped || self == .transferReceived }
    var isSupply: Bool { self == .supplyUpdated || self == .supplyCancelled }
    var isAllocation: Bool { self == .allocationCreated || self == .allocationReleased }
}

/// The effect of each type on the buckets: the table of docs/events.md.
extension EventRules {
    /// Nil: the position is only seen, or the event is about none.
    static func effect(of event: InventoryEvent) throws(EventRejection) -> StockEffect? {
        switch event.kind {
        case .positionSnapshot:
            try checkContains(event)
            return try snapshotEffect(event.snapshot)
        case .cycleCount:
            guard event.status ?? .sellable == .sellable else {
                throw EventRejection(.invalidField, "status: CYCLE_COUNT counts the stock whatever its status")
            }
            var effect = StockEffect(isAbsolute: true, touched: BucketSet(.onHand))
            effect.values[.onHand] = try quantity(event)
            return effect
        case .adjustment:
            if event.reason.isEmpty { throw EventRejection(.invalidField, "reason: ADJUSTMENT needs a reason code") }
            return difference(try quantity(event), event.status)
        case .receiptPosted: return difference(try quantity(event, atLeast: 1), event.status)
        case .pickConfirmed:
            if event.quantity != nil { _ = try quantity(event, atLeast: 0) }
            return StockEffect(isAbsolute: false)
        case .shipmentConfirmed: return difference(-(try quantity(event, atLeast: 1)), event.status)
        case .returnReceived: return difference(try quantity(event, atLeast: 1), event.status ?? .quarantined)
        case .transferShipped: return difference(-(try quantity(event, atLeast: 1)), event.status)
        case .transferReceived: return difference(try quantity(event, atLeast: 1), event.status)
        case .allocationCreated, .allocationReleased:
            let units = try quantity(event, atLeast: 1)
            var effect = StockEffect(isAbsolute: false)
            effect.add(event.kind == .allocationCreated ? units : -units, to: .allocated)
            return effect
        case .statusChanged: return try statusEffect(event)
        case .orderAccepted, .orderCancelled, .supplyUpdated, .supplyCancelled, .sourceHeartbeat, .unsupported:
            return nil
        }
    }

    static func holdEffect(of event: InventoryEvent) throws(EventRejection) -> AcceptedEvent.Hold? {
        guard !event.hold.isEmpty else { return nil }
        return switch event.kind {
        case .shipmentConfirmed: .ship(try quantity(event, atLeast: 1))
        case .orderAccepted: .commit
        case .orderCancelled: .release
        case .allocationCreated, .allocationReleased: .allocate
        default: nil
        }
    }

    /// Units that came or went, with the part of them that counts their status.
    private static func difference(_ units: Int64, _ status: StockStatus?) -> StockEffect {
        var effect = StockEffect(isAbsolute: false)
        effect.add(units, to: .onHand)
        if let bucket = status?.bucket { effect.add(units, to: bucket) }
        return effect
    }

    private static func statusEffect(_ event: InventoryEvent) throws(EventRejection) -> StockEffect {
        let units = try quantity(event, atLeast: 1)
        let (before, after) = (event.status ?? .sellable, event.toStatus ?? .sellable)
        guard before != after else {
            throw EventRejection(.invalidField, "to_status: is the status before as well")
        }
        var effect = StockEffect(isAbsolute: false)
        if let bucket = before.bucket { effect.add(-units, to: bucket) }
        if let bucket = after.bucket { effect.add(units, to: bucket) }
        return effect
    }

    private static func checkContains(_ event: InventoryEvent) throws(EventRejection) {
        if !event.contains.isEmpty && !event.snapshot.touched.contains(.allocated) {
            throw EventRejection(.invalidField, "contains: is about position.allocated, which is absent")
        }
        for (index, hold) in event.contains.enumerated() {
            try checkText(hold.reservationID, "contains[\(index)].reservation_id", Limits.idBytesMax)
            guard (0...Limits.quantityMax).contains(hold.quantity) else {
                throw EventRejection(
                    .invalidField,
                    "contains[\(index)].quantity: 0 to \(Limits.quantityMax), is \(hold.quantity)")
            }
        }
    }

    private static func snapshotEffect(_ given: StockEffect) throws(EventRejection) -> StockEffect {
        var effect = StockEffect(isAbsolute: true)
        for bucket in Bucket.allCases where bucket.isFed && given.touched.contains(bucket) {
            let units = given.values[bucket]
            guard (-Limits.quantityMax...Limits.quantityMax).contains(units) else {
                throw EventRejection(
                    .invalidField, "position.\(bucket.name): within ±\(Limits.quantityMax), is \(units)")
            }
            effect.touched.insert(BucketSet(bucket))
            effect.values[bucket] = units
        }
        if effect.touched.isEmpty {
            throw EventRejection(
                .invalidField, "position: POSITION_SNAPSHOT needs at least one bucket besides reserved and releasing")
        }
        return effect
    }

    static func quantity(
        _ event: InventoryEvent, atLeast least: Int64 = -Limits.quantityMax
    ) throws(EventRejection) -> Int64 {
        guard let quantity = event.quantity else { throw EventRejection(.invalidField, "quantity: is required") }
        guard (least...Limits.quantityMax).contains(quantity) else {
            throw EventRejection(.invalidField, "quantity: \(least) to \(Limits.quantityMax), is \(quantity)")
        }
        return quantity
    }
}

extension StockEffect {
    fileprivate mutating func add(_ units: Int64, to bucket: Bucket) {
        touched.insert(BucketSet(bucket))
        values[bucket] += units
    }
}
