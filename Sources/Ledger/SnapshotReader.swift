public import Inventory
internal import LMDB

/// Reads the ledger from one thread, without copying, locking or allocating on the hot path.
///
/// Use: `renew()` before a burst of requests, read, `release()` before waiting. While released it pins no page of the
/// file, and reading from it fails. Not Sendable: each loop makes its own, and it keeps the ledger open.
public final class SnapshotReader: LedgerReading {
    let ledger: Ledger
    private var cursor: Cursor
    private var transaction: ReadTransaction
    private var key = KeyBuffer()
    /// Whether the cursor still belongs to an earlier snapshot.
    private var cursorIsStale = true
    private var seenTransactionID: UInt64 = .max
    /// The ledger's counters in this snapshot.
    public private(set) var state = LedgerState()

    init(ledger: Ledger) throws(LedgerError) {
        let positions = ledger.database(.positions)
        var transaction = try storing { () throws(LMDBError) in try ledger.environment.beginRead() }
        cursor = try storing { () throws(LMDBError) in try transaction.openCursor(positions) }
        transaction.reset()
        self.transaction = transaction
        self.ledger = ledger
    }

    deinit {
        // While the environment is surely open: this may be the ledger's last owner.
        transaction.end()
    }

    /// The ledger sequence this snapshot was taken at.
    public var sequence: UInt64 { state.sequence }

    /// Takes the newest committed state.
    @inline(__always)
    public func renew() throws(LedgerError) {
        do throws(LMDBError) { try transaction.renew() } catch { throw LedgerError(error) }
        cursorIsStale = true
        let transactionID = transaction.transactionID
        if transactionID != seenTransactionID { try readState(transactionID) }
    }

    /// Pins nothing any more; what was lent is void.
    public func release() {
        transaction.reset()
    }

    @inline(never)
    private func readState(_ transactionID: UInt64) throws(LedgerError) {
        state = try readLedgerState()
        seenTransactionID = transactionID
    }

    /// The hot read: every location of a sku in ascending order of number. Returns how many there are.
    ///
    /// `body` must not use this reader. A damaged record throws `corrupt` after those before it were given.
    @inline(__always)
    public func positions(
        tenant: TenantNumber, sku: UnsafeRawBufferPointer, _ body: (LocationNumber, LentPosition) -> Void
    ) throws(LedgerError) -> Int {
        guard unsafe KeyBuffer.canHold(sku: sku) else { return 0 }
        unsafe key.setStock(tenant: tenant, sku: sku)
        let prefix = unsafe key.bytes
        var count = 0
        var entry = unsafe try seek(atOrAfter: prefix)
        while let found = unsafe entry, unsafe found.key.count == prefix.count + 2,
            unsafe found.key.starts(with: prefix)
        {
            guard let position = unsafe LentPosition(found.value, key: found.key) else {
                throw unsafe damaged(found.key, in: .positions)
            }
            unsafe body(found.key.big(prefix.count, LocationNumber.self), position)
            count += 1
            unsafe entry = try next()
        }
        return count
    }

    /// One location of a sku; nil when it has no position there.
    @inline(__always)
    public func position(
        tenant: TenantNumber, sku: UnsafeRawBufferPointer, location: LocationNumber
    ) throws(LedgerError) -> LentPosition? {
        guard unsafe KeyBuffer.canHold(sku: sku) else { return nil }
        unsafe key.setStock(tenant: tenant, sku: sku)
        key.append(location)
        guard let value = unsafe try record(key.bytes, in: .positions) else { return nil }
        guard let position = unsafe LentPosition(value, key: key.bytes) else {
            throw unsafe damaged(key.bytes, in: .positions)
        }
        return position
    }

    /// Whether the sku has a position anywhere.
    public func isKnown(tenant: TenantNumber, sku: UnsafeRawBufferPointer) throws(LedgerError) -> Bool {
        guard unsafe KeyBuffer.canHold(sku: sku) else { return false }
        unsafe key.setStock(tenant: tenant, sku: sku)
        let prefix = unsafe key.bytes
        guard let found = unsafe try seek(atOrAfter: prefix) else { return false }
        return unsafe found.key.starts(with: prefix)
    }

    @inline(__always)
    func seek(atOrAfter key: UnsafeRawBufferPointer) throws(LedgerError) -> Entry? {
        do throws(LMDBError) {
            if cursorIsStale {
                try cursor.renew(in: transaction)
                cursorIsStale = false
            }
            return unsafe try cursor.seek(atOrAfter: key)
        } catch { throw LedgerError(error) }
    }

    @inline(__always)
    private func next() throws(LedgerError) -> Entry? {
        do throws(LMDBError) { return unsafe try cursor.next() } catch { throw LedgerError(error) }
    }

    @inline(__always)
    public func record(
        _ key: UnsafeRawBufferPointer, in tree: Tree
    ) throws(LedgerError) -> UnsafeRawBufferPointer? {
        do throws(LMDBError) {
            return unsafe try transaction.get(key, from: ledger.database(tree))
        } catch { throw LedgerError(error) }
    }

    public func scan(
        _ tree: Tree, from key: UnsafeRawBufferPointer, descending: Bool,
        _ body: (_ key: UnsafeRawBufferPointer, _ value: UnsafeRawBufferPointer) throws(LedgerError) -> Bool
    ) throws(LedgerError) {
        var cursor = try storing { () throws(LMDBError) in try transaction.openCursor(ledger.database(tree)) }
        unsafe try scanEntries(&cursor, from: key, descending: descending, body)
    }

    /// The size of a tree in this snapshot.
    func statistics(of database: Database) throws(LedgerError) -> DatabaseStatistics {
        try storing { () throws(LMDBError) in try transaction.statistics(of: database) }
    }
}

@available(*, unavailable)
extension SnapshotReader: Sendable {}

/// `scan` for both kinds of state.
func scanEntries(
    _ cursor: inout Cursor, from key: UnsafeRawBufferPointer, descending: Bool,
    _ body: (_ key: UnsafeRawBufferPointer, _ value: UnsafeRawBufferPointer) throws(LedgerError) -> Bool
) throws(LedgerError) {
    var entry: Entry?
    do throws(LMDBError) {
        // An empty key stands for the beginning; LMDB has no such key.
        unsafe entry = try key.isEmpty ? cursor.first() : cursor.seek(atOrAfter: key)
        if descending { unsafe entry = try entry == nil ? cursor.last() : cursor.previous() }
    } catch { throw LedgerError(error) }
    while let found = unsafe entry {
        guard unsafe try body(found.key, found.value) else { return }
        do throws(LMDBError) {
            unsafe entry = try descending ? cursor.previous() : cursor.next()
        } catch { throw LedgerError(error) }
    }
}
