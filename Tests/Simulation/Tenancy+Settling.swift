import Engine
import Erp
import Inventory
import Ledger

/// What must be once faults have stopped.
extension Tenancy {
    func becomeKind() {
        for index in erps.indices { erps[index].becomeKind() }
    }

    /// Something waits for an ERP or is under way to one, or an ERP failed and has yet to be found back.
    var hasErpWork: Bool { engine.outbox.count > 0 || erps.contains { $0.nextMoment != nil || $0.isAvoided } }

    /// Nothing waits that nobody has touched since a time, and every line is at its ERP what it is here.
    func checkDrained(untouchedSince time: WallNanoseconds) throws(Violation) {
        let writes = engine.outbox.withState { $0.writes }
        let waiting = writes.values.filter { $0.updateTimeNanoseconds < time }.sorted { $0.order < $1.order }
        try require(
            waiting.isEmpty, .outboxDrains,
            "\(waiting.count) writes wait for ever, first \(waiting.prefix(1)); \(erps.map(\.standing))")
        var stored: [Reservation] = []
        try look { view throws(LedgerError) in
            try view.forEachReservationBackwards(before: .max) { reservation throws(LedgerError) in
                stored.append(reservation)
                return true
            }
        }
        for erp in erps {
            for reservation in stored
            where writes[ErpOutboxState.Key(number: reservation.number, erp: erp.name)] == nil {
                try check(reservation, erp)
            }
            let known = Set(stored.map(\.id))
            for (id, entry) in erp.book.entries where entry.status == .held && !known.contains(id) {
                try require(
                    entry.lines.values.allSatisfy { $0 == 0 }, .outboxDrains,
                    "\(erp.name) holds \(entry) for \(id), which is forgotten here")
            }
        }
    }

    private func check(_ reservation: Reservation, _ erp: ErpSimulation) throws(Violation) {
        let entry = erp.book.entries[reservation.id]
        // What people did at the ERP is found out by a later read.
        if entry.map({ $0.status != .held }) ?? false { return }
        for line in reservation.lines where line.erp == erp.name {
            let units = entry?.lines[line.id] ?? 0
            let keepsWhole = !erp.capabilities.allowsPartial && line.open > 0
            try require(
                keepsWhole ? units >= line.open : units == line.open, .outboxDrains,
                "\(erp.name) holds \(units) of line \(line.id) of \(reservation), book: \(String(describing: entry))"
            )
            if reservation.state == .committed, line.open > 0, erp.capabilities.takesCommits {
                try require(
                    entry?.isCommitted == true, .outboxDrains, "\(erp.name) never heard the order of \(reservation)")
            }
        }
    }

    /// Stock enough, a plain policy, and a wish.
    func askForMore(wall: WallNanoseconds) -> Asked {
        var policy = ChannelPolicy()
        policy.sourcing = WorldTerms.locationNames
        policy.holds.longestTTLNanoseconds = terms.longestTTL
        let sku = WorldTerms.skus[0]
        var asked = Asked()
        for location in terms.locations.keys.sorted() {
            asked.commands.append(caller.figure(Place(sku: sku, location: location), 10_000, wall: wall))
        }
        asked.commands.append(caller.updates(terms.channels[0], to: policy))
        for location in terms.locations.keys.sorted() {
            asked.commands.append(caller.reserve(terms.channels[0], sku, at: location))
        }
        return asked
    }
}
