internal import CLMDB

/// A snapshot: what was committed when it began or was last renewed. One thread at a time.
///
/// While active it pins the pages of its snapshot, and the file grows by every commit; so `reset()` it when idle.
@safe
public struct ReadTransaction: ~Copyable {
    // Owned: freed by `end()` or by deinit.
    let pointer: OpaquePointer
    public private(set) var isActive = true
    private var hasEnded = false

    init(pointer: OpaquePointer) {
        unsafe self.pointer = unsafe pointer
    }

    deinit {
        if !hasEnded { unsafe mdb_txn_abort(pointer) }
    }

    /// Gives the reader slot back; nothing may be asked of the transaction any more. For owners that must end it before
    /// they let go of its environment; otherwise deinit does it.
    public mutating func end() {
        precondition(!hasEnded, "a transaction ends once")
        hasEnded = true
        isActive = false
        unsafe mdb_txn_abort(pointer)
    }

    /// Lets go of the snapshot and keeps the reader slot. Everything lent from it is void.
    public mutating func reset() {
        guard isActive else { return }
        isActive = false
        unsafe mdb_txn_reset(pointer)
    }

    /// Takes the newest snapshot. Everything lent from the former one is void.
    @inline(__always)
    public mutating func renew() throws(LMDBError) {
        precondition(!hasEnded, "the transaction has ended")
        reset()
        try check(unsafe mdb_txn_renew(pointer), "mdb_txn_renew")
        isActive = true
    }

    /// The commit it sees. Only while active.
    public var transactionID: UInt64 {
        precondition(isActive, "a reset transaction sees nothing")
        return UInt64(unsafe mdb_txn_id(pointer))
    }

    /// The value, valid until the transaction is reset or ends; nil when there is none.
    public borrowing func get(
        _ key: UnsafeRawBufferPointer, from database: Database
    ) throws(LMDBError) -> UnsafeRawBufferPointer? {
        try unsafe value(of: key, in: database, transaction: pointer)
    }

    /// A cursor over this transaction's snapshots. It may be kept over `renew()` if renewed as well, and must not be
    /// used after the transaction is gone.
    public borrowing func openCursor(_ database: Database) throws(LMDBError) -> Cursor {
        try unsafe Cursor(transaction: pointer, database: database)
    }

    public borrowing func statistics(of database: Database) throws(LMDBError) -> DatabaseStatistics {
        try unsafe statisticsOf(database, transaction: pointer)
    }
}

/// `mdb_get` for both kinds of transaction.
@inline(__always)
func value(
    of key: UnsafeRawBufferPointer, in database: Database, transaction: OpaquePointer
) throws(LMDBError) -> UnsafeRawBufferPointer? {
    var keyValue = unsafe MDB_val(borrowing: key)
    var found = unsafe MDB_val()
    let code = unsafe mdb_get(transaction, database.handle, &keyValue, &found)
    if code == 0 { return unsafe found.bytes }
    if code == CSymbols.notFound { return nil }
    throw LMDBError(code: code, operation: "mdb_get")
}

/// `mdb_stat` for both kinds of transaction.
func statisticsOf(_ database: Database, transaction: OpaquePointer) throws(LMDBError) -> DatabaseStatistics {
    var statistics = MDB_stat()
    try check(unsafe mdb_stat(transaction, database.handle, &statistics), "mdb_stat")
    return DatabaseStatistics(
        entries: Int(statistics.ms_entries), depth: Int(statistics.ms_depth),
        branchPages: Int(statistics.ms_branch_pages), leafPages: Int(statistics.ms_leaf_pages),
        overflowPages: Int(statistics.ms_overflow_pages), pageBytes: Int(statistics.ms_psize))
}

extension MDB_val {
    /// LMDB takes keys and values through a mutable pointer and does not write to what they point at.
    @inline(__always)
    init(borrowing bytes: UnsafeRawBufferPointer) {
        unsafe self.init(mv_size: bytes.count, mv_data: UnsafeMutableRawPointer(mutating: bytes.baseAddress))
    }

    @inline(__always)
    var bytes: UnsafeRawBufferPointer {
        unsafe UnsafeRawBufferPointer(start: mv_data, count: mv_size)
    }
}
