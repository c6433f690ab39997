internal import LMDB
internal import Synchronization

/// The durable state of the server in one directory: an LMDB environment, a lock of ours, and a ballast file.
///
/// One thread writes, through `beginBatch()`; every other thread reads through a `SnapshotReader` of its own. A commit
/// returns after the data is on disk. Storage only: it knows no rule of stock.
public final class Ledger: Sendable {
    public let directory: String
    /// True when this opening turned a backup into a ledger and so began a new epoch.
    public let wasRestored: Bool
    /// Whether this opening walked every page; otherwise `checkStructure` should, soon.
    public let isStructureChecked: Bool
    let options: LedgerOptions
    let databases: [Database]
    // Closed before the lock is let go.
    let environment: Environment
    private let lock: DirectoryLock?
    private let currentEpoch: Atomic<UInt64>
    private let currentAwaitsErps: Atomic<Bool>
    let writer: Mutex<WriterState>

    /// What the writer keeps in memory between batches.
    struct WriterState: Sendable {
        /// The key after which `pruneEventIDs` goes on; empty: from the beginning.
        var pruneHands: [Tree: [UInt8]] = [:]
        var ballast: Ballast
    }

    /// Opens the ledger in `directory`; creates both unless read only.
    public init(directory: String, options: LedgerOptions = LedgerOptions()) throws(LedgerError) {
        try options.validate()
        var ballast = Ballast(directory: directory, bytes: options.ballastBytes)
        if options.readOnly {
            lock = nil
        } else {
            try Self.makeDirectory(directory)
            lock = try DirectoryLock(directory: directory)
            _ = ballast.restore()
        }
        let depth = Self.structureCheckDepth(directory: directory, options: options)
        let environment = try Self.openEnvironment(directory: directory, options: options, depth: depth)
        databases = try Self.openDatabases(of: environment, directory: directory, options: options)
        let opened = try Self.establish(
            environment, directory: directory, databases: databases, options: options)
        if !options.readOnly { try Self.synchronize(directory) }
        currentEpoch = Atomic(opened.epoch)
        currentAwaitsErps = Atomic(opened.awaitsErps)
        wasRestored = opened.wasRestored
        isStructureChecked = depth == .everyPage
        self.environment = environment
        self.directory = directory
        self.options = options
        writer = Mutex(WriterState(ballast: ballast))
    }

    /// Sequences and resume tokens are only comparable within one epoch.
    public var epoch: UInt64 { currentEpoch.load(ordering: .acquiring) }

    /// It was restored from a backup, and what was held at the ERPs since was not read back yet: over restarts, until a
    /// batch says `endRestoration`.
    public var awaitsErps: Bool { currentAwaitsErps.load(ordering: .acquiring) }

    func publish(_ identity: LedgerIdentity) {
        currentEpoch.store(identity.epoch, ordering: .releasing)
        currentAwaitsErps.store(identity.awaitsErps, ordering: .releasing)
    }

    /// A reader for one thread or loop, released at first. Takes a slot of `maxReaders` while it lives.
    public func makeReader() throws(LedgerError) -> SnapshotReader {
        try SnapshotReader(ledger: self)
    }

    /// Begins the one batch; waits while another is open. Only on the writer's thread, which must also end it.
    public func beginBatch() throws(LedgerError) -> WriteBatch {
        precondition(!options.readOnly, "the ledger is open for reading only")
        let batch = try WriteBatch(ledger: self)
        reached(.batchBegan)
        return batch
    }

    /// Runs `body` on a batch and commits it; aborts when `body` throws. Returns what `body` does and the sequence now
    /// committed.
    public func withWriteBatch<Result>(
        _ body: (inout WriteBatch) throws(LedgerError) -> Result
    ) throws(LedgerError) -> (result: Result, sequence: UInt64) {
        var batch = try beginBatch()
        let result = try body(&batch)
        return (result, try batch.commit())
    }

    /// Says that the caller has come to a named point around a commit.
    public func reached(_ failpoint: Failpoint) {
        options.failpoint(failpoint)
    }

    @inline(__always)
    func database(_ tree: Tree) -> Database { databases[tree.rawValue] }
}
