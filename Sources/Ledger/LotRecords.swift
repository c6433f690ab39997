public import Inventory

/// A lot's part of a position lies in a tree of its own, as the record of a position: what readers look for stays as dense as
/// it is.
extension Tree {
    /// Where the journal of a lot lies, or without one that of a position.
    static func journal(ofLot lot: String) -> Tree { lot.isEmpty ? .journal : .lotJournal }
}

extension LedgerReading where Self: ~Copyable {
    /// One lot of a position; nil when there is none. Its buckets are the lot's own.
    public borrowing func lot(
        tenant: TenantNumber, sku: String, location: LocationNumber, lot: String
    ) throws(LedgerError) -> Position? {
        let key = KeyBuffer.lot(tenant: tenant, sku: sku, location: location, lot: lot)
        guard let record = unsafe try record(key.bytes, in: .lots) else { return nil }
        guard let lent = unsafe LentPosition(record, key: key.bytes) else { throw unsafe damaged(key.bytes, in: .lots) }
        return lent.position
    }

    /// The lots of a position in order of their bytes; until `body` says false.
    public borrowing func forEachLot(
        tenant: TenantNumber, sku: String, location: LocationNumber,
        _ body: (_ lot: String, Position) throws(LedgerError) -> Bool
    ) throws(LedgerError) {
        let prefix = KeyBuffer.stock(tenant: tenant, sku: sku, location: location)
        unsafe try scan(.lots, from: prefix.bytes, descending: false) { key, record throws(LedgerError) in
            guard unsafe key.starts(with: prefix.bytes) else { return false }
            guard let lent = unsafe LentPosition(record, key: key) else { throw unsafe damaged(key, in: .lots) }
            return unsafe try body(String(decoding: key.from(prefix.count), as: UTF8.self), lent.position)
        }
    }
}

extension WriteBatch {
    /// Stores a lot of a position that is there, new or changed.
    public mutating func setLot(
        _ position: Position, tenant: TenantNumber, sku: String, location: LocationNumber, lot: String
    ) throws(LedgerError) {
        precondition(position.channelHolds.isEmpty, "what the channels hold stands at the position")
        let key = KeyBuffer.lot(tenant: tenant, sku: sku, location: location, lot: lot)
        let isNew = unsafe try upsert(key.bytes, reserving: PositionRecord.bytes(of: position), in: .lots) { record in
            unsafe PositionRecord.encode(position, into: record, key: key.bytes)
        }
        if isNew { state.lots += 1 }
    }

    /// False when there was none. The caller has removed its journal.
    @discardableResult
    public mutating func deleteLot(
        tenant: TenantNumber, sku: String, location: LocationNumber, lot: String
    ) throws(LedgerError) -> Bool {
        let key = KeyBuffer.lot(tenant: tenant, sku: sku, location: location, lot: lot)
        guard unsafe try delete(key.bytes, in: .lots) else { return false }
        state.lots -= 1
        return true
    }
}
