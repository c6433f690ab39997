/// Why a change of a reservation is refused. Nothing was changed.
public enum ReservationRefusal: Error, Sendable, Equatable {
    /// It is not in a state that allows the change.
    case state(ReservationState)
    /// The field's path and what is wrong with it.
    case invalidField(path: String, reason: String)
}

/// Units of one line.
public struct LineQuantity: Sendable, Equatable {
    public var lineID: UInt32
    public var quantity: Int64

    public init(lineID: UInt32, quantity: Int64) {
        self.lineID = lineID
        self.quantity = quantity
    }
}

/// What callers and the clock do to a reservation.
extension Reservation {
    /// Moves the expiry to the later of itself and now + ttl, at most to the longest.
    public mutating func extend(ttlNanoseconds: Int64, at moment: ReservationMoment) throws(ReservationRefusal) {
        guard state == .active else { throw .state(state) }
        let wanted = moment.ledgerNanoseconds + ttlNanoseconds
        expireTimeNanoseconds = max(expireTimeNanoseconds, min(wanted, expireMaxNanoseconds))
        note(.extended, from: .active, at: moment)
    }

    /// The order is placed: it no longer expires. What is not ordered is given back at once.
    ///
    /// - Parameter quantities: of each line; empty: everything open.
    public mutating func commit(
        _ quantities: [LineQuantity], orderReference: String, erps: ErpDirectory, at moment: ReservationMoment
    ) throws(ReservationRefusal) {
        guard state == .active else { throw .state(state) }
        let ordered = try resolve(quantities, ofUnnamed: 0)
        guard ordered.contains(where: { $0 > 0 }) else {
            throw .invalidField(path: "lines", reason: "at least 1 unit must be ordered; release what is not")
        }
        for index in lines.indices {
            close(index, units: lines[index].open - ordered[index], erps: erps)
            // What was shipped before the order became known is part of it.
            lines[index].committed = ordered[index] + lines[index].fulfilled
            if ordered[index] > 0, !lines[index].erp.isEmpty, erps.takesCommits(lines[index].erp) {
                lines[index].isCommitDue = true
            }
        }
        state = .committed
        expireTimeNanoseconds = 0
        if !orderReference.isEmpty { self.orderReference = orderReference }
        note(.committed, from: .active, at: moment)
    }

    /// Gives back what is open, or a part of it; a part keeps the state until nothing is open.
    ///
    /// - Parameter quantities: of each line; empty: everything open.
    public mutating func release(
        _ quantities: [LineQuantity], erps: ErpDirectory, at moment: ReservationMoment
    ) throws(ReservationRefusal) {
        guard !state.isTerminal else { throw .state(state) }
        let given = try resolve(quantities, ofUnnamed: 0)
        guard given.contains(where: { $0 > 0 }) else {
            throw .invalidField(path: "lines", reason: "at least 1 unit must be given back")
        }
        for index in lines.indices { close(index, units: given[index], erps: erps) }
        let before = state
        if open == 0 { end(.released) }
        note(.released, from: before, at: moment)
    }

    /// Its time ran out.
    public mutating func expire(erps: ErpDirectory, at moment: ReservationMoment) {
        precondition(isDue(at: moment.ledgerNanoseconds), "nothing expires before its time")
        for index in lines.indices {
            lines[index].lapsed = lines[index].open
            close(index, units: lines[index].open, erps: erps)
        }
        // The time is that of the end, whenever the books come to say it.
        var end = moment
        end.ledgerNanoseconds = expireTimeNanoseconds
        self.end(.expired)
        note(.expired, from: .active, at: end)
    }

    /// Units of lines were shipped, of each at most what is open or was shipped by the ERP's word. Of the latter the stock
    /// hears now; nothing that callers see changes, so neither do the version and the history.
    public mutating func fulfil(_ shipped: [LineQuantity], at moment: ReservationMoment) {
        let openBefore = open
        for units in shipped {
            guard let index = lines.firstIndex(where: { $0.id == units.lineID }) else { continue }
            let fromOpen = min(units.quantity, lines[index].open)
            if fromOpen > 0 { ship(index, units: fromOpen) }
            let told = min(units.quantity - fromOpen, lines[index].shippedByErp)
            lines[index].shippedByErp -= told
            lines[index].contained -= min(told, lines[index].contained)
        }
        guard open < openBefore else { return }
        let before = state
        if open == 0 { end(.fulfilled) }
        note(.shipped, from: before, at: moment)
    }

