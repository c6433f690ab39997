/// A supply as an event names it.
public struct NamedSupply: Sendable, Equatable {
    /// The source's name for it; empty: the event is about none.
    public var id = ""
    /// SUPPLY_UPDATED: units still to come.
    public var quantity: Int64 = 0
    /// SUPPLY_UPDATED: when; 0: not said.
    public var expectedAtNanoseconds: WallNanoseconds = 0
    /// SUPPLY_UPDATED: units of it that are promised already.
    public var backordered: Int64 = 0

    public init(
        id: String = "", quantity: Int64 = 0, expectedAtNanoseconds: WallNanoseconds = 0, backordered: Int64 = 0
    ) {
        self.id = id
        self.quantity = quantity
        self.expectedAtNanoseconds = expectedAtNanoseconds
        self.backordered = backordered
    }
}

extension AcceptedEvent {
    /// What an event tells of a supply, or what came in of it.
    public struct Supply: Sendable, Equatable {
        public enum Part: Sendable, Equatable {
            case told(SupplyFigure)
            case received(SupplyReceipt)
        }

        public let location: LocationNumber
        public let part: Part
    }
}

extension EventRules {
    static func checkSupply(_ event: InventoryEvent) throws(EventRejection) {
        guard event.kind.isSupply else { return }
        try checkText(event.supply.id, "supply.id", Limits.idBytesMax)
        guard event.kind == .supplyUpdated else { return }
        for (field, units) in [("quantity", event.supply.quantity), ("backordered", event.supply.backordered)]
        where !(0...Limits.quantityMax).contains(units) {
            throw EventRejection(.invalidField, "supply.\(field): 0 to \(Limits.quantityMax), is \(units)")
        }
        if event.supply.expectedAtNanoseconds <= 0 {
            throw EventRejection(.invalidField, "supply.expected_at: is required")
        }
    }

    /// Of SUPPLY_UPDATED and SUPPLY_CANCELLED.
    static func toldSupply(
        _ event: InventoryEvent, _ sender: Sender, at location: LocationNumber
    ) throws(EventRejection) -> AcceptedEvent.Supply {
        // Supplies are ordered by time, so a source ordered by sequence may tell of what nobody owns as well.
        let owner = sender.directory.owner(of: location, bucket: .incoming)
        if owner != 0 { try sender.checkOwner(event, BucketSet(.incoming), location) }
        let isCancelled = event.kind == .supplyCancelled
        return .init(
            location: location,
            part: .told(
                SupplyFigure(
                    occurredAtNanoseconds: event.occurredAtNanoseconds,
                    source: OrderKey.digest(ofSource: event.source), id: event.id,
                    quantity: isCancelled ? 0 : event.supply.quantity,
                    expectedAtNanoseconds: isCancelled ? 0 : event.supply.expectedAtNanoseconds,
                    backordered: isCancelled ? 0 : event.supply.backordered, isCancelled: isCancelled)))
    }

    /// Of a receipt; nil: it names none.
    static func receivedSupply(
        _ event: InventoryEvent, _ key: OrderKey, _ sender: Sender, at location: LocationNumber
    ) throws(EventRejection) -> AcceptedEvent.Supply? {
        guard event.kind == .receiptPosted, !event.supply.id.isEmpty else { return nil }
        return .init(
            location: location,
            part: .received(
                SupplyReceipt(
                    occurredAtNanoseconds: event.occurredAtNanoseconds, key: key,
                    units: try quantity(event, atLeast: 1), mayLowerIncoming: sender.mayMove(.incoming, location))))
    }

    /// Reason codes are the configuration's; where it names none, any will do.
    static func checkReason(_ event: InventoryEvent, among codes: Set<String>?) throws(EventRejection) {
        switch event.kind {
        case .adjustment, .statusChanged, .returnReceived:
            guard let codes, !event.reason.isEmpty, !codes.contains(event.reason) else { return }
            throw EventRejection(.invalidField, "reason: \(event.reason) is not among the configured codes")
        default: return
        }
    }
}
