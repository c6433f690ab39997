internal import Inventory
internal import Ledger

/// What is allocated under a reference in the name of holds that have not ended. Until then the holds are what is subtracted;
/// where they end without goods, by our clock or by their ERP's refusal, the allocation counts from then on, as it
/// does when it is told after that.
extension GroupWork {
    /// Kept with each of its holds until that ends, whichever figures the reference is in.
    private struct HeldAllocation: Codable {
        var sku: String
        var location: LocationNumber
        var lot: String
        var reference: String
        /// All that it is in the name of.
        var holds: [ReservationNumber]
    }

    /// Whether a hold that an event names may still end without goods.
    func isHeld(_ named: [Reservation]) -> Bool { named.contains { !$0.state.isTerminal } }

    /// Has the holds know what is allocated in their name.
    mutating func keep(
        allocationOf event: InventoryEvent, to named: [Reservation], at location: LocationNumber
    ) throws(LedgerError) {
        let allocation = HeldAllocation(
            sku: event.sku, location: location, lot: event.lot, reference: event.reference,
            holds: named.map(\.number))
        let digest = ContentDigest.of(Array("\(location)\0\(event.sku)\0\(event.lot)\0\(event.reference)".utf8))
        for hold in named where !hold.state.isTerminal {
            try batch.setDocument(
                allocation, tenant: tenant, kind: .heldAllocation, id: Self.idStart(of: hold.number) + String(digest))
        }
    }

    private static func idStart(of hold: ReservationNumber) -> String { "\(hold)." }

    /// A hold ended: what was allocated in its name is settled, unless another hold of its is still there.
    mutating func settleAllocations(of ended: Reservation) throws(LedgerError) {
        let start = Self.idStart(of: ended.number)
        var found: [(id: String, allocation: HeldAllocation)] = []
        try batch.forEachDocument(HeldAllocation.self, tenant: tenant, kind: .heldAllocation, after: start) {
            id, allocation in
            guard id.hasPrefix(start) else { return false }
            found.append((id, allocation))
            return true
        }
        for (id, allocation) in found {
            try batch.deleteDocument(tenant: tenant, kind: .heldAllocation, id: id)
            var holds: [Reservation] = []
            for number in allocation.holds {
                if let hold = try reservation(number) { holds.append(hold) }
            }
            guard !isHeld(holds) else { continue }
            let isOurs = holds.contains { !$0.state.isLost }
            try settle(allocation, isOurs: isOurs)
            if beside != nil {
                try doBeside { work throws(LedgerError) in try work.settle(allocation, isOurs: isOurs) }
            }
        }
    }

    private mutating func settle(_ allocation: HeldAllocation, isOurs: Bool) throws(LedgerError) {
        let (sku, location, lot) = (allocation.sku, allocation.location, allocation.lot)
        let known = try batch.reference(
            tenant: figures, sku: sku, location: location, kind: .allocation, lot: lot, reference: allocation.reference)
        guard var line = known, line.isHeld else { return }
        line.isHeld = false
        line.isOurs = isOurs
        line.touchedNanoseconds = max(line.touchedNanoseconds, nowNanoseconds)
        try settle(&line, .allocation, at: location, sku, lot)
        guard line.entries.contains(where: \.isFixed) else { return try set(line, allocation) }
        for (index, entry) in line.entries.enumerated() where !isOurs && entry.opens && entry.effect == 0 {
            // Its place is no longer known: it counts behind everything, since a figure that has it may not have come yet.
            let position = try batch.position(tenant: figures, sku: sku, location: location) ?? Position()
            let part = try part(lot, of: position, sku, at: location)
            let last = max(part.newestPrimary, part.prunedThroughPrimary, 0)
            let key = OrderKey(
                primary: min(last, .max - 1) + 1, isAbsolute: false, source: entry.key.source, id: entry.key.id)
            guard case .done = try amend(.allocated, at: location, lot: lot, key, sku, by: entry.units) else {
                continue
            }
            line.setEffect(entry.units, at: index)
        }
        try settle(&line, .allocation, at: location, sku, lot)
        try set(line, allocation)
    }

    private mutating func set(_ line: ReferenceLine, _ allocation: HeldAllocation) throws(LedgerError) {
        try batch.setReference(
            line, tenant: figures, sku: allocation.sku, location: allocation.location, kind: .allocation,
            lot: allocation.lot, reference: allocation.reference)
    }
}
