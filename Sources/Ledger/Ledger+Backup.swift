internal import Glibc
internal import LMDB

extension Ledger {
    /// Writes a compacted copy of the last commit into `directory`, which is created and must hold no ledger. Commits
    /// go on meanwhile. Any thread; the pages of the snapshot stay pinned until it returns.
    ///
    /// The copy knows that it is one: opened for writing it begins a new epoch.
    public func backup(to directory: String) throws(LedgerError) {
        try Self.makeDirectory(directory)
        let path = directory + "/data.mdb"
        let descriptor = unsafe open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0o600)
        guard descriptor >= 0 else {
            if errno == EEXIST { throw .alreadyExists(path) }
            throw .system(operation: "open", path: path, code: errno)
        }
        do throws(LedgerError) {
            defer { close(descriptor) }
            try storing { () throws(LMDBError) in try environment.copyCompacting(to: descriptor) }
            guard fsync(descriptor) == 0 else { throw .system(operation: "fsync", path: path, code: errno) }
        } catch {
            // Half a backup must not be taken for one.
            _ = unsafe unlink(path)
            throw error
        }
        try Self.markBackup(directory: directory, epoch: epoch, options: options)
        try Self.synchronize(directory)
    }

    private static func markBackup(directory: String, epoch: UInt64, options: LedgerOptions) throws(LedgerError) {
        var writable = options
        writable.readOnly = false
        let environment = try openEnvironment(directory: directory, options: writable, depth: .lengthOnly)
        let databases = try openDatabases(of: environment, directory: directory, options: writable)
        var identity = LedgerIdentity(epoch: epoch)
        identity.isBackup = true
        try write(identity, to: environment, meta: databases[Tree.meta.rawValue])
    }
}
