public import Inventory
internal import LMDB
internal import Synchronization

extension WriteBatch {
    /// Stores a position, new or changed.
    public mutating func setPosition(
        _ position: Position, tenant: TenantNumber, sku: String, location: LocationNumber
    ) throws(LedgerError) {
        let key = KeyBuffer.stock(tenant: tenant, sku: sku, location: location)
        let isNew = unsafe try upsert(key.bytes, reserving: PositionRecord.bytes(of: position), in: .positions) {
            record in
            unsafe PositionRecord.encode(position, into: record, key: key.bytes)
        }
        if isNew { state.positions += 1 }
    }

    /// Counts a position whose stock has sunk below its holds, or no longer is.
    public mutating func countShortPosition(_ isShort: Bool) {
        if isShort { state.shortPositions += 1 } else { state.shortPositions -= 1 }
    }

    /// False when there was none. The caller has removed its journal.
    @discardableResult
    public mutating func deletePosition(
        tenant: TenantNumber, sku: String, location: LocationNumber
    ) throws(LedgerError) -> Bool {
        let key = KeyBuffer.stock(tenant: tenant, sku: sku, location: location)
        guard unsafe try delete(key.bytes, in: .positions) else { return false }
        state.positions -= 1
        return true
    }

    /// Stores a journal entry, new or replaced.
    public mutating func setJournalEntry(
        _ entry: JournalEntry, tenant: TenantNumber, sku: String, location: LocationNumber, lot: String = ""
    ) throws(LedgerError) {
        precondition(entry.key.isAbsolute == entry.effect.isAbsolute, "an entry's key and effect must agree")
        let key = KeyBuffer.journal(tenant: tenant, sku: sku, location: location, lot: lot, order: entry.key)
        let count = JournalRecord.bytes(of: entry.effect)
        let isNew = unsafe try upsert(key.bytes, reserving: count, in: .journal(ofLot: lot)) { record in
            unsafe JournalRecord.encode(entry.effect, into: record, key: key.bytes)
        }
        if isNew { state.journalEntries += 1 }
    }

    /// False when there was none.
    @discardableResult
    public mutating func deleteJournalEntry(
        _ order: OrderKey, tenant: TenantNumber, sku: String, location: LocationNumber, lot: String = ""
    ) throws(LedgerError) -> Bool {
        let key = KeyBuffer.journal(tenant: tenant, sku: sku, location: location, lot: lot, order: order)
        guard unsafe try delete(key.bytes, in: .journal(ofLot: lot)) else { return false }
        state.journalEntries -= 1
        return true
    }

    /// Deletes the oldest entries of a journal whose primary is at most `primary`, `limit` of them at most. Returns how
    /// many, and the greatest primary deleted.
    public mutating func pruneJournal(
        tenant: TenantNumber, sku: String, location: LocationNumber, through primary: Int64, limit: Int
    ) throws(LedgerError) -> (count: Int, newestPrimary: Int64?) {
        let prefix = KeyBuffer.stock(tenant: tenant, sku: sku, location: location)
        var count = 0
        var newest: Int64?
        do throws(LMDBError) {
            var cursor = try transaction.openCursor(ledger.database(.journal))
            var entry = unsafe try cursor.seek(atOrAfter: prefix.bytes)
            while count < limit, let found = unsafe entry, unsafe found.key.starts(with: prefix.bytes) {
                // A row whose key is damaged is nobody's to delete: leave it to be found by verify.
                guard let order = unsafe StockKey(found.key)?.order, order.primary <= primary else { break }
                try cursor.delete()
                count += 1
                newest = order.primary
                unsafe entry = try cursor.next()
            }
        } catch { throw LedgerError(error) }
        state.journalEntries -= UInt64(count)
        return (count, newest)
    }

    /// Looks at the next `count` journal entries of a tenant from where the last call stopped, wrapping round, and returns
    /// the places that have one which `isOld` names, at most `limit`. Deletes nothing: a place's journal is pruned together
    /// with its position. A damaged key is passed over.
    ///
    /// - Parameter ofLots: of the lots' journals instead of the positions'.
    public mutating func placesWithOldEntries(
        tenant: TenantNumber, ofLots: Bool, visiting count: Int, limit: Int,
        isOld: (LocationNumber, _ primary: Int64) -> Bool
    ) throws(LedgerError) -> [(sku: String, location: LocationNumber, lot: String)] {
        var places: [(sku: String, location: LocationNumber, lot: String)] = []
        let tree: Tree = ofLots ? .lotJournal : .journal
        let hand = ledger.writer.withLock { $0.pruneHands[tree] ?? [] }
        let moved: [UInt8]
        do throws(LMDBError) {
            var start = KeyBuffer()
            unsafe hand.withUnsafeBytes { unsafe start.append($0) }
            var cursor = try transaction.openCursor(ledger.database(tree))
            var entry = unsafe try hand.isEmpty ? cursor.first() : cursor.seek(atOrAfter: start.bytes)
            for _ in 0..<count where places.count < limit {
                guard let found = unsafe entry else { break }
                if let stock = unsafe StockKey(found.key), unsafe stock.tenant == tenant {
                    let (lot, order) = unsafe ofLots ? stock.lotEntry ?? ("", stock.rest) : ("", stock.rest)
                    if let primary = unsafe OrderKey.primary(order), unsafe isOld(stock.location, primary) {
                        let place = unsafe (String(decoding: stock.sku, as: UTF8.self), stock.location, lot)
                        if places.last.map({ $0 == place }) != true { places.append(place) }
                    }
                }
                unsafe entry = try cursor.next()
            }
            moved = unsafe entry.map { unsafe [UInt8]($0.key) } ?? []
        } catch { throw LedgerError(error) }
        ledger.writer.withLock { $0.pruneHands[tree] = moved }
        return places
    }
}
