/// An event that passed the rules, its names resolved.
public struct AcceptedEvent: Sendable, Equatable {
    /// What is to be placed, and where; absent for a heartbeat.
    public struct Stock: Sendable, Equatable {
        public let location: LocationNumber
        public let entry: JournalEntry
    }

    public let stock: Stock?
    public let isHeartbeat: Bool
}

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
    public static func checkFields(_ event: InventoryEvent) throws(EventRejection) {
        try checkText(event.id, "id", Limits.idBytesMax)
        try checkText(event.source, "source", Limits.nameBytesMax)
        if event.occurredAtNanoseconds <= 0 { throw EventRejection(.invalidField, "occurred_at: is required") }
        switch event.kind {
        case .unsupported(name: ""): throw EventRejection(.invalidField, "type: is required")
        case .unsupported(let name): throw EventRejection(.typeNotSupported, "type: \(name) is not supported")
        case .sourceHeartbeat: return
        case .positionSnapshot, .cycleCount, .adjustment, .receiptPosted: break
        }
        try checkText(event.sku, "sku", Limits.skuBytesMax)
        try checkText(event.location, "location", Limits.nameBytesMax)
        if !event.lot.isEmpty { throw EventRejection(.lotNotSupported, "lot: positions are not split by lot") }
        try checkOptionalText(event.reason, "reason", Limits.idBytesMax)
        try checkOptionalText(event.supplyID, "supply.id", Limits.idBytesMax)
        _ = try effect(of: event)
    }

    /// Checks everything and resolves the names.
    ///
    /// - Parameters:
    ///   - source: the number of the event's source.
    ///   - progress: how far that source has come, before this event.
    public static func accept(
        _ event: InventoryEvent, source: SourceNumber, terms: SourceTerms, progress: SourceProgress,
        directory: LocationDirectory, nowNanoseconds: WallNanoseconds, bounds: EventBounds = EventBounds()
    ) throws(EventRejection) -> AcceptedEvent {
        precondition(source != 0)
        try checkFields(event)
        try checkTime(event, progress, nowNanoseconds, bounds)
        let primary = try primary(of: event, terms)
        if event.kind == .sourceHeartbeat { return AcceptedEvent(stock: nil, isHeartbeat: true) }
        guard let location = directory.number(of: event.location) else {
            throw EventRejection(.unknownLocation, "location: no location is called \(event.location)")
        }
        let effect = try effect(of: event)
        try checkOwner(event, effect, source, terms, directory, location)
        let key = OrderKey(
            primary: primary, isAbsolute: effect.isAbsolute, source: OrderKey.digest(ofSource: event.source),
            id: event.id)
        let entry = JournalEntry(key: key, effect: effect)
        return AcceptedEvent(stock: .init(location: location, entry: entry), isHeartbeat: false)
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

    /// The event's effect on its position. Not for heartbeats.
    private static func effect(of event: InventoryEvent) throws(EventRejection) -> StockEffect {
        switch event.kind {
        case .positionSnapshot:
            try checkContains(event)
            return try snapshotEffect(event.snapshot)
        case .cycleCount:
            var effect = StockEffect(isAbsolute: true, touched: BucketSet(.onHand))
            effect.values[.onHand] = try quantity(event)
            return effect
        case .adjustment:
            if event.reason.isEmpty { throw EventRejection(.invalidField, "reason: ADJUSTMENT needs a reason code") }
            var effect = StockEffect(isAbsolute: false, touched: BucketSet(.onHand))
            effect.values[.onHand] = try quantity(event)
            return effect
        case .receiptPosted:
            let received = try quantity(event, atLeast: 1)
            var effect = StockEffect(isAbsolute: false, touched: BucketSet(.onHand))
            effect.values[.onHand] = received
            if !event.supplyID.isEmpty {
                effect.touched.insert(BucketSet(.incoming))
                effect.values[.incoming] = -received
            }
            return effect
        case .sourceHeartbeat, .unsupported: preconditionFailure("the event has no effect")
        }
    }

    private static func checkContains(_ event: InventoryEvent) throws(EventRejection) {
        guard event.contains.count <= Limits.containsMax else {
            throw EventRejection(
                .invalidField, "contains: at most \(Limits.containsMax), are \(event.contains.count)")
        }
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

    private static func quantity(
        _ event: InventoryEvent, atLeast least: Int64 = -Limits.quantityMax
    ) throws(EventRejection) -> Int64 {
        guard let quantity = event.quantity else { throw EventRejection(.invalidField, "quantity: is required") }
        guard (least...Limits.quantityMax).contains(quantity) else {
            throw EventRejection(.invalidField, "quantity: \(least) to \(Limits.quantityMax), is \(quantity)")
        }
        return quantity
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
            // A heartbeat takes no place on a position's time line.
            if event.kind == .sourceHeartbeat { return 0 }
            throw EventRejection(.invalidField, "sequence: is required of a source ordered by sequence")
        }
    }

    /// A source ordered by sequence shares no time line, so it may send only what it owns.
    private static func checkOwner(
        _ event: InventoryEvent, _ effect: StockEffect, _ source: SourceNumber, _ terms: SourceTerms,
        _ directory: LocationDirectory, _ location: LocationNumber
    ) throws(EventRejection) {
        for bucket in Bucket.allCases where effect.touched.contains(bucket) {
            let owner = directory.owner(of: location, bucket: bucket)
            if owner == source || (owner == 0 && terms.order == .occurredAt) { continue }
            throw EventRejection(
                .notOwner, "source: \(event.source) does not own \(bucket.name) of \(event.location)")
        }
    }

    private static func checkText(_ text: String, _ field: String, _ bytesMax: Int) throws(EventRejection) {
        if let problem = TextRules.problem(text, bytesMax: bytesMax) {
            throw EventRejection(.invalidField, "\(field): \(problem)")
        }
    }

    private static func checkOptionalText(_ text: String, _ field: String, _ bytesMax: Int) throws(EventRejection) {
        if let problem = TextRules.problemUnlessEmpty(text, bytesMax: bytesMax) {
            throw EventRejection(.invalidField, "\(field): \(problem)")
        }
    }
}
