internal import Inventory
internal import Ledger

/// What events do to the holds that they name, in the commit of their effect on the stock.
extension GroupWork {
    /// What an event did to a hold.
    struct HoldResult {
        var hasChanged = false
        /// What a person should know; empty otherwise.
        var remark = ""
    }

    /// The reservations that an event names, by the first name it gives, in order of their numbers. None: what it names is
    /// not ours, or is forgotten.
    mutating func holds(named event: InventoryEvent) throws(LedgerError) -> [Reservation] {
        var found: [Reservation] = []
        for number in numbers(named: event.hold).sorted() {
            guard let reservation = try reservation(number) else { continue }
            found.append(try expireIfDue(reservation))
        }
        guard let id = ReservationID.parse(event.hold.reservationID) else { return found }
        return found.filter { $0.epoch == id.epoch }
    }

    /// The same for the figures at work. Beside, names are only looked up: what they stand for has been dealt with.
    mutating func holdsNamed(by event: InventoryEvent) throws(LedgerError) -> [Reservation] {
        guard isBeside else {
            let found = try holds(named: event)
            namedByRunning = found
            return found
        }
        if let namedByRunning { return namedByRunning }
        var found: [Reservation] = []
        for number in numbers(named: event.hold).sorted() {
            if let reservation = try reservation(number) { found.append(reservation) }
        }
        guard let id = ReservationID.parse(event.hold.reservationID) else { return found }
        return found.filter { $0.epoch == id.epoch }
    }

    /// Whether an event is about a hold of ours. With a `reference` by which an allocation is closed again, one that ended
    /// without goods, by our clock or by its ERP's refusal, is none: what is allocated in its name is subtracted by nobody else.
    /// One that events ended still is, so that their order does not matter.
    func isAboutOurs(
        _ hold: AcceptedEvent.Hold, _ event: InventoryEvent, _ named: [Reservation]
    ) -> Bool {
        if event.reference.isEmpty { return !named.isEmpty }
        // As long as one is left, that is what is subtracted.
        if hold == .allocate, openNumbers(of: named).isEmpty {
            return !named.isEmpty && named.allSatisfy { !$0.state.isLost }
        }
        return named.contains { !$0.state.isLost }
    }

    func openNumbers(of named: [Reservation]) -> [ReservationNumber] {
        named.filter { !$0.state.isTerminal }.map(\.number)
    }

    private func numbers(named hold: HoldReference) -> Set<ReservationNumber> {
        if !hold.reservationID.isEmpty {
            return ReservationID.parse(hold.reservationID).map { [$0.number] } ?? []
        }
        let name: ReservationIndex.HoldName =
            hold.erpReference.isEmpty ? .order(hold.orderReference) : .erp(hold.erpReference)
        // What this group changed is in the index only after its commit.
        var numbers = index.numbers(called: name)
        for (number, touched) in touchedReservations where touched.new.names.contains(name) { numbers.insert(number) }
        return numbers
    }

    /// Why an event about holds alone can do nothing, now or ever; nil: it is taken in. A shipment is never refused: the
    /// goods have left.
    func refusal(
        of hold: AcceptedEvent.Hold, _ named: [Reservation], _ event: InventoryEvent
    ) -> EventRejection? {
        if hold == .allocate { return nil }
        if case .ship = hold { return nil }
        guard !named.isEmpty else {
            // What only an order or an ERP names may be somebody else's.
            guard !event.hold.reservationID.isEmpty else { return nil }
            return EventRejection(
                .invalidField, "reservation_id: there is no reservation \(event.hold.reservationID)")
        }
        let lost = named.first(where: \.state.isLost)
        guard hold == .commit, let lost, named.allSatisfy(\.state.isTerminal) else { return nil }
        return EventRejection(.invalidField, "reservation_id: \(lost.id) is \(lost.state.name)")
    }

    mutating func take(
        _ hold: AcceptedEvent.Hold, _ named: [Reservation], _ event: InventoryEvent, at location: LocationNumber
    ) throws(LedgerError) -> HoldResult {
        switch hold {
        case .ship(let units): return try ship(units, named, event, from: location)
        case .allocate: return HoldResult(hasChanged: true)
        case .commit, .release:
            guard !named.isEmpty else {
                return HoldResult(hasChanged: true, remark: "NO_HOLD: nothing here is called so")
            }
            var result = HoldResult()
            for reservation in named where try change(reservation, hold, event) { result.hasChanged = true }
            return result
        }
    }

    /// Takes what left out of the holds, wherever they were sourced.
    private mutating func ship(
        _ units: Int64, _ named: [Reservation], _ event: InventoryEvent, from location: LocationNumber
    ) throws(LedgerError) -> HoldResult {
        let shipment = ShippedUnits(
            sku: event.sku, location: location, lot: event.lot, lineID: event.hold.lineID, units: units)
        var left = units
        for (reservation, covered) in zip(named, shipment.covered(by: named)) where !covered.isEmpty {
            var changed = reservation
            changed.fulfil(covered, at: nextMoment(event))
            if changed.version == reservation.version {
                try storeQuietly(changed, replacing: reservation)
            } else {
                _ = batch.nextSequence()
                try store(changed, replacing: reservation)
            }
            left -= covered.reduce(0) { $0 + $1.quantity }
        }
        guard left > 0, !event.hold.reservationID.isEmpty else { return HoldResult(hasChanged: left < units) }
        var variance = Variance(cause: .shippedWithoutHold)
        (variance.sku, variance.location) = (event.sku, location)
        if !event.lot.isEmpty { variance.lot = event.lot }
        (variance.ours, variance.theirs) = (units - left, units)
        (variance.reservationID, variance.eventID) = (event.hold.reservationID, event.id)
        try keep(variance)
        return HoldResult(
            hasChanged: left < units,
            remark: "SHIPPED_WITHOUT_HOLD: \(event.hold.reservationID) covers \(units - left) of \(units) units")
    }

    /// Commits the whole of a reservation, since an order's lines may come one by one; or releases what the event names.
    /// False: nothing was left to do.
    private mutating func change(
        _ reservation: Reservation, _ hold: AcceptedEvent.Hold, _ event: InventoryEvent
    ) throws(LedgerError) -> Bool {
        var changed = reservation
        do throws(ReservationRefusal) {
            if hold == .commit {
                guard reservation.state != .committed else { return true }
                try changed.commit(
                    [], orderReference: event.hold.orderReference, erps: settings.erps, at: nextMoment(event))
            } else {
                let quantities = reservation.openLines(
                    sku: event.sku, lineID: event.hold.lineID, lot: event.lot)
                guard !quantities.isEmpty else { return false }
                try changed.release(quantities, erps: settings.erps, at: nextMoment(event))
            }
        } catch { return false }
        _ = batch.nextSequence()
        try store(changed, replacing: reservation)
        return true
    }

    private func nextMoment(_ event: InventoryEvent) -> ReservationMoment {
        nextMoment(event.correlationID.isEmpty ? event.id : event.correlationID)
    }
}
