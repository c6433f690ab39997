/// How a ledger is opened. All of it is fixed until it is closed.
public struct LedgerOptions: Sendable {
    /// Address space for the map, in bytes; never grown while open. 1 TiB takes no memory; make it small under
    /// valgrind.
    public var mapBytes: UInt64 = 1 << 40
    /// The most the data file may hold; absent: seven eighths of the map.
    public var quotaBytes: UInt64?
    /// The end of the quota that only shrinking commands may use: more than one group of commands can ever write.
    /// Absent: 64 MiB, or an eighth of a small quota.
    public var headroomBytes: UInt64?
    /// A file of this size is freed when the disk is full, so that releases go on; 0: none.
    public var ballastBytes: UInt64 = 0
    /// Snapshots open at one time, over all processes.
    public var maxReaders: UInt32 = 126
    /// For a new ledger, and for a restored backup: a random number from the caller.
    public var epoch: UInt64 = 0
    /// Beside a running server, for backup, export and verify: takes no lock and writes nothing.
    public var readOnly = false
    public var structureCheck = StructureCheck.always
    /// Called on the writer's thread at named points around a commit; for tests that kill the process there.
    public var failpoint: @Sendable (Failpoint) -> Void = { _ in }

    public init() {}

    var effectiveQuotaBytes: UInt64 { quotaBytes ?? mapBytes / 8 * 7 }
    var effectiveHeadroomBytes: UInt64 { headroomBytes ?? min(64 << 20, effectiveQuotaBytes / 8) }

    func validate() throws(LedgerError) {
        guard mapBytes >= 1 << 20 else { throw .invalidOptions("mapBytes must be at least 1 MiB") }
        guard effectiveQuotaBytes <= mapBytes else { throw .invalidOptions("quotaBytes exceeds mapBytes") }
        guard effectiveHeadroomBytes < effectiveQuotaBytes else {
            throw .invalidOptions("headroomBytes must be smaller than the quota")
        }
        guard maxReaders >= 1 else { throw .invalidOptions("maxReaders must be at least 1") }
    }
}

/// When opening walks every page of the data file, so that a damaged tree is an error and not a crash later.
public enum StructureCheck: Sendable {
    /// A read-only ledger forgoes it while a writer is at work.
    case always
    /// Looks at the top of the trees only when the last process to write has recorded its orderly end; the caller then
    /// has `Ledger.checkStructure` look at the rest while it serves.
    case unlessEndedInOrder
    /// Only whether the file is long enough.
    case never
}

/// Named moments around a commit.
public enum Failpoint: String, Sendable, CaseIterable {
    case batchBegan
    case beforeCommit
    /// Durable, and nobody knows yet.
    case afterCommit
    /// Reached by the engine, through `Ledger.reached`.
    case beforeReply
}
