internal import Inventory
internal import Ledger

/// What is allocated under a reference in the name of holds that have not ended. Until then the holds are what is subtracted;
/// where one ends by our clock or by its ERP's refusal, the allocation counts once none is left, as it does when it is
/// told after that.
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
        guard !holds.isEmpty, !event.reference.isEmpty else { return }
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
        do throws(LedgerError) {
            for (id, allocation) in try allocations(of: hold.number) {
                try end(hold, of: allocation)
                if beside != nil { try doBeside { work throws(LedgerError) in try work.end(hold, of: allocation) } }
                try batch.deleteDocument(tenant: tenant, kind: .heldAllocation, id: id)
            }
        } catch {
            guard case .corrupt = error else { throw error }
        }
    }

    private func allocations(
        of hold: ReservationNumber
    ) throws(LedgerError) -> [(id: String, allocation: HeldAllocation)] {
        let start = Self.idStart(of: hold)
        var found: [(id: String, allocation: HeldAllocation)] = []
        try batch.forEachDocument(HeldAllocation.self, tenant: tenant, kind: .heldAllocation, after: start) {
            id, allocation in
            guard id.hasPrefix(start) else { return false }
            found.append((id, allocation))
            return true
        }
        return found
    }

    private mutating func end(_ hold: Reservation, of allocation: HeldAllocation) throws(LedgerError) {
        let (sku, location, lot) = (allocation.sku, allocation.location, allocation.lot)
        let known = try batch.reference(
            tenant: figures, sku: sku, location: location, kind: .allocation, lot: lot, reference: allocation.reference)
        guard var line = known, line.holds.contains(hold.number) else { return }
        line.touchedNanoseconds = max(line.touchedNanoseconds, nowNanoseconds)
        if line.end(hold.number, isLost: hold.state.isLost) { try count(&line, sku, at: location, lot: lot) }
        try batch.setReference(
            line, tenant: figures, sku: sku, location: location, kind: .allocation, lot: lot,
            reference: allocation.reference)
    }

    /// Has every event of a line that was a hold's do what it does for somebody else's.
    private mutating func count(
        _ line: inout ReferenceLine, _ sku: String, at location: LocationNumber, lot: String
    ) throws(LedgerError) {
        for (index, wanted) in line.wantedAnew.enumerated() where wanted != line.entries[index].effect {
            let entry = line.entries[index]
            let difference = wanted - entry.effect
            var amendment = try amend(.allocated, at: location, lot: lot, entry.key, sku, by: difference)
            if amendment == .tooOld {
                // It counts behind everything: a figure that has it may not have come yet.
                line.fix(at: index)
                amendment = try amend(
                    .allocated, at: location, lot: lot, behindAll(entry.key, sku, at: location, lot: lot), sku,
                    by: difference)
            }
            if amendment == .done {
                line.setEffect(wanted, at: index)
            } else {
                line.fix(at: index)
                if !isBeside { legsLeftOut += 1 }
            }
        }
    }

    private func behindAll(
        _ key: OrderKey, _ sku: String, at location: LocationNumber, lot: String
    ) throws(LedgerError) -> OrderKey {
        let position = try batch.position(tenant: figures, sku: sku, location: location) ?? Position()
        let part = try part(lot, of: position, sku, at: location)
        let last = [position, part].reduce(0) { max($0, $1.newestPrimary, $1.prunedThroughPrimary) }
        return OrderKey(primary: min(last, .max - 1) + 1, isAbsolute: false, source: key.source, id: key.id)
    }
}
