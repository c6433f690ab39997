internal import Glibc
internal import LMDB

/// What an opening found or made.
struct Establishment {
    var epoch: UInt64
    var wasRestored: Bool
    var awaitsErps: Bool
}

extension Ledger {
    static func makeDirectory(_ directory: String) throws(LedgerError) {
        if unsafe mkdir(directory, 0o700) != 0 && errno != EEXIST {
            throw .system(operation: "mkdir", path: directory, code: errno)
        }
    }

    /// Makes the directory's entries durable: a power cut must not take a new data file away.
    static func synchronize(_ directory: String) throws(LedgerError) {
        for path in [directory, directory + "/.."] {
            let descriptor = unsafe open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
            guard descriptor >= 0 else { throw .system(operation: "open", path: path, code: errno) }
            let code = fsync(descriptor) == 0 ? 0 : errno
            close(descriptor)
            // Some file systems cannot sync a directory and need not.
            if code != 0 && code != EINVAL { throw .system(operation: "fsync", path: path, code: code) }
        }
    }

    static func openEnvironment(
        directory: String, options: LedgerOptions, depth: StructureCheckDepth
    ) throws(LedgerError) -> Environment {
        if unsafe options.readOnly && access(directory + "/data.mdb", F_OK) != 0 {
            throw .noLedger(directory: directory)
        }
        var environment = EnvironmentOptions()
        environment.mapBytes = options.mapBytes
        environment.maxReaders = options.maxReaders
        environment.maxDatabases = UInt32(Tree.allCases.count)
        environment.readOnly = options.readOnly
        environment.structureCheck = depth
        do throws(LMDBError) {
            let opened = try Environment(directory: directory, options: environment)
            if !options.readOnly { try opened.clearStaleReaders() }
            return opened
        } catch {
            if error.code == ENOMEM {
                throw .invalidOptions(
                    "mapBytes: \(options.mapBytes) bytes of address space are not to be had: "
                        + "raise the limit (ulimit -v) or make the map smaller")
            }
            throw openingError(error)
        }
    }

    /// What a whole file fails with, as against a record of it.
    static func openingError(_ error: LMDBError) -> LedgerError {
        error.isDamage ? .damagedFile(error.detail.isEmpty ? error.description : error.detail) : LedgerError(error)
    }

    /// Looks at the identity first: another layout may have other trees, and none of ours may be added to it.
    static func openDatabases(
        of environment: borrowing Environment, directory: String, options: LedgerOptions
    ) throws(LedgerError) -> [Database] {
        if let meta = try opening(environment, [Tree.meta.name], create: false)[0] {
            let transaction = try storing { () throws(LMDBError) in try environment.beginRead() }
            _ = try identity(in: transaction, meta: meta)
        }
        let databases = try opening(environment, Tree.allCases.map(\.name), create: !options.readOnly)
        let present = databases.compactMap { $0 }
        guard present.count == Tree.allCases.count else { throw .noLedger(directory: directory) }
        return present
    }

    /// Writes the identity of a new ledger, gives a restored backup a new epoch, and looks at the state once.
    static func establish(
        _ environment: borrowing Environment, directory: String, databases: [Database], options: LedgerOptions
    ) throws(LedgerError) -> Establishment {
        let meta = databases[Tree.meta.rawValue]
        let found: LedgerIdentity?
        do {
            let transaction = try storing { () throws(LMDBError) in try environment.beginRead() }
            found = try identity(in: transaction, meta: meta)
            _ = try state(in: transaction, meta: meta)
        }
        if let found, !found.isBackup || options.readOnly {
            return Establishment(epoch: found.epoch, wasRestored: false, awaitsErps: found.awaitsErps)
        }
        guard !options.readOnly else { throw .noLedger(directory: directory) }
        let isRestored = found != nil
        try write(LedgerIdentity(epoch: options.epoch, awaitsErps: isRestored), to: environment, meta: meta)
        return Establishment(epoch: options.epoch, wasRestored: isRestored, awaitsErps: isRestored)
    }

    static func write(
        _ identity: LedgerIdentity, to environment: borrowing Environment, meta: Database
    ) throws(LedgerError) {
        try storing { () throws(LMDBError) in
            var transaction = try environment.beginWrite()
            let key = KeyBuffer.meta(Schema.identityKey)
            unsafe try transaction.put(key.bytes, reserving: LedgerIdentity.bytes, into: meta) { record in
                unsafe identity.encode(into: record)
            }
            try transaction.commit()
        }
    }

    private static func identity(
        in transaction: borrowing ReadTransaction, meta: Database
    ) throws(LedgerError) -> LedgerIdentity? {
        let key = KeyBuffer.meta(Schema.identityKey)
        let record = unsafe try storing { () throws(LMDBError) in unsafe try transaction.get(key.bytes, from: meta) }
        guard let record = unsafe record else { return nil }
        return unsafe try LedgerIdentity(record)
    }

    private static func state(
        in transaction: borrowing ReadTransaction, meta: Database
    ) throws(LedgerError) -> LedgerState {
        let key = KeyBuffer.meta(Schema.stateKey)
        let record = unsafe try storing { () throws(LMDBError) in unsafe try transaction.get(key.bytes, from: meta) }
        guard let record = unsafe record else { return LedgerState() }
        guard let state = unsafe LedgerState(record, key: key.bytes) else { throw .corrupt("the ledger's counters") }
        return state
    }

    private static func opening(
        _ environment: borrowing Environment, _ names: [String], create: Bool
    ) throws(LedgerError) -> [Database?] {
        try storing { () throws(LMDBError) in try environment.openDatabases(names, create: create) }
    }
}
