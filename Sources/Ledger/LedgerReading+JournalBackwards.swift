public import Inventory

extension LedgerReading where Self: ~Copyable {
    /// The journal of a position, or of a lot of it, in descending order, from the last entry before `key`; until `body`
    /// says false.
    public borrowing func forEachJournalEntryBackwards(
        tenant: TenantNumber, sku: String, location: LocationNumber, lot: String = "", before key: OrderKey,
        _ body: (JournalEntry) throws(LedgerError) -> Bool
    ) throws(LedgerError) {
        let prefix = KeyBuffer.journal(tenant: tenant, sku: sku, location: location, lot: lot)
        let start = KeyBuffer.journal(tenant: tenant, sku: sku, location: location, lot: lot, order: key)
        let tree = Tree.journal(ofLot: lot)
        unsafe try scan(tree, from: start.bytes, descending: true) { key, value throws(LedgerError) in
            guard unsafe key.starts(with: prefix.bytes) else { return false }
            guard let order = unsafe OrderKey(key.from(prefix.count)),
                let effect = unsafe JournalRecord.decode(value, key: key, isAbsolute: order.isAbsolute)
            else { throw unsafe damaged(key, in: tree) }
            return try body(JournalEntry(key: order, effect: effect))
        }
    }
}