    /// What of each line is open, of those that an event is about: the line named, the lines of a sku or of a lot of it, or
    /// all.
    public func openLines(sku: String, lineID: UInt32, lot: String) -> [LineQuantity] {
        lines.filter {
            guard $0.open > 0 else { return false }
            if lineID != 0 { return $0.id == lineID }
            return sku.isEmpty || ($0.sku == sku && (lot.isEmpty || $0.lot == lot))
        }.map { LineQuantity(lineID: $0.id, quantity: $0.open) }
    }

    /// Links it with the one that replaces it.
    public mutating func link(to other: Reservation, at moment: ReservationMoment) {
        linkedNumber = other.number
        linkedEpoch = other.epoch
        note(.reacquired, from: state, at: moment)
    }

    /// A quantity for every line in order. Without any named: everything open.
    fileprivate func resolve(
        _ quantities: [LineQuantity], ofUnnamed unnamed: Int64
    ) throws(ReservationRefusal) -> [Int64] {
        if quantities.isEmpty { return lines.map(\.open) }
        var result = [Int64](repeating: unnamed, count: lines.count)
        var seen: Set<UInt32> = []
        for (place, wanted) in quantities.enumerated() {
            guard let index = lines.firstIndex(where: { $0.id == wanted.lineID }) else {
                throw .invalidField(
                    path: "lines[\(place)].line_id", reason: "the reservation has no line \(wanted.lineID)")
            }
            guard seen.insert(wanted.lineID).inserted else {
                throw .invalidField(path: "lines[\(place)].line_id", reason: "line \(wanted.lineID) is named twice")
            }
            guard (0...lines[index].open).contains(wanted.quantity) else {
                throw .invalidField(
                    path: "lines[\(place)].quantity",
                    reason: "must be 0 to what is open (\(lines[index].open)), is \(wanted.quantity)")
            }
            result[index] = wanted.quantity
        }
        return result
    }

    /// Takes units out of a line's hold, and has the ERP told where it may know of them.
    mutating func close(_ index: Int, units: Int64, erps: ErpDirectory) {
        guard units > 0 else { return }
        lines[index].open -= units
        lines[index].released += units
        let isGone = lines[index].open == 0
        switch lines[index].erpState {
        case .confirmed:
            if isGone || erps.allowsPartialRelease(lines[index].erp) { lines[index].erpState = .releasePending }
        // Whether it was asked is known to who asks: an unsent reserve ends there, a sent one is looked up and released.
        case .pending, .unknown:
            if isGone { lines[index].erpState = .releasePending }
        case .releasePending, .released, .rejected, .notRequired: break
        }
        if isGone { lines[index].isCommitDue = false }
    }

    /// Takes shipped units out of a line's hold. The ERP's own figures no longer contain them.
    mutating func ship(_ index: Int, units: Int64) {
        lines[index].open -= units
        lines[index].fulfilled += units
        lines[index].contained = max(0, lines[index].contained - units)
        lines[index].erpQuantity = max(0, lines[index].erpQuantity - units)
        guard lines[index].open == 0 else { return }
        lines[index].isCommitDue = false
        // Nothing of it is left at the ERP, unless more was shipped than it ever heard of.
        if lines[index].erpState == .confirmed || lines[index].erpState == .releasePending {
            lines[index].erpState = lines[index].erpQuantity == 0 ? .released : .releasePending
        } else if lines[index].erpState.awaitsErp {
            lines[index].erpState = .releasePending
        }
    }

    mutating func end(_ terminal: ReservationState) {
        precondition(!state.isTerminal && open == 0, "what holds is not over, and what is over stays so")
        state = terminal
        expireTimeNanoseconds = 0
    }
}

extension Reservation {
    /// What to ask for again of one that ran out: the same units from the same locations, or a part of them.
    public func linesToReacquire(_ quantities: [LineQuantity]) throws(ReservationRefusal) -> [GrantLine] {
        guard state == .expired, linkedNumber == 0 else { throw .state(state) }
        var asked = self
        // `resolve` speaks of what is open: what was open when the time ran out.
        for index in asked.lines.indices { asked.lines[index].open = asked.lines[index].lapsed }
        let units = try asked.resolve(quantities, ofUnnamed: 0)
        let lines = zip(lines, units).filter { $0.1 > 0 }.map { line, units in
            GrantLine(sku: line.sku, scope: .one(line.location), lot: line.lot, quantity: units)
        }
        guard !lines.isEmpty else {
            throw .invalidField(path: "lines", reason: "at least 1 unit must be ordered")
        }
        return lines
    }
}
