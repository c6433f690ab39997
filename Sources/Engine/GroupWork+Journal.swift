internal import Inventory
internal import Ledger

/// The journal of the position or lot at `journalPlace`, in the group's own batch.
extension GroupWork: PositionJournal {
    mutating func forEachEntry(after key: OrderKey, _ body: (JournalEntry) -> Bool) throws(LedgerError) {
        try batch.forEachJournalEntry(
            tenant: figures, sku: journalPlace.sku, location: journalPlace.location, lot: journalPlace.lot, after: key
        ) { entry throws(LedgerError) in body(entry) }
    }

    mutating func forEachEntry(before key: OrderKey, _ body: (JournalEntry) -> Bool) throws(LedgerError) {
        try batch.forEachJournalEntryBackwards(
            tenant: figures, sku: journalPlace.sku, location: journalPlace.location, lot: journalPlace.lot, before: key
        ) { entry throws(LedgerError) in body(entry) }
    }

    mutating func entry(_ key: OrderKey) throws(LedgerError) -> JournalEntry? {
        try batch.journalEntry(
            tenant: figures, sku: journalPlace.sku, location: journalPlace.location, lot: journalPlace.lot, key: key)
    }

    mutating func put(_ entry: JournalEntry) throws(LedgerError) { try insert(entry) }

    mutating func insert(_ entry: JournalEntry) throws(LedgerError) {
        if !isBeside {
            if journalPlace.lot.isEmpty { journalEntriesAdded += 1 } else { lotEntriesAdded += 1 }
        }
        try batch.setJournalEntry(
            entry, tenant: figures, sku: journalPlace.sku, location: journalPlace.location, lot: journalPlace.lot)
    }

    mutating func remove(_ key: OrderKey) throws(LedgerError) {
        try batch.deleteJournalEntry(
            key, tenant: figures, sku: journalPlace.sku, location: journalPlace.location, lot: journalPlace.lot)
    }
}

/// The sequences kept beyond a gap of the source numbered `pendingSource`, in the group's own batch.
extension GroupWork: PendingSequences {
    mutating func insert(
        _ sequence: UInt64, occurredAtNanoseconds: WallNanoseconds, receivedAtNanoseconds: WallNanoseconds
    ) throws(LedgerError) -> Bool {
        if try pendingSequence(sequence) != nil { return false }
        try batch.setPendingSequence(
            PendingSequence(
                sequence: sequence, occurredAtNanoseconds: occurredAtNanoseconds,
                receivedAtNanoseconds: receivedAtNanoseconds), tenant: tenant, source: pendingSource)
        return true
    }

    mutating func remove(_ sequence: UInt64) throws(LedgerError) -> (
        occurredAtNanoseconds: WallNanoseconds, receivedAtNanoseconds: WallNanoseconds
    )? {
        guard let kept = try pendingSequence(sequence) else { return nil }
        try batch.deletePendingSequence(sequence, tenant: tenant, source: pendingSource)
        return (kept.occurredAtNanoseconds, kept.receivedAtNanoseconds)
    }

    mutating func removeAll() throws(LedgerError) {
        var kept: [UInt64] = []
        try batch.forEachPendingSequence(tenant: tenant, source: pendingSource) { pending throws(LedgerError) in
            kept.append(pending.sequence)
            return true
        }
        for sequence in kept { try batch.deletePendingSequence(sequence, tenant: tenant, source: pendingSource) }
    }

    private func pendingSequence(_ sequence: UInt64) throws(LedgerError) -> PendingSequence? {
        var found: PendingSequence?
        try batch.forEachPendingSequence(
            tenant: tenant, source: pendingSource, from: sequence
        ) { pending throws(LedgerError) in
            if pending.sequence == sequence { found = pending }
            return false
        }
        return found
    }
}
