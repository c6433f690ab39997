internal import CLMDB
internal import Glibc

/// An open LMDB directory (`data.mdb` and `lock.mdb`), always synchronous: a commit returns after the data is on disk.
///
/// Shared by all threads. A process must open a directory once only, and must not use it across fork. Every transaction
/// and cursor must be gone before the environment is.
@safe
public struct Environment: ~Copyable, @unchecked Sendable {
    // The library locks the environment itself; the pointer never changes.
    let pointer: OpaquePointer

    /// Opens `directory`, which must exist; creates the data file (mode 0600) unless read only.
    ///
    /// A file shorter than its own trees need is refused here: mapped, it would be a SIGBUS at the first touch.
    public init(directory: String, options: EnvironmentOptions) throws(LMDBError) {
        try DataFile.check(path: directory + "/data.mdb", options: options)
        if !options.readOnly { try Environment.reserveReaderTable(directory: directory, options: options) }
        unsafe pointer = try Environment.open(directory: directory, options: options)
    }

    deinit {
        // The last use: the owner has ended every transaction.
        unsafe mdb_env_close(pointer)
    }

    private static func open(directory: String, options: EnvironmentOptions) throws(LMDBError) -> OpaquePointer {
        var created: OpaquePointer?
        try check(unsafe mdb_env_create(&created), "mdb_env_create")
        guard let environment = unsafe created else { preconditionFailure("mdb_env_create gave no environment") }
        do throws(LMDBError) {
            let pageBytes = UInt64(sysconf(Int32(_SC_PAGESIZE)))
            let mapBytes = (options.mapBytes + pageBytes - 1) / pageBytes * pageBytes
            try check(unsafe mdb_env_set_mapsize(environment, Int(mapBytes)), "mdb_env_set_mapsize")
            try check(unsafe mdb_env_set_maxreaders(environment, options.maxReaders), "mdb_env_set_maxreaders")
            try check(unsafe mdb_env_set_maxdbs(environment, options.maxDatabases), "mdb_env_set_maxdbs")
            let flags =
                CSymbols.noThreadLocalSlots | CSymbols.noReadAhead
                | (options.readOnly ? CSymbols.readOnly : 0)
            let code = unsafe mdb_env_open(environment, directory, flags, 0o600)
            if code != 0 { throw LMDBError(code: code, operation: "mdb_env_open", detail: directory) }
        } catch {
            // A failed environment must be closed all the same.
            unsafe mdb_env_close(environment)
            throw error
        }
        return unsafe environment
    }

    /// Takes the disk space of the reader table beforehand: it is written through a map, where a full disk is a SIGBUS.
    private static func reserveReaderTable(directory: String, options: EnvironmentOptions) throws(LMDBError) {
        let path = directory + "/lock.mdb"
        let descriptor = unsafe Glibc.open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0o600)
        guard descriptor >= 0 else { throw LMDBError(code: errno, operation: "open", detail: path) }
        // A cache line for each reader and two for the header. The library takes a longer file for more readers.
        let code = posix_fallocate(descriptor, 0, (Int(options.maxReaders) + 2) * 64)
        close(descriptor)
        if code != 0 { throw LMDBError(code: code, operation: "posix_fallocate", detail: path) }
    }

    /// Opens named trees in one transaction of its own. Call once, before any other transaction.
    ///
    /// Returns nil for a tree that does not exist and may not be created.
    public borrowing func openDatabases(_ names: [String], create: Bool) throws(LMDBError) -> [Database?] {
        var begun: OpaquePointer?
        // The raw handles stay within this function, which ends the transaction on every path.
        try check(unsafe mdb_txn_begin(pointer, nil, create ? 0 : CSymbols.readOnly, &begun), "mdb_txn_begin")
        var databases: [Database?] = []
        for name in names {
            var handle: UInt32 = 0
            let code = unsafe mdb_dbi_open(begun, name, create ? CSymbols.create : 0, &handle)
            if code != 0 && (create || code != CSymbols.notFound) {
                unsafe mdb_txn_abort(begun)
                throw LMDBError(code: code, operation: "mdb_dbi_open", detail: name)
            }
            databases.append(code == 0 ? Database(handle: handle) : nil)
        }
        try check(unsafe mdb_txn_commit(begun), "mdb_txn_commit")
        return databases
    }

    /// Begins a snapshot. Any thread; the transaction may move between threads but serves one at a time.
    public borrowing func beginRead() throws(LMDBError) -> ReadTransaction {
        var begun: OpaquePointer?
        try check(unsafe mdb_txn_begin(pointer, nil, CSymbols.readOnly, &begun), "mdb_txn_begin")
        guard let begun = unsafe begun else { preconditionFailure("mdb_txn_begin gave no transaction") }
        return unsafe ReadTransaction(pointer: begun)
    }

    /// Begins the one write transaction; waits while another is open, in this or another process. It must end on the
    /// thread that began it.
    public borrowing func beginWrite() throws(LMDBError) -> WriteTransaction {
        var begun: OpaquePointer?
        try check(unsafe mdb_txn_begin(pointer, nil, 0, &begun), "mdb_txn_begin")
        guard let begun = unsafe begun else { preconditionFailure("mdb_txn_begin gave no transaction") }
        return unsafe WriteTransaction(pointer: begun)
    }

    /// Writes a compacted copy of the last commit to an open file. Writers go on meanwhile; the pages of the snapshot
    /// stay pinned until it returns. The caller syncs and closes the file.
    public borrowing func copyCompacting(to fileDescriptor: Int32) throws(LMDBError) {
        try check(unsafe mdb_env_copyfd2(pointer, fileDescriptor, CSymbols.compact), "mdb_env_copyfd2")
    }
}
