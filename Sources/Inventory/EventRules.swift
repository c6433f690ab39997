/// How far from the present an event may have occurred.
public struct EventBounds: Sendable, Equatable {
    /// How far behind its source's newest event, in nanoseconds.
    public var horizonNanoseconds: Int64
    /// How far ahead of our clock, in nanoseconds.
    public var clockSkewMaxNanoseconds: Int64

    public init(
        horizonNanoseconds: Int64 = Limits.horizonNanoseconds,
        clockSkewMaxNanoseconds: Int64 = Limits.clockSkewNanosecondsMax
    ) {
        self.horizonNanoseconds = horizonNanoseconds
        self.clockSkewMaxNanoseconds = clockSkewMaxNanoseconds
    }
}

/// Judges events before they are placed: pure functions of the event and of what is known of its source.
public enum EventRules {
    /// Checks what needs no look-up: fields, type and lot. To be called before the source is looked up or made known.
    ///
    /// - Parameter isReading: the server asked for the figure itself: it contains as many holds as there are.
    public static func checkFields(_ event: InventoryEvent, isReading: Bool = false) throws(EventRejection) {
        try checkText(event.id, "id", Limits.idBytesMax)
        try checkText(event.source, "source", Limits.nameBytesMax)
        if event.occurredAtNanoseconds <= 0 { throw EventRejection(.invalidField, "occurred_at: is required") }
        switch event.kind {
        case .unsupported(name: ""): throw EventRejection(.invalidField, "type: is required")
        case .unsupported(let name): throw EventRejection(.typeNotSupported, "type: \(name) is not supported")
        case .sourceHeartbeat: return
        case .orderAccepted, .orderCancelled:
            if event.hold.isEmpty {
                throw EventRejection(
                    .invalidField, "reservation_id: this, erp_reference or order_reference is required")
            }
            try checkOptionalText(event.sku, "sku", Limits.skuBytesMax)
        case .positionSnapshot, .cycleCount, .adjustment, .receiptPosted, .pickConfirmed, .shipmentConfirmed,
            .returnReceived, .statusChanged, .transferShipped, .transferReceived, .allocationCreated,
            .allocationReleased, .supplyUpdated, .supplyCancelled:
            try checkText(event.sku, "sku", Limits.skuBytesMax)
            try checkText(event.location, "location", Limits.nameBytesMax)
            if event.kind.isTransfer {
                try checkText(event.toLocation, "to_location", Limits.nameBytesMax)
                if event.toLocation == event.location {
                    throw EventRejection(.invalidField, "to_location: is the location it left")
                }
            }
            if !event.lot.isEmpty, event.kind.isSupply {
                throw EventRejection(.lotNotSupported, "lot: supplies are not split by lot")
            }
        }
        try checkOptionalText(event.lot, "lot", Limits.idBytesMax)
        try checkOptionalText(event.reason, "reason", Limits.idBytesMax)
        try checkOptionalText(event.reference, "reference", Limits.idBytesMax)
        try checkOptionalText(event.supply.id, "supply.id", Limits.idBytesMax)
        try checkOptionalText(event.hold.reservationID, "reservation_id", Limits.idBytesMax)
        try checkOptionalText(event.hold.erpReference, "erp_reference", Limits.idBytesMax)
        try checkOptionalText(event.hold.orderReference, "order_reference", Limits.idBytesMax)
        try checkOptionalText(event.correlationID, "correlation_id", Limits.idBytesMax)
        try checkStatus(event.status, "status")
        try checkStatus(event.toStatus, "to_status")
        try checkSupply(event)
        if !isReading && event.contains.count > Limits.containsMax {
            throw EventRejection(.invalidField, "contains: at most \(Limits.containsMax), are \(event.contains.count)")
        }
        _ = try effect(of: event)
    }

