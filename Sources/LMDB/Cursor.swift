internal import CLMDB

/// A place in a tree. One thread at a time; everything it lends is valid until the transaction writes, is reset or
/// ends.
@safe
public struct Cursor: ~Copyable {
    // Owned: closed by deinit. In a read transaction that may be after the transaction's end, in a write one not.
    let pointer: OpaquePointer

    init(transaction: OpaquePointer, database: Database) throws(LMDBError) {
        var opened: OpaquePointer?
        try check(unsafe mdb_cursor_open(transaction, database.handle, &opened), "mdb_cursor_open")
        guard let opened = unsafe opened else { preconditionFailure("mdb_cursor_open gave no cursor") }
        unsafe pointer = unsafe opened
    }

    deinit {
        unsafe mdb_cursor_close(pointer)
    }

    /// Follows its renewed read transaction. The place is lost.
    @inline(__always)
    public mutating func renew(in transaction: borrowing ReadTransaction) throws(LMDBError) {
        try check(unsafe mdb_cursor_renew(transaction.pointer, pointer), "mdb_cursor_renew")
    }

    /// The first entry whose key is `key` or after it.
    @inline(__always)
    public mutating func seek(atOrAfter key: UnsafeRawBufferPointer) throws(LMDBError) -> Entry? {
        unsafe try move(MDB_SET_RANGE, key: MDB_val(borrowing: key))
    }

    /// The entry with this very key.
    @inline(__always)
    public mutating func seek(_ key: UnsafeRawBufferPointer) throws(LMDBError) -> Entry? {
        unsafe try move(MDB_SET_KEY, key: MDB_val(borrowing: key))
    }

    @inline(__always)
    public mutating func next() throws(LMDBError) -> Entry? {
        unsafe try move(MDB_NEXT)
    }

    public mutating func previous() throws(LMDBError) -> Entry? {
        unsafe try move(MDB_PREV)
    }

    public mutating func first() throws(LMDBError) -> Entry? {
        unsafe try move(MDB_FIRST)
    }

    public mutating func last() throws(LMDBError) -> Entry? {
        unsafe try move(MDB_LAST)
    }

    /// The entry the cursor stands on. Only after a move found one, and not after `delete()`.
    public mutating func current() throws(LMDBError) -> Entry? {
        unsafe try move(MDB_GET_CURRENT)
    }

    /// Stores `count` bytes that `fill` writes in their final place, under any key. Only in a write transaction.
    public mutating func put(
        _ key: UnsafeRawBufferPointer, reserving count: Int, fill: (UnsafeMutableRawBufferPointer) -> Void
    ) throws(LMDBError) {
        unsafe try store(key, count: count, flags: CSymbols.reserve, fill: fill)
    }

    /// Replaces the value of the entry it stands on, whose key must be `key`: no second search.
    public mutating func putCurrent(
        _ key: UnsafeRawBufferPointer, reserving count: Int, fill: (UnsafeMutableRawBufferPointer) -> Void
    ) throws(LMDBError) {
        unsafe try store(key, count: count, flags: CSymbols.reserve | CSymbols.current, fill: fill)
    }

    /// Deletes the entry it stands on; `next()` then gives the entry that followed.
    public mutating func delete() throws(LMDBError) {
        try check(unsafe mdb_cursor_del(pointer, 0), "mdb_cursor_del")
    }

    private func store(
        _ key: UnsafeRawBufferPointer, count: Int, flags: UInt32, fill: (UnsafeMutableRawBufferPointer) -> Void
    ) throws(LMDBError) {
        var keyValue = unsafe MDB_val(borrowing: key)
        var newValue = unsafe MDB_val(mv_size: count, mv_data: nil)
        try check(unsafe mdb_cursor_put(pointer, &keyValue, &newValue, flags), "mdb_cursor_put")
        unsafe fill(UnsafeMutableRawBufferPointer(start: newValue.mv_data, count: count))
    }

    @inline(__always)
    private func move(_ operation: MDB_cursor_op, key: MDB_val = unsafe MDB_val()) throws(LMDBError) -> Entry? {
        var key = unsafe key
        var value = unsafe MDB_val()
        let code = unsafe mdb_cursor_get(pointer, &key, &value, operation)
        if code == 0 { return unsafe Entry(key: key.bytes, value: value.bytes) }
        if code == CSymbols.notFound { return nil }
        throw LMDBError(code: code, operation: "mdb_cursor_get")
    }
}
