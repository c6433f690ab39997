internal import CLMDB
internal import Glibc

/// The one write transaction. It belongs to the thread that began it, reads its own writes, and is aborted unless
/// committed.
@safe
public struct WriteTransaction: ~Copyable {
    // Owned: freed by commit or by deinit.
    let pointer: OpaquePointer

    init(pointer: OpaquePointer) {
        unsafe self.pointer = unsafe pointer
    }

    deinit {
        unsafe mdb_txn_abort(pointer)
    }

    /// Writes and syncs. After an error nothing of the transaction is visible; whether the caller may go on says the
    /// error's severity.
    public consuming func commit() throws(LMDBError) {
        let transaction = unsafe pointer
        // mdb_txn_commit frees the transaction whatever it returns.
        discard self
        errno = 0
        let code = unsafe mdb_txn_commit(transaction)
        // A disk that fills up takes the first part of a write; the library calls that EIO, though no call has failed.
        try check(code == EIO && errno == 0 ? ENOSPC : code, "mdb_txn_commit")
    }

    public var transactionID: UInt64 {
        UInt64(unsafe mdb_txn_id(pointer))
    }

    /// The value, valid until the next write or the end; nil when there is none.
    public borrowing func get(
        _ key: UnsafeRawBufferPointer, from database: Database
    ) throws(LMDBError) -> UnsafeRawBufferPointer? {
        try unsafe value(of: key, in: database, transaction: pointer)
    }

    /// Stores a copy of `value`, in place of any other.
    public mutating func put(
        _ key: UnsafeRawBufferPointer, _ value: UnsafeRawBufferPointer, into database: Database
    ) throws(LMDBError) {
        var keyValue = unsafe MDB_val(borrowing: key)
        var newValue = unsafe MDB_val(borrowing: value)
        try check(unsafe mdb_put(pointer, database.handle, &keyValue, &newValue, 0), "mdb_put")
    }

    /// Stores `count` bytes that `fill` writes in their final place. It must write them all and nothing else.
    public mutating func put(
        _ key: UnsafeRawBufferPointer, reserving count: Int, into database: Database,
        fill: (UnsafeMutableRawBufferPointer) -> Void
    ) throws(LMDBError) {
        var keyValue = unsafe MDB_val(borrowing: key)
        var newValue = unsafe MDB_val(mv_size: count, mv_data: nil)
        try check(unsafe mdb_put(pointer, database.handle, &keyValue, &newValue, CSymbols.reserve), "mdb_put")
        unsafe fill(UnsafeMutableRawBufferPointer(start: newValue.mv_data, count: count))
    }

    /// As `put`, for a key that is expected behind all others: pages then fill up instead of being split in halves.
    public mutating func append(
        _ key: UnsafeRawBufferPointer, reserving count: Int, into database: Database,
        fill: (UnsafeMutableRawBufferPointer) -> Void
    ) throws(LMDBError) {
        var keyValue = unsafe MDB_val(borrowing: key)
        var newValue = unsafe MDB_val(mv_size: count, mv_data: nil)
        let flags = CSymbols.reserve | CSymbols.append
        let code = unsafe mdb_put(pointer, database.handle, &keyValue, &newValue, flags)
        if code == CSymbols.keyExists { return unsafe try put(key, reserving: count, into: database, fill: fill) }
        try check(code, "mdb_put")
        unsafe fill(UnsafeMutableRawBufferPointer(start: newValue.mv_data, count: count))
    }

    /// False when there was nothing to delete.
    @discardableResult
    public mutating func delete(_ key: UnsafeRawBufferPointer, from database: Database) throws(LMDBError) -> Bool {
        var keyValue = unsafe MDB_val(borrowing: key)
        let code = unsafe mdb_del(pointer, database.handle, &keyValue, nil)
        if code == CSymbols.notFound { return false }
        try check(code, "mdb_del")
        return true
    }

    /// A cursor that must be gone before the transaction ends: the library frees a write transaction's cursors with it.
    public borrowing func openCursor(_ database: Database) throws(LMDBError) -> Cursor {
        try unsafe Cursor(transaction: pointer, database: database)
    }

    public borrowing func statistics(of database: Database) throws(LMDBError) -> DatabaseStatistics {
        try unsafe statisticsOf(database, transaction: pointer)
    }
}
