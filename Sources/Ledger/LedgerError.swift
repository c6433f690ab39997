internal import Glibc
public import LMDB

/// What the ledger refuses or fails with.
public enum LedgerError: Error, Sendable, Equatable {
    /// Another process, or this one, has the directory open for writing. `processID` is nil when it is not known.
    case directoryInUse(directory: String, processID: Int32?)
    case unknownSchemaVersion(found: UInt32, supported: UInt32)
    /// Opened read only, and there is no ledger.
    case noLedger(directory: String)
    /// The data file is truncated or its pages make no sense: restore a backup.
    case damagedFile(String)
    /// This record only is lost; everything else goes on. Names the key.
    case corrupt(String)
    /// Nothing was written. Growing commands wait; shrinking ones may still pass.
    case storageFull(String)
    /// Nothing was written: no dead letter more is kept. Says by which limit.
    case deadLettersFull(String)
    /// Nothing was written; the same call may succeed later.
    case retriable(LMDBError)
    /// A write or sync failed: what is in the page cache can no longer be trusted. Stop the process.
    case fatal(LMDBError)
    /// Refused before any effect.
    case refused(LMDBError)
    /// A system call on the directory failed. `code` is errno.
    case system(operation: String, path: String, code: Int32)
    /// A backup would overwrite this.
    case alreadyExists(String)
    /// Every number of the kind is taken.
    case numbersExhausted(NameKind)
    /// A value that cannot be stored as JSON, or stored JSON that is not of the type asked for.
    case unreadableDocument(String)
    /// A rule of the domain would be broken by what is about to be written: a fault of ours. Nothing was written.
    case invariant(String)
    /// Options that contradict each other.
    case invalidOptions(String)

    /// Whether stored data itself is at fault, a record or a page.
    public var isDamage: Bool {
        switch self {
        case .corrupt, .damagedFile: true
        case .fatal(let error), .refused(let error): error.isDamage
        default: false
        }
    }

    init(_ error: LMDBError) {
        switch error.severity {
        case .storageFull: self = .storageFull(error.description)
        case .retriable: self = .retriable(error)
        case .fatal: self = .fatal(error)
        case .refused: self = .refused(error)
        }
    }
}

extension LedgerError: CustomStringConvertible {
    public var description: String {
        switch self {
        case .directoryInUse(let directory, let processID):
            "the data directory \(directory) is in use by "
                + (processID.map { "process \($0)" } ?? "another process")
        case .unknownSchemaVersion(let found, let supported):
            "the ledger has schema version \(found); this program reads and writes version \(supported)"
        case .noLedger(let directory): "there is no ledger in \(directory)"
        case .damagedFile(let detail): "the data file is damaged: \(detail); restore a backup"
        case .corrupt(let key): "the record of \(key) is damaged"
        case .storageFull(let detail): "storage is full: \(detail)"
        case .deadLettersFull(let limit): limit
        case .retriable(let error): "storage is busy: \(error)"
        case .fatal(let error): "storage failed: \(error)"
        case .refused(let error): "storage refused: \(error)"
        case .system(let operation, let path, let code):
            // strerror's text is copied at once.
            "\(operation) \(path): \(unsafe String(cString: strerror(code))) (\(code))"
        case .alreadyExists(let path): "\(path) exists already"
        case .numbersExhausted(let kind): "all 65,535 numbers of kind \(kind) are taken"
        case .unreadableDocument(let detail): "unreadable document: \(detail)"
        case .invariant(let what): what
        case .invalidOptions(let detail): "invalid storage options: \(detail)"
        }
    }
}

/// Runs an LMDB call and speaks of its failure in the ledger's terms.
@inline(__always)
func storing<Result: ~Copyable>(
    _ body: () throws(LMDBError) -> Result
) throws(LedgerError) -> Result {
    do throws(LMDBError) { return try body() } catch { throw LedgerError(error) }
}
