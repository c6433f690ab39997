internal import HotTable
internal import Inventory
internal import Ledger

/// What events open and close of a reference, at its bucket's position.
extension GroupWork {
    /// What came of an event's part in a reference.
    struct LegResult {
        /// It waits for what it closes.
        var isWaiting = false
        /// What is left out; empty: nothing.
        var remark = ""
    }

    /// Whether the place of an event that has nothing but its leg is no longer known.
    mutating func isPruned(
        _ leg: AcceptedEvent.Leg, of event: InventoryEvent
    ) throws(LedgerError) -> Bool {
        let position = try batch.position(tenant: figures, sku: event.sku, location: leg.location) ?? Position()
        let part = try part(event.lot, of: position, event.sku, at: leg.location)
        return leg.key.primary <= part.prunedThroughPrimary
    }

    /// - Parameter isOurs: it belongs to a hold of ours, so that nothing of the reference counts.
    mutating func take(
        _ leg: AcceptedEvent.Leg, of event: InventoryEvent, isOurs: Bool
    ) throws(LedgerError) -> LegResult {
        try makeKnown(event.sku, at: leg.location)
        guard try hasRoom(for: event.lot, event.sku, at: leg.location) else {
            return LegResult(remark: Self.noRoom.description)
        }
        guard !event.reference.isEmpty else {
            // Nothing to pair it by.
            let units = leg.opens ? leg.units : -leg.units
            let amendment = try amend(
                leg.kind.bucket, at: leg.location, lot: event.lot, leg.key, event.sku, by: units)
            return LegResult(remark: remark(of: leg, amendment))
        }
        let known = try batch.reference(
            tenant: figures, sku: event.sku, location: leg.location, kind: leg.kind, lot: event.lot,
            reference: event.reference)
        guard known != nil || rows(\.references) < Limits.referencesMax else {
            return LegResult(remark: "OUT_OF_RANGE: reference: at most \(Limits.referencesMax) are kept")
        }
        var line = known ?? ReferenceLine()
        line.touchedNanoseconds = nowNanoseconds
        line.isOurs = line.isOurs || isOurs
        let entry = ReferenceLine.Entry(
            occurredAtNanoseconds: event.occurredAtNanoseconds, key: leg.key, units: leg.units, opens: leg.opens,
            mayStandAlone: leg.mayStandAlone)
        guard line.insert(entry) else {
            return LegResult(remark: "TOO_OLD: reference: what belongs to \(event.reference) is no longer told apart")
        }
        try settle(&line, leg, event.sku, event.lot)
        let isWaiting = line.isWaiting(leg.key)
        let unpaired = line.fold(horizonNanoseconds: foldHorizonNanoseconds(line))
        if !isBeside { try note(unpaired, leg.kind, event.sku, at: leg.location) }
        try batch.setReference(
            line, tenant: figures, sku: event.sku, location: leg.location, kind: leg.kind, lot: event.lot,
            reference: event.reference)
        if !isBeside { referencesTouched += 1 }
        return LegResult(isWaiting: isWaiting)
    }

    /// Forgets references that are over, as many as were touched.
    mutating func pruneReferences(visiting count: Int) throws(LedgerError) {
        let forgotten = try batch.pruneReferences(
            tenant: figures, visiting: count, before: nowNanoseconds - settings.horizonNanoseconds)
        for reference in forgotten {
            try note(reference.closings, reference.kind, reference.sku, at: reference.location)
        }
    }

    /// What was closed and never opened is told to people: nothing is guessed of it.
    private mutating func note(
        _ unpaired: [ReferenceLine.Entry], _ kind: ReferenceKind, _ sku: String, at location: LocationNumber
    ) throws(LedgerError) {
        for closing in unpaired {
            var variance = Variance(cause: .closedWithoutOpening)
            (variance.sku, variance.location, variance.bucket) = (sku, location, kind.bucket.name)
            (variance.ours, variance.theirs) = (-closing.effect, closing.units)
            variance.eventID = closing.key.id
            try keep(variance)
        }
    }

    /// Any stock event makes its sku known, though it may have to wait.
    mutating func makeKnown(_ sku: String, at location: LocationNumber) throws(LedgerError) {
        guard try batch.position(tenant: figures, sku: sku, location: location) == nil else { return }
        var position = Position()
        position.sequence = batch.nextSequence()
        try batch.setPosition(position, tenant: figures, sku: sku, location: location)
        show(position, sku: sku, location: location)
    }

    /// What is being made keeps everything apart, as long as it can.
    private func foldHorizonNanoseconds(_ line: ReferenceLine) -> Int64 {
        isBeside && line.entries.count < Limits.referenceEventsMax ? .max : settings.horizonNanoseconds
    }

    /// Has every event of the line do what it should, now that they are known together. Ends, since each further round fixes
    /// one more entry.
    private mutating func settle(
        _ line: inout ReferenceLine, _ leg: AcceptedEvent.Leg, _ sku: String, _ lot: String
    ) throws(LedgerError) {
        var goesOn = true
        while goesOn {
            goesOn = false
            let wanted = line.wanted
            for index in line.entries.indices where wanted[index] != line.entries[index].effect {
                let entry = line.entries[index]
                let difference = wanted[index] - entry.effect
                switch try amend(leg.kind.bucket, at: leg.location, lot: lot, entry.key, sku, by: difference) {
                case .done: line.setEffect(wanted[index], at: index)
                case .tooOld, .outOfRange:
                    line.fix(at: index)
                    goesOn = true
                }
            }
        }
    }

    /// Changes what one event does to one bucket of a position, or of a lot of it, in its place on the time line there.
    mutating func amend(
        _ bucket: Bucket, at location: LocationNumber, lot: String = "", _ key: OrderKey, _ sku: String,
        by difference: Int64
    ) throws(LedgerError) -> Amendment {
        guard try hasRoom(for: lot, sku, at: location) else { return .outOfRange }
        var position = try batch.position(tenant: figures, sku: sku, location: location) ?? Position()
        let shortfall = position.shortfall
        let amendment: Amendment
        if lot.isEmpty {
            journalPlace = (sku, location, "")
            amendment = try position.amend(key, bucket, by: difference, journal: &self)
        } else {
            amendment = try amend(lot, of: &position, sku, at: location, key, bucket, by: difference)
        }
        guard amendment == .done else { return amendment }
        position.sequence = batch.nextSequence()
        try batch.setPosition(position, tenant: figures, sku: sku, location: location)
        try noteShortfall(of: position, before: shortfall, sku: sku, location: location)
        show(position, sku: sku, location: location)
        return .done
    }

    private func remark(of leg: AcceptedEvent.Leg, _ amendment: Amendment) -> String {
        switch amendment {
        case .done: ""
        case .tooOld: "TOO_OLD: \(leg.kind.bucket.name) stays as it is: its place there is no longer known"
        case .outOfRange: "OUT_OF_RANGE: \(leg.kind.bucket.name) would leave ±\(Limits.bucketMax)"
        }
    }
}
