internal import CLMDB
internal import Glibc

/// Which state a data file is in, as its meta pages and its length say.
public struct DataFileState: Sendable, Equatable {
    public let transactionID: UInt64
    public let lastPage: UInt64
    public let bytes: UInt64

    /// Reads the file as it lies, mapped or not; nil when there is none, or an empty one.
    public init?(directory: String) throws(LMDBError) {
        guard let file = try DataFile(path: directory + "/data.mdb") else { return nil }
        bytes = try file.size()
        if bytes == 0 { return nil }
        let meta = try file.meta()
        transactionID = meta.transactionID
        lastPage = meta.lastPage
    }
}

extension Environment {
    /// Whether the data file has lost its name: what is written to it then goes when the process does.
    public borrowing func isDataFileRemoved() throws(LMDBError) -> Bool {
        var descriptor: Int32 = -1
        try check(unsafe mdb_env_get_fd(pointer, &descriptor), "mdb_env_get_fd")
        var status = stat()
        guard unsafe fstat(descriptor, &status) == 0 else { throw LMDBError(code: errno, operation: "fstat") }
        return status.st_nlink == 0
    }

    /// Walks every page of the newest commit, while readers read and the writer writes. False when it was cancelled
    /// before the end; throws when a page makes no sense.
    ///
    /// Any thread. It reads the file and not the map, so that what cannot be read is an error. Its snapshot stays pinned
    /// meanwhile, so that no page it comes to is written over: the file grows by what is committed in that time.
    public borrowing func checkStructure(isCancelled: @escaping () -> Bool) throws(LMDBError) -> Bool {
        var shared: Int32 = -1
        try check(unsafe mdb_env_get_fd(pointer, &shared), "mdb_env_get_fd")
        let duplicate = dup(shared)
        guard duplicate >= 0 else { throw LMDBError(code: errno, operation: "dup") }
        let file = DataFile(descriptor: duplicate)
        let pageBytes = information().pageBytes
        // A commit or two may come between taking the snapshot and reading its meta page, but not again and again.
        for _ in 0..<100 {
            var snapshot = try beginRead()
            guard let meta = try file.meta(of: snapshot.transactionID, pageBytes: pageBytes) else { continue }
            var walk = try StructureCheck(file: file, meta: meta, isCancelled: isCancelled)
            let isComplete = try walk.run()
            snapshot.end()
            return isComplete
        }
        throw damage("the newest commit has no meta page")
    }
}
