internal import Engine
internal import Inventory
internal import Proto
internal import SwiftProtobuf

extension Availability_V1_InventoryEvent {
    /// An event as it came, or, by another feed than our own API, as it was understood.
    init(asItCame incoming: IncomingEvent) {
        if incoming.contentType == .protobuf,
            let sent = try? Availability_V1_InventoryEvent(serializedBytes: incoming.original),
            sent.id == incoming.event.id, sent.source == incoming.event.source
        {
            self = sent
        } else {
            self.init(incoming.event)
        }
    }

    private init(_ event: InventoryEvent) {
        self.init()
        id = event.id
        source = event.source
        type = .init(event.kind)
        if let sequence = event.sequence { self.sequence = sequence }
        if event.occurredAtNanoseconds > 0 { occurredAt = .init(wallNanoseconds: event.occurredAtNanoseconds) }
        sku = event.sku
        location = event.location
        toLocation = event.toLocation
        lot = event.lot
        if let quantity = event.quantity { self.quantity = quantity }
        status = .init(event.status)
        toStatus = .init(event.toStatus)
        reason = event.reason
        reference = event.reference
        reservationID = event.hold.reservationID
        reservationLine = event.hold.lineID
        erpReference = event.hold.erpReference
        orderReference = event.hold.orderReference
        correlationID = event.correlationID
        if !event.snapshot.touched.isEmpty { position = .init(event.snapshot) }
        contains = event.contains.map { held in
            .with {
                $0.reservationID = held.reservationID
                $0.reservationLine = held.lineID
                $0.quantity = held.quantity
            }
        }
        guard !event.supply.id.isEmpty else { return }
        supply.id = event.supply.id
        supply.quantity = event.supply.quantity
        supply.backordered = event.supply.backordered
        if event.supply.expectedAtNanoseconds > 0 {
            supply.expectedAt = .init(wallNanoseconds: event.supply.expectedAtNanoseconds)
        }
    }
}

extension Availability_V1_InventoryEventType {
    init(_ kind: InventoryEventKind) {
        self = Self.allCases.first { InventoryEventKind($0) == kind } ?? .unspecified
    }
}

extension Availability_V1_StockStatus {
    fileprivate init(_ status: StockStatus?) {
        self = status.flatMap { Self(rawValue: Int($0.rawValue)) } ?? .unspecified
    }
}

extension Availability_V1_Position {
    /// The buckets that a snapshot tells of.
    fileprivate init(_ snapshot: StockEffect) {
        self.init()
        func told(_ bucket: Bucket, _ field: WritableKeyPath<Self, Int64>) {
            if snapshot.touched.contains(bucket) { self[keyPath: field] = snapshot.values[bucket] }
        }
        told(.onHand, \.onHand)
        told(.allocated, \.allocated)
        told(.quarantined, \.quarantined)
        told(.damaged, \.damaged)
        told(.inTransit, \.inTransit)
        told(.incoming, \.incoming)
        told(.backordered, \.backordered)
        told(.safetyStock, \.safetyStock)
    }
}

extension Availability_V1_EventOutcome {
    init(_ outcome: EventOutcome) {
        self =
            switch outcome {
            case .applied: .applied
            case .duplicate: .duplicate
            case .superseded: .superseded
            case .buffered: .buffered
            case .deadLettered: .deadLettered
            }
    }
}
