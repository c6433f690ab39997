internal import CLMDB

// Every symbol of liblmdb 0.9 that this module uses; no other module imports CLMDB.
//
//   environment   mdb_env_create, mdb_env_set_mapsize, mdb_env_set_maxreaders, mdb_env_set_maxdbs, mdb_env_open,
//                 mdb_env_close, mdb_env_get_fd, mdb_env_copyfd2, mdb_env_info, mdb_env_stat, mdb_reader_list,
//                 mdb_reader_check
//   transactions  mdb_txn_begin, mdb_txn_commit, mdb_txn_abort, mdb_txn_reset, mdb_txn_renew, mdb_txn_id
//   databases     mdb_dbi_open, mdb_stat, mdb_get, mdb_put, mdb_del
//   cursors       mdb_cursor_open, mdb_cursor_close, mdb_cursor_renew, mdb_cursor_get, mdb_cursor_put, mdb_cursor_del
//   errors        mdb_strerror
//   types         MDB_val, MDB_envinfo, MDB_stat, MDB_cursor_op; MDB_env, MDB_txn and MDB_cursor as opaque pointers
//
// Never used: MDB_WRITEMAP (slower, SIGBUS on a full disk), MDB_NOSYNC and MDB_NOMETASYNC (lose acknowledged commits),
// mdb_env_set_mapsize after opening (SIGBUS under a live reader).
enum CSymbols {
    static let notFound = MDB_NOTFOUND
    static let mapFull = MDB_MAP_FULL
    static let readersFull = MDB_READERS_FULL
    static let transactionFull = MDB_TXN_FULL
    static let badReaderSlot = MDB_BAD_RSLOT
    static let panic = MDB_PANIC
    static let corrupted = MDB_CORRUPTED
    static let keyExists = MDB_KEYEXIST
    static let pageNotFound = MDB_PAGE_NOTFOUND
    static let invalid = MDB_INVALID
    static let versionMismatch = MDB_VERSION_MISMATCH

    /// Reader slots belong to transactions, not to threads: a loop may hold several, and a slot outlives a thread.
    static let noThreadLocalSlots = UInt32(MDB_NOTLS)
    /// Faults of the map bring single pages: what is read around them would come in large folios, which make every later
    /// write of a page of theirs dearer (Linux 6.18, ext4).
    static let noReadAhead = UInt32(MDB_NORDAHEAD)
    static let readOnly = UInt32(MDB_RDONLY)
    static let create = UInt32(MDB_CREATE)
    static let reserve = UInt32(MDB_RESERVE)
    static let current = UInt32(MDB_CURRENT)
    static let append = UInt32(MDB_APPEND)
    static let compact = UInt32(MDB_CP_COMPACT)
}
