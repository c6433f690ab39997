internal import Engine
internal import Inventory
internal import Proto
internal import SwiftProtobuf

extension IncomingEvent {
    /// A canonical event from the wire's, with the bytes that are kept should it end as a dead letter. Nothing is
    /// checked here: `EventRules` judges every event, whatever feed it came by.
    init(_ wire: Availability_V1_InventoryEvent) {
        let original: [UInt8] = (try? wire.serializedBytes()) ?? []
        var event = InventoryEvent(
            id: wire.id, source: wire.source, kind: InventoryEventKind(wire.type),
            sequence: wire.hasSequence ? wire.sequence : nil,
            occurredAtNanoseconds: wire.hasOccurredAt ? wire.occurredAt.wallNanoseconds ?? 0 : 0, sku: wire.sku,
            location: wire.location, lot: wire.lot, quantity: wire.hasQuantity ? wire.quantity : nil,
            reason: wire.reason, snapshot: StockEffect(snapshot: wire.position),
            contains: wire.contains.map {
                ContainedHold(
                    reservationID: $0.reservationID, lineID: $0.reservationLine, quantity: $0.quantity)
            }, supply: NamedSupply(wire.supply))
        event.status = StockStatus(wire.status)
        event.toStatus = StockStatus(wire.toStatus)
        event.hold.reservationID = wire.reservationID
        event.hold.lineID = wire.reservationLine
        event.hold.erpReference = wire.erpReference
        event.hold.orderReference = wire.orderReference
        event.correlationID = wire.correlationID
        event.toLocation = wire.toLocation
        event.reference = wire.reference
        self.init(event: event, original: original)
    }
}

extension InventoryEventKind {
    init(_ type: Availability_V1_InventoryEventType) {
        switch type {
        case .positionSnapshot: self = .positionSnapshot
        case .cycleCount: self = .cycleCount
        case .adjustment: self = .adjustment
        case .receiptPosted: self = .receiptPosted
        case .pickConfirmed: self = .pickConfirmed
        case .shipmentConfirmed: self = .shipmentConfirmed
        case .transferShipped: self = .transferShipped
        case .transferReceived: self = .transferReceived
        case .allocationCreated: self = .allocationCreated
        case .allocationReleased: self = .allocationReleased
        case .returnReceived: self = .returnReceived
        case .statusChanged: self = .statusChanged
        case .orderAccepted: self = .orderAccepted
        case .orderCancelled: self = .orderCancelled
        case .supplyUpdated: self = .supplyUpdated
        case .supplyCancelled: self = .supplyCancelled
        case .sourceHeartbeat: self = .sourceHeartbeat
        case .unspecified: self = .unsupported(name: "")
        case .UNRECOGNIZED(let number): self = .unsupported(name: "number \(number)")
        }
    }
}

extension StockStatus {
    /// Nil: the type's default.
    fileprivate init?(_ wire: Availability_V1_StockStatus) {
        switch wire {
        case .sellable: self = .sellable
        case .quarantined: self = .quarantined
        case .damaged: self = .damaged
        case .unspecified: return nil
        case .UNRECOGNIZED: self = .unknown
        }
    }
}

extension NamedSupply {
    fileprivate init(_ wire: Availability_V1_Supply) {
        self.init(
            id: wire.id, quantity: wire.quantity,
            expectedAtNanoseconds: wire.hasExpectedAt ? wire.expectedAt.wallNanoseconds ?? 0 : 0,
            backordered: wire.backordered)
    }
}

extension StockEffect {
    /// The buckets present, absolute. `reserved` and `releasing` are the ledger's own account and ignored.
    init(snapshot wire: Availability_V1_Position) {
        self.init(isAbsolute: true)
        func take(_ bucket: Bucket, _ isPresent: Bool, _ value: Int64) {
            guard isPresent else { return }
            touched.insert(BucketSet(bucket))
            values[bucket] = value
        }
        take(.onHand, wire.hasOnHand, wire.onHand)
        take(.allocated, wire.hasAllocated, wire.allocated)
        take(.quarantined, wire.hasQuarantined, wire.quarantined)
        take(.damaged, wire.hasDamaged, wire.damaged)
        take(.inTransit, wire.hasInTransit, wire.inTransit)
        take(.incoming, wire.hasIncoming, wire.incoming)
        take(.backordered, wire.hasBackordered, wire.backordered)
        take(.safetyStock, wire.hasSafetyStock, wire.safetyStock)
    }
}

extension Availability_V1_EventResult {
    init(_ result: EventResult) {
        self.init()
        eventID = result.id
        reason = result.reason
        outcome = .init(result.outcome)
    }
}

extension Availability_V1_Position {
    init(_ buckets: Buckets) {
        self.init()
        onHand = buckets[.onHand]
        allocated = buckets[.allocated]
        reserved = buckets[.reserved]
        releasing = buckets[.releasing]
        quarantined = buckets[.quarantined]
        damaged = buckets[.damaged]
        inTransit = buckets[.inTransit]
        incoming = buckets[.incoming]
        backordered = buckets[.backordered]
        safetyStock = buckets[.safetyStock]
    }
}
