public import Inventory

extension LedgerReading where Self: ~Copyable {
    /// The journal of a position in descending order, from the last entry before `key`; until `body` says false.
    public borrowing func forEachJournalEntryBackwards(
        tenant: TenantNumber, sku: String, location: LocationNumber, before key: OrderKey,
        _ body: (JournalEntry) throws(LedgerError) -> Bool
    ) throws(LedgerError) {
        let prefix = KeyBuffer.stock(tenant: tenant, sku: sku, location: location)
        let start = KeyBuffer.journal(tenant: tenant, sku: sku, location: location, order: key)
        unsafe try scan(.journal, from: start.bytes, descending: true) { key, value throws(LedgerError) in
            guard unsafe key.starts(with: prefix.bytes) else { return false }
            guard let order = unsafe StockKey(key)?.order,
                let effect = unsafe JournalRecord.decode(value, key: key, isAbsolute: order.isAbsolute)
            else { throw unsafe damaged(key, in: .journal) }
            return try body(JournalEntry(key: order, effect: effect))
        }
    }
}