    /// Judges an event that passed `checkFields` by what is known, and resolves its names.
    ///
    /// - Parameters:
    ///   - source: the number of the event's source.
    ///   - progress: how far that source has come, before this event.
    ///   - reasonCodes: those that are configured; nil: any.
    public static func accept(
        _ event: InventoryEvent, source: SourceNumber, terms: SourceTerms, progress: SourceProgress,
        directory: LocationDirectory, nowNanoseconds: WallNanoseconds, bounds: EventBounds = EventBounds(),
        reasonCodes: Set<String>? = nil
    ) throws(EventRejection) -> AcceptedEvent {
        precondition(source != 0)
        try checkReason(event, among: reasonCodes)
        try checkTime(event, progress, nowNanoseconds, bounds)
        let primary = try primary(of: event, terms)
        let hold = try holdEffect(of: event)
        guard event.kind.movesStock || event.kind.isSupply else { return AcceptedEvent(hold: hold) }
        let location = try number(of: event.location, "location", directory)
        let key = OrderKey(
            primary: primary, isAbsolute: event.kind.isAbsolute, source: OrderKey.digest(ofSource: event.source),
            id: event.id)
        let sender = Sender(number: source, terms: terms, directory: directory)
        var accepted = AcceptedEvent(hold: hold)
        if event.kind.isSupply {
            accepted.supply = try toldSupply(event, sender, at: location)
        } else if event.kind.isTransfer {
            let destination = try number(of: event.toLocation, "to_location", directory)
            let own = event.kind == .transferShipped ? location : destination
            try sender.checkLot(event, own)
            accepted.stock = try stock(event, key, sender, at: own)
            try addLeg(.transfer, event, key, sender, at: destination, to: &accepted)
        } else {
            try sender.checkLot(event, location)
            if event.kind.isAllocation {
                try sender.checkOwner(event, BucketSet(.allocated), location)
            }
            if !event.kind.isAllocation || event.reference.isEmpty {
                accepted.stock = try stock(event, key, sender, at: location)
            }
            accepted.supply = try receivedSupply(event, key, sender, at: location)
            if !event.reference.isEmpty, event.kind.isAllocation || event.kind == .shipmentConfirmed {
                try addLeg(.allocation, event, key, sender, at: location, to: &accepted)
            }
        }
        return accepted
    }

    private static func number(
        of name: String, _ field: String, _ directory: LocationDirectory
    ) throws(EventRejection) -> LocationNumber {
        guard let number = directory.number(of: name) else {
            throw EventRejection(.unknownLocation, "\(field): no location is called \(name)")
        }
        return number
    }

    private static func stock(
        _ event: InventoryEvent, _ key: OrderKey, _ sender: Sender, at location: LocationNumber
    ) throws(EventRejection) -> AcceptedEvent.Stock? {
        guard let effect = try effect(of: event) else { return nil }
        try sender.checkOwner(event, effect.touched, location)
        return .init(location: location, entry: JournalEntry(key: key, effect: effect))
    }

    /// The part of an event that belongs to a reference is left out where its sender may not move the bucket: goods that moved
    /// are never refused for it.
    private static func addLeg(
        _ kind: ReferenceKind, _ event: InventoryEvent, _ key: OrderKey, _ sender: Sender,
        at location: LocationNumber, to accepted: inout AcceptedEvent
    ) throws(EventRejection) {
        guard sender.mayMove(kind.bucket, location) || (kind == .transfer && sender.mayShare(location)) else {
            // A shipment's reference is mostly its own number, and no allocation's.
            guard event.kind != .shipmentConfirmed else { return }
            let place = sender.directory.location(location)?.id ?? ""
            accepted.remark = "NOT_OWNER: \(kind.bucket.name) of \(place) stays as it is"
            return
        }
        accepted.leg = .init(
            kind: kind, location: location, units: try quantity(event, atLeast: 1),
            opens: event.kind == .transferShipped || event.kind == .allocationCreated,
            mayStandAlone: event.kind == .shipmentConfirmed, key: key)
    }

    /// Up to which primary the journals of a source's positions may be pruned; nil: nothing yet.
    public static func horizonPrimary(
        _ terms: SourceTerms, _ progress: SourceProgress, bounds: EventBounds = EventBounds()
    ) -> Int64? {
        switch terms.order {
        case .occurredAt:
            let horizon = progress.newestOccurredAtNanoseconds - bounds.horizonNanoseconds
            return horizon > 0 ? horizon - 1 : nil
        case .sequence:
            guard let next = progress.nextSequence, next > UInt64(Limits.horizonSequences) else { return nil }
            return Int64(clamping: next) - Limits.horizonSequences - 1
        }
    }

