public import Inventory

extension LedgerReading where Self: ~Copyable {
    func readLedgerState() throws(LedgerError) -> LedgerState {
        let key = KeyBuffer.meta(Schema.stateKey)
        guard let record = unsafe try record(key.bytes, in: .meta) else { return LedgerState() }
        guard let state = unsafe LedgerState(record, key: key.bytes) else { throw .corrupt("the ledger's counters") }
        return state
    }

    /// One location of a sku; nil when it has no position there.
    public borrowing func position(
        tenant: TenantNumber, sku: String, location: LocationNumber
    ) throws(LedgerError) -> Position? {
        let key = KeyBuffer.stock(tenant: tenant, sku: sku, location: location)
        guard let record = unsafe try record(key.bytes, in: .positions) else { return nil }
        var position = Position()
        guard unsafe PositionRecord.decode(record, key: key.bytes, into: &position) else {
            throw unsafe damaged(key.bytes, in: .positions)
        }
        return position
    }

    /// The positions of a sku in order of location numbers.
    public borrowing func positions(
        tenant: TenantNumber, sku: String
    ) throws(LedgerError) -> [(location: LocationNumber, position: Position)] {
        var prefix = KeyBuffer()
        unsafe sku.withBytes { bytes in
            unsafe precondition(KeyBuffer.canHold(sku: bytes), "a sku is 1 to 64 bytes without a zero byte")
            unsafe prefix.setStock(tenant: tenant, sku: bytes)
        }
        var found: [(location: LocationNumber, position: Position)] = []
        unsafe try scan(.positions, from: prefix.bytes, descending: false) { key, value throws(LedgerError) in
            guard unsafe key.starts(with: prefix.bytes) else { return false }
            guard let stock = unsafe StockKey(key), unsafe stock.isPosition,
                let lent = unsafe LentPosition(value, key: key)
            else { throw unsafe damaged(key, in: .positions) }
            unsafe found.append((stock.location, lent.position))
            return true
        }
        return found
    }

    /// Every position of a tenant in order of sku and location, for export and for tables in memory; until `body` says
    /// false. `after` is where a former call stopped.
    ///
    /// A damaged record goes to `damaged` and is passed over, or throws `corrupt` when that is nil.
    public borrowing func forEachPosition(
        tenant: TenantNumber, after: (sku: String, location: LocationNumber)? = nil,
        damaged onDamage: ((LedgerError) -> Void)? = nil,
        _ body: (_ sku: String, LocationNumber, Position) throws(LedgerError) -> Bool
    ) throws(LedgerError) {
        var start = KeyBuffer()
        start.append(tenant)
        if let after {
            start = KeyBuffer.stock(tenant: tenant, sku: after.sku, location: after.location)
            // The first key after this one.
            start.append(UInt8(0))
        }
        var position = Position()
        unsafe try scan(.positions, from: start.bytes, descending: false) { key, value throws(LedgerError) in
            guard key.count >= 2, unsafe key.big(0, TenantNumber.self) == tenant else { return false }
            let stock = unsafe StockKey(key)
            if unsafe stock?.isHold == true { return true }
            guard let stock = unsafe stock, unsafe stock.isPosition,
                unsafe PositionRecord.decode(value, key: key, into: &position)
            else {
                guard let onDamage else { throw unsafe damaged(key, in: .positions) }
                onDamage(unsafe damaged(key, in: .positions))
                return true
            }
            return unsafe try body(String(decoding: stock.sku, as: UTF8.self), stock.location, position)
        }
    }

    /// The journal of a position, or of a lot of it, in ascending order, from the first entry or the first after `after`;
    /// until `body` says false.
    public borrowing func forEachJournalEntry(
        tenant: TenantNumber, sku: String, location: LocationNumber, lot: String = "", after: OrderKey? = nil,
        _ body: (JournalEntry) throws(LedgerError) -> Bool
    ) throws(LedgerError) {
        let prefix = KeyBuffer.journal(tenant: tenant, sku: sku, location: location, lot: lot)
        var start = KeyBuffer.journal(tenant: tenant, sku: sku, location: location, lot: lot)
        let tree = Tree.journal(ofLot: lot)
        if let after {
            start.append(after)
            start.append(UInt8(0))
        }
        unsafe try scan(tree, from: start.bytes, descending: false) { key, value throws(LedgerError) in
            guard unsafe key.starts(with: prefix.bytes) else { return false }
            guard let order = unsafe OrderKey(key.from(prefix.count)),
                let effect = unsafe JournalRecord.decode(value, key: key, isAbsolute: order.isAbsolute)
            else { throw unsafe damaged(key, in: tree) }
            return try body(JournalEntry(key: order, effect: effect))
        }
    }

    /// One entry of a journal; nil when it is not there.
    public borrowing func journalEntry(
        tenant: TenantNumber, sku: String, location: LocationNumber, lot: String = "", key order: OrderKey
    ) throws(LedgerError) -> JournalEntry? {
        let key = KeyBuffer.journal(tenant: tenant, sku: sku, location: location, lot: lot, order: order)
        let tree = Tree.journal(ofLot: lot)
        guard let record = unsafe try record(key.bytes, in: tree) else { return nil }
        guard let effect = unsafe JournalRecord.decode(record, key: key.bytes, isAbsolute: order.isAbsolute) else {
            throw unsafe damaged(key.bytes, in: tree)
        }
        return JournalEntry(key: order, effect: effect)
    }
}
