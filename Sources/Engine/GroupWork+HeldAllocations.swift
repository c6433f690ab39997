internal import Inventory
internal import Ledger

/// What is allocated under a reference in the name of holds that have not ended. Until then the holds are what is subtracted;
/// where one of them ended by our clock or by its ERP's refusal, the allocation counts once none is left, as it does when it
/// is told after that.
extension GroupWork {
    /// Where a hold finds an allocation in its name, in whichever figures; kept until the hold ends.
    private struct HeldAllocation: Codable {
        var sku: String
        var location: LocationNumber
        var lot: String
        var reference: String
    }

    /// Has the holds find what is allocated in their name.
    mutating func keep(
        allocationOf event: InventoryEvent, for holds: [ReservationNumber], at location: LocationNumber
    ) throws(LedgerError) {
        if holds.isEmpty { return }
        let allocation = HeldAllocation(
            sku: event.sku, location: location, lot: event.lot, reference: event.reference)
        let digest = ContentDigest.of(Array("\(location)\0\(event.sku)\0\(event.lot)\0\(event.reference)".utf8))
        for hold in holds {
            try batch.setDocument(
                allocation, tenant: tenant, kind: .heldAllocation, id: Self.idStart(of: hold) + String(digest))
        }
    }

    private static func idStart(of hold: ReservationNumber) -> String { "\(hold)." }

    /// A hold ended. What of its allocations is damaged stays as it is, and is found by verify.
    mutating func settleAllocations(of hold: Reservation) throws(LedgerError) {
        for (id, allocation) in try allocations(of: hold.number) {
            do throws(LedgerError) {
                try end(hold, of: allocation)
                if beside != nil { try doBeside { work throws(LedgerError) in try work.end(hold, of: allocation) } }
                try batch.deleteDocument(tenant: tenant, kind: .heldAllocation, id: id)
            } catch {
                guard case .corrupt = error else { throw error }
            }
        }
    }

    private func allocations(
        of hold: ReservationNumber
    ) throws(LedgerError) -> [(id: String, allocation: HeldAllocation)] {
        var found: [(id: String, allocation: HeldAllocation)] = []
        try batch.forEachDocument(
            HeldAllocation.self, tenant: tenant, kind: .heldAllocation, startingWith: Self.idStart(of: hold)
        ) { id, allocation in
            found.append((id, allocation))
            return true
        }
        return found
    }

    private mutating func end(_ hold: Reservation, of allocation: HeldAllocation) throws(LedgerError) {
        let (sku, location, lot) = (allocation.sku, allocation.location, allocation.lot)
        let known = try batch.reference(
            tenant: figures, sku: sku, location: location, kind: .allocation, lot: lot, reference: allocation.reference)
        guard var line = known else { return }
        line.touchedNanoseconds = max(line.touchedNanoseconds, nowNanoseconds)
        if line.end(hold.number, isLost: hold.state.isLost) {
            let pushed = try countOpenings(of: &line, sku, at: location, lot: lot)
            if pushed > 0 { try countClosings(of: &line, sku, at: location, lot: lot, pushed: pushed) }
            try settle(&line, .allocation, at: location, sku, lot)
        }
        try batch.setReference(
            line, tenant: figures, sku: sku, location: location, kind: .allocation, lot: lot,
            reference: allocation.reference)
    }

    /// What of a line is opened where the place is no longer known counts behind everything, unless a figure that is known came
    /// after. Returns the units.
    private mutating func countOpenings(
        of line: inout ReferenceLine, _ sku: String, at location: LocationNumber, lot: String
    ) throws(LedgerError) -> Int64 {
        var pushed: Int64 = 0
        for (index, wanted) in line.wanted.enumerated() where wanted != line.entries[index].effect {
            let entry = line.entries[index]
            guard entry.opens, try isForgotten(entry.key, sku, at: location, lot: lot) else { continue }
            let difference = wanted - entry.effect
            if try isReplaced(entry.key, sku, at: location, lot: lot) {
                line.setEffect(wanted, at: index)
            } else if try amendBehindAll(entry.key, sku, at: location, lot: lot, by: difference) {
                line.setEffect(wanted, at: index)
                pushed += difference
            } else if !isBeside {
                legsLeftOut += 1
            }
            line.fix(at: index)
        }
        return pushed
    }

    /// What closes those closes them there.
    private mutating func countClosings(
        of line: inout ReferenceLine, _ sku: String, at location: LocationNumber, lot: String, pushed: Int64
    ) throws(LedgerError) {
        var left = pushed
        for (index, wanted) in line.wanted.enumerated() where wanted < line.entries[index].effect && left > 0 {
            let entry = line.entries[index]
            let units = min(left, entry.effect - wanted)
            guard try amendBehindAll(entry.key, sku, at: location, lot: lot, by: -units) else { continue }
            left -= units
            line.setEffect(entry.effect - units, at: index)
            if entry.effect - units == wanted { line.fix(at: index) }
        }
    }

    private func isForgotten(
        _ key: OrderKey, _ sku: String, at location: LocationNumber, lot: String
    ) throws(LedgerError) -> Bool {
        let parts = try parts(sku, at: location, lot: lot)
        return parts.contains { key.primary <= $0.prunedThroughPrimary }
    }

    private mutating func isReplaced(
        _ key: OrderKey, _ sku: String, at location: LocationNumber, lot: String
    ) throws(LedgerError) -> Bool {
        journalPlace = (sku, location, lot)
        let parts = try parts(sku, at: location, lot: lot)
        return try !isNewestFigure(key, of: .allocated, at: parts[1])
    }

    /// False: it cannot.
    private mutating func amendBehindAll(
        _ key: OrderKey, _ sku: String, at location: LocationNumber, lot: String, by units: Int64
    ) throws(LedgerError) -> Bool {
        let last = try parts(sku, at: location, lot: lot).reduce(0) {
            max($0, $1.newestPrimary, $1.prunedThroughPrimary)
        }
        let behind = OrderKey(behind: last, source: key.source, id: key.id)
        return try amend(.allocated, at: location, lot: lot, behind, sku, by: units) == .done
    }

    /// A position and the part of it that a lot is.
    private func parts(_ sku: String, at location: LocationNumber, lot: String) throws(LedgerError) -> [Position] {
        let position = try batch.position(tenant: figures, sku: sku, location: location) ?? Position()
        return [position, try part(lot, of: position, sku, at: location)]
    }
}