    private static func checkTime(
        _ event: InventoryEvent, _ progress: SourceProgress, _ nowNanoseconds: WallNanoseconds, _ bounds: EventBounds
    ) throws(EventRejection) {
        // Both times are positive, so the differences cannot overflow.
        let ahead = event.occurredAtNanoseconds - max(0, nowNanoseconds)
        if ahead > bounds.clockSkewMaxNanoseconds {
            throw EventRejection(
                .clockSkew,
                "occurred_at: \(ahead / .perSecond) s ahead, at most \(bounds.clockSkewMaxNanoseconds / .perSecond) s")
        }
        let behind = progress.newestOccurredAtNanoseconds - event.occurredAtNanoseconds
        if behind > bounds.horizonNanoseconds {
            throw EventRejection(
                .tooOld,
                "occurred_at: \(behind / .perSecond) s behind the source's newest event, "
                    + "at most \(bounds.horizonNanoseconds / .perSecond) s")
        }
    }

    private static func primary(of event: InventoryEvent, _ terms: SourceTerms) throws(EventRejection) -> Int64 {
        if let sequence = event.sequence, sequence > UInt64(Int64.max) {
            throw EventRejection(.invalidField, "sequence: at most \(Int64.max), is \(sequence)")
        }
        switch terms.order {
        case .occurredAt: return event.occurredAtNanoseconds
        case .sequence:
            if let sequence = event.sequence { return Int64(sequence) }
            // What takes no place on a position's time line needs no number there.
            if !event.kind.movesStock { return 0 }
            throw EventRejection(.invalidField, "sequence: is required of a source ordered by sequence")
        }
    }

    static func checkText(_ text: String, _ field: String, _ bytesMax: Int) throws(EventRejection) {
        if let problem = TextRules.problem(text, bytesMax: bytesMax) {
            throw EventRejection(.invalidField, "\(field): \(problem)")
        }
    }

    private static func checkStatus(_ status: StockStatus?, _ field: String) throws(EventRejection) {
        if status == .unknown { throw EventRejection(.invalidField, "\(field): there is no such status") }
    }

    private static func checkOptionalText(_ text: String, _ field: String, _ bytesMax: Int) throws(EventRejection) {
        if let problem = TextRules.problemUnlessEmpty(text, bytesMax: bytesMax) {
            throw EventRejection(.invalidField, "\(field): \(problem)")
        }
    }
}

/// Who sends an event, and what that source may move.
struct Sender {
    let number: SourceNumber
    let terms: SourceTerms
    let directory: LocationDirectory

    /// A source ordered by sequence shares no time line, so it may send only what it owns.
    func mayMove(_ bucket: Bucket, _ location: LocationNumber) -> Bool {
        let owner = directory.owner(of: location, bucket: bucket)
        return owner == number || (owner == 0 && terms.order == .occurredAt)
    }

    /// Both ends of a transfer tell of what is between them, when their times can be compared.
    func mayShare(_ location: LocationNumber) -> Bool {
        terms.order == .occurredAt && !directory.isOrderedBySequence(location)
    }

    /// Whose figures without a lot contain the lots tells of lots only where those figures are the position's.
    func checkLot(_ event: InventoryEvent, _ location: LocationNumber) throws(EventRejection) {
        guard !event.lot.isEmpty, terms.lots == .included,
            directory.owner(of: location, bucket: .onHand) != number
        else { return }
        let place = directory.location(location)?.id ?? ""
        throw EventRejection(
            .notOwner,
            "lot: the lots of \(event.source) are included in its figures, and it does not own on_hand of \(place)")
    }

    func checkOwner(
        _ event: InventoryEvent, _ touched: BucketSet, _ location: LocationNumber
    ) throws(EventRejection) {
        for bucket in Bucket.allCases where touched.contains(bucket) && !mayMove(bucket, location) {
            let place = directory.location(location)?.id ?? ""
            throw EventRejection(.notOwner, "source: \(event.source) does not own \(bucket.name) of \(place)")
        }
    }
}
