internal import Inventory
internal import Ledger

/// How figures that are being made differ from those that answer.
extension GroupWork {
    /// By which an event is judged. Figures being made have pruned nothing, so nothing is too old for them; and our clock was
    /// asked about what the running ones took already, and may have been set since.
    func bounds(wasTold: Bool) -> EventBounds {
        var bounds = settings.eventBounds
        if isBeside { bounds.horizonNanoseconds = .max }
        if wasTold { bounds.clockSkewMaxNanoseconds = .max }
        return bounds
    }

    /// What the running figures remember of an event; nil: nothing, or its record is damaged.
    func eventOfRunning(_ id: String, of source: SourceNumber) throws(LedgerError) -> EventRecord? {
        try unlessDamaged { () throws(LedgerError) in try batch.event(tenant: running, source: source, id: id) }
    }

    /// Takes out of a figure's allocated units what the running figures took out of the same one: those that it contains of our
    /// holds. Which they are is noted with the holds, once for all figures; where that is not known any more, all stay in.
    mutating func allocateAsRunning(
        _ entry: inout JournalEntry, _ sku: String, at location: LocationNumber, lot: String
    ) throws(LedgerError) {
        let (running, key) = (running, entry.key)
        let same = try unlessDamaged { () throws(LedgerError) in
            try batch.journalEntry(tenant: running, sku: sku, location: location, lot: lot, key: key)
        }
        if let same {
            entry.effect.values[.allocated] = same.effect.values[.allocated]
            return
        }
        let position = try unlessDamaged { () throws(LedgerError) in
            try batch.position(tenant: running, sku: sku, location: location)
        }
        if lot.isEmpty, let position, !position.isSplit, position.newestAbsolutePrimary == key.primary {
            entry.effect.values[.allocated] -= position.contained
        }
    }

    /// When the running figures last touched a reference; nil: they know none, or it is damaged.
    func touchOfRunning(_ leg: AcceptedEvent.Leg, of event: InventoryEvent) throws(LedgerError) -> WallNanoseconds? {
        try unlessDamaged { () throws(LedgerError) in
            try batch.reference(
                tenant: running, sku: event.sku, location: leg.location, kind: leg.kind, lot: event.lot,
                reference: event.reference)
        }?.touchedNanoseconds
    }

    /// Whether an event of the past is about a hold of ours that ended so long ago that nothing is known of it any more. An
    /// allocation is as it is for the running figures, where they still tell it apart.
    func isOfForgottenHold(_ event: InventoryEvent) throws(LedgerError) -> Bool {
        guard isReplaying, ReservationID.parse(event.hold.reservationID) != nil else { return false }
        guard event.kind == .allocationCreated || event.kind == .allocationReleased, !event.reference.isEmpty,
            let location = catalogue.directory.number(of: event.location)
        else { return true }
        let (running, lot, source) = (running, event.lot, OrderKey.digest(ofSource: event.source))
        return try unlessDamaged { () throws(LedgerError) in
            try batch.reference(
                tenant: running, sku: event.sku, location: location, kind: .allocation, lot: lot,
                reference: event.reference)
        }?.entries.first { $0.key.id == event.id && $0.key.source == source }?.isOurs ?? true
    }

    // MARK: Repairs

    /// A bucket of the running figures that was repaired while others were being filled.
    private struct Repair: Codable {
        var sku: String
        var location: LocationNumber
        var bucket: String
    }

    /// A repair made the running figure what an ERP says. Figures that have read everything get the same figure, behind
    /// everything known of the position; those that are still being filled once they have, since what is yet to come of the
    /// past is in the ERP's figure.
    mutating func repairBeside(
        _ bucket: Bucket, sku: String, at location: LocationNumber, number: UInt64, to units: Int64,
        behind primary: Int64
    ) throws(LedgerError) {
        guard beside != nil, let rebuild = catalogue.rebuild else { return }
        if rebuild.state == .ready {
            return try doBeside { work throws(LedgerError) in
                try work.set(bucket, sku: sku, at: location, number: number, to: units, behind: primary)
            }
        }
        let repair = Repair(sku: sku, location: location, bucket: bucket.name)
        try batch.setDocument(repair, tenant: tenant, kind: .rebuildRepair, id: String(number))
        catalogue.rebuild?.repairsWaiting += 1
        hasRebuildChanged = true
    }

    /// Some of those that wait, as the running figures have them now.
    mutating func repairBeside() throws(LedgerError) {
        guard let rebuild = catalogue.rebuild, rebuild.hasAllHolds, rebuild.steps.allSatisfy(\.isDone) else { return }
        for (id, repair) in try waitingRepairs() {
            try forgetRepair(id)
            guard let number = UInt64(id), let bucket = Bucket.allCases.first(where: { $0.name == repair.bucket })
            else {
                continue
            }
            let (sku, location, running) = (repair.sku, repair.location, running)
            let position = try unlessDamaged { () throws(LedgerError) in
                try batch.position(tenant: running, sku: sku, location: location)
            }
            guard let position else { continue }
            try doBeside { work throws(LedgerError) in
                try work.set(
                    bucket, sku: sku, at: location, number: number, to: position.buckets[bucket],
                    behind: position.newestPrimary)
            }
        }
    }

    /// Those of figures that were given up.
    mutating func forgetRepairs() throws(LedgerError) {
        for (id, _) in try waitingRepairs() { try forgetRepair(id) }
    }

    private func waitingRepairs() throws(LedgerError) -> [(id: String, Repair)] {
        var found: [(id: String, Repair)] = []
        try batch.forEachDocument(Repair.self, tenant: tenant, kind: .rebuildRepair) { id, repair in
            found.append((id, repair))
            return found.count < RebuildCommand.linesPerCommit
        }
        if found.isEmpty, catalogue.rebuild?.repairsWaiting != 0 { throw .invariant("repairs wait and are not there") }
        return found
    }

    private mutating func forgetRepair(_ id: String) throws(LedgerError) {
        try batch.deleteDocument(tenant: tenant, kind: .rebuildRepair, id: id)
        catalogue.rebuild?.repairsWaiting -= 1
    }

    /// Of the figures being made: as a difference, like the running figures' own.
    private mutating func set(
        _ bucket: Bucket, sku: String, at location: LocationNumber, number: UInt64, to units: Int64,
        behind primary: Int64
    ) throws(LedgerError) {
        let position = try batch.position(tenant: figures, sku: sku, location: location) ?? Position()
        let difference = units - position.buckets[bucket]
        guard difference != 0 else { return }
        let last = max(position.newestPrimary, position.prunedThroughPrimary, primary, 0)
        switch try amend(bucket, at: location, Self.repairKey(number, behind: last), sku, by: difference) {
        case .done: return
        case .tooOld, .outOfRange:
            catalogue.rebuild?.refusals.add(
                DeadLetterReason.outOfRange.rawValue, source: "reconciliation", id: "variance-\(number)")
        }
    }

    static func repairKey(_ number: UInt64, behind primary: Int64) -> OrderKey {
        OrderKey(
            behind: primary, source: ContentDigest.of(Array("reconciliation".utf8)), id: "variance-\(number)")
    }
}

/// Damage of the running figures is what figures are made anew for: it must not end that.
private func unlessDamaged<Value>(_ read: () throws(LedgerError) -> Value?) throws(LedgerError) -> Value? {
    do throws(LedgerError) { return try read() } catch {
        guard case .corrupt = error else { throw error }
        return nil
    }
}
