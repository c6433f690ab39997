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

    /// Why the ledger cannot keep an event's part in a reference; nil: it can.
    ///
    /// - Parameter holds: see `ReferenceLine.Entry`.
    func problem(
        of leg: AcceptedEvent.Leg, _ event: InventoryEvent, holds: [ReservationNumber]
    ) throws(LedgerError) -> EventRejection? {
        if holds.count > Limits.referenceHoldsMax {
            return EventRejection(
                .outOfRange, "reference: at most \(Limits.referenceHoldsMax) open reservations are told apart")
        }
        return problem(of: leg, event, in: try line(of: leg, event))
    }

    private func problem(
        of leg: AcceptedEvent.Leg, _ event: InventoryEvent, in known: ReferenceLine?
    ) -> EventRejection? {
        guard var line = known else {
            // Shipments mostly close no allocation: what they open must leave room for those that there are.
            let most = leg.isNeeded ? settings.referencesMax : settings.referencesMax / 4 * 3
            guard rows(\.references) >= most else { return nil }
            return EventRejection(.outOfRange, "reference: at most \(most) are kept")
        }
        line.makeRoom(at: event.occurredAtNanoseconds, horizonNanoseconds: settings.horizonNanoseconds)
        return line.problem(atNanoseconds: event.occurredAtNanoseconds)
    }

    private func line(
        of leg: AcceptedEvent.Leg, _ event: InventoryEvent
    ) throws(LedgerError) -> ReferenceLine? {
        try batch.reference(
            tenant: figures, sku: event.sku, location: leg.location, kind: leg.kind, lot: event.lot,
            reference: event.reference)
    }

    /// - Parameters:
    ///   - isOurs: it belongs to a hold of ours, so that nothing of it counts.
    ///   - named: the holds of ours that it is in the name of.
    ///   - isOfHold: see `ReferenceLine.Entry`.
    mutating func take(
        _ leg: AcceptedEvent.Leg, of event: InventoryEvent, isOurs: Bool, named: [Reservation], isOfHold: Bool
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
        let holds = isOurs ? openNumbers(of: named) : []
        let known = try line(of: leg, event)
        if let problem = problem(of: leg, event, in: known) {
            if !isBeside { legsLeftOut += 1 }
            return LegResult(remark: problem.description)
        }
        var line = known ?? ReferenceLine()
        var unpaired = line.makeRoom(
            at: event.occurredAtNanoseconds, horizonNanoseconds: settings.horizonNanoseconds)
        // The past is not touched now: what is over of it must not be kept for another horizon.
        let touched = try isReplaying ? touchOfRunning(leg, of: event) ?? event.occurredAtNanoseconds : nowNanoseconds
        line.touchedNanoseconds = max(line.touchedNanoseconds, min(touched, nowNanoseconds))
        try keep(allocationOf: event, for: holds, at: leg.location)
        var entry = ReferenceLine.Entry(
            occurredAtNanoseconds: event.occurredAtNanoseconds, key: leg.key, units: leg.units, opens: leg.opens,
            mayStandAlone: leg.mayStandAlone, isOfHold: isOfHold)
        (entry.isOurs, entry.holds) = (isOurs, holds)
        entry.hasLostHold = isOurs && named.contains(where: \.state.isLost)
        guard line.insert(entry) else { preconditionFailure("a reference has room for what has no problem") }
        try settle(&line, leg.kind, at: leg.location, event.sku, event.lot)
        let isWaiting = line.isWaiting(leg.key)
        unpaired += line.fold(horizonNanoseconds: foldHorizonNanoseconds(line))
        if !isBeside { try note(unpaired, leg.kind, event.sku, at: leg.location, lot: event.lot) }
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
            try note(
                reference.closings, reference.kind, reference.sku, at: reference.location, lot: reference.lot)
        }
    }

    /// What was closed and never opened is told to people: nothing is guessed of it.
    private mutating func note(
        _ unpaired: [ReferenceLine.Entry], _ kind: ReferenceKind, _ sku: String, at location: LocationNumber,
        lot: String
    ) throws(LedgerError) {
        for closing in unpaired {
            var variance = Variance(cause: .closedWithoutOpening)
            (variance.sku, variance.location, variance.bucket) = (sku, location, kind.bucket.name)
            (variance.ours, variance.theirs) = (-closing.effect, closing.units)
            if !lot.isEmpty { variance.lot = lot }
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

    /// What is being made keeps everything apart, as long as it can; so does what may yet count.
    private func foldHorizonNanoseconds(_ line: ReferenceLine) -> Int64 {
        line.isHeld || (isBeside && line.entries.count < Limits.referenceEventsMax)
            ? .max : settings.horizonNanoseconds
    }

    /// Has every event of the line do what it should, now that they are known together. Ends, since each further round fixes
    /// one more entry.
    mutating func settle(
        _ line: inout ReferenceLine, _ kind: ReferenceKind, at location: LocationNumber, _ sku: String, _ lot: String
    ) throws(LedgerError) {
        var goesOn = true
        while goesOn {
            goesOn = false
            let wanted = line.wanted
            for index in line.entries.indices where wanted[index] != line.entries[index].effect {
                let entry = line.entries[index]
                let difference = wanted[index] - entry.effect
                switch try amend(kind.bucket, at: location, lot: lot, entry.key, sku, by: difference) {
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
        if !lot.isEmpty { try leaveOutReading(sku, at: location) }
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
