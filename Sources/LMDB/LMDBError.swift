internal import CLMDB
internal import Glibc

/// What a call into LMDB failed with. "Not found" is never an error: it is nil or false.
public struct LMDBError: Error, Sendable, Equatable, CustomStringConvertible {
    /// What a caller can do about it.
    public enum Severity: Sendable, Equatable {
        /// Nothing was written; the same call may succeed once readers have left or the group is smaller.
        case retriable
        /// Nothing was written; the disk, the disk quota or the map is full.
        case storageFull
        /// The file, the disk or the environment can no longer be trusted: stop, restart, resolve by idempotency keys.
        case fatal
        /// Refused before any effect: a wrong path, mode, flag or version.
        case refused
    }

    /// The library's own code (negative) or errno (positive).
    public let code: Int32
    /// The call that failed.
    public let operation: String
    /// What is known beyond the code; empty when nothing is.
    public let detail: String

    public init(code: Int32, operation: String, detail: String = "") {
        self.code = code
        self.operation = operation
        self.detail = detail
    }

    public var severity: Severity {
        switch code {
        case CSymbols.mapFull, ENOSPC, EDQUOT, EFBIG: .storageFull
        case CSymbols.readersFull, CSymbols.transactionFull, EAGAIN, EINTR, ENOMEM: .retriable
        case CSymbols.panic, CSymbols.corrupted, CSymbols.pageNotFound, EIO: .fatal
        default: .refused
        }
    }

    /// Whether the data file itself is damaged or not one of ours.
    public var isDamage: Bool {
        switch code {
        case CSymbols.corrupted, CSymbols.pageNotFound, CSymbols.invalid, CSymbols.versionMismatch: true
        default: false
        }
    }

    public var description: String {
        // mdb_strerror returns a string with static lifetime, or strerror's buffer, which is copied at once.
        let text = unsafe String(cString: mdb_strerror(code))
        return "\(operation): \(text) (\(code))" + (detail.isEmpty ? "" : ": \(detail)")
    }
}

/// Throws unless `code` is success.
@inline(__always)
func check(_ code: Int32, _ operation: String) throws(LMDBError) {
    if code != 0 { throw LMDBError(code: code, operation: operation) }
}
