public import Inventory
internal import Synchronization

/// What the read path needs of every position, in memory: a copy of the ledger that is never the truth.
///
/// One thread at a time changes it (`withWriter`): the loader at start-up, then the engine's writer after each commit and
/// before its callers are told. Any number of threads read it without a lock: they note the version (`beginRead`), read,
/// and use what they read only if the version is still the same (`isUnchanged`); else they ask the ledger. So an answer
/// over many lines is of one ledger sequence, as from a snapshot, and a torn row is never used.
///
/// Memory: at most `bytesMax` for rows and index together. A row takes whole cache lines of 64 bytes; the index takes 8
/// bytes a slot and is between 3/10 and 6/10 full. So a sku of up to 16 bytes with one location costs 78 to 91 bytes,
/// with three locations 142 to 155. Positions beyond the bound are answered by the ledger.
@safe
public final class HotTable: Sendable {
    private enum Phase {
        static let loading: UInt64 = 0
        /// A sku that is not found may still be in the ledger.
        static let partial: UInt64 = 1
        /// A sku that is not found is in nobody's stock.
        static let complete: UInt64 = 2
    }

    /// What a look-up came to.
    public enum Lookup {
        case row(HotRow)
        /// The sku has no position.
        case absent
        /// The table does not know.
        case askLedger
    }

    /// Odd while a writer is at work.
    private let version = Atomic<UInt64>(0)
    private let appliedSequence = Atomic<UInt64>(0)
    private let phase = Atomic<UInt64>(Phase.loading)
    /// Slots of the index in use, less one; a power of two less one.
    let slotMask: Atomic<UInt64>
    private let seed: UInt64
    /// Each word: a sku's hash in the upper half, its row's line + 1 in the lower one; 0: free.
    let index: WordStore
    let rows: WordStore
    private let writer: Mutex<HotTableWriter>

    /// Nil when the system gives no address space for it.
    ///
    /// - Parameters:
    ///   - bytesMax: the most memory it takes, at least 1 MiB.
    ///   - seed: any number that outsiders do not know.
    public init?(bytesMax: Int, seed: UInt64) {
        precondition(bytesMax >= 1 << 20)
        // Address space only. A reader may look beyond the last row by the longest row's length.
        guard let rows = WordStore(count: bytesMax / 8 + HotRow.linesMax * HotRow.wordsPerLine),
            let index = WordStore(count: HotTableWriter.slotsMax(bytesMax: bytesMax))
        else { return nil }
        self.rows = rows
        self.index = index
        self.seed = seed
        slotMask = Atomic(UInt64(HotTableWriter.slotsMin - 1))
        writer = Mutex(HotTableWriter(bytesMax: bytesMax))
    }
}

// Reading: any thread.
extension HotTable {
    /// The version to read at; nil while the table is loading or being changed.
    @inline(__always)
    public func beginRead() -> UInt64? {
        let now = version.load(ordering: .acquiring)
        return now & 1 == 0 && phase.load(ordering: .relaxed) != Phase.loading ? now : nil
    }

    /// Whether all that was read since `beginRead` belongs together.
    @inline(__always)
    public func isUnchanged(since version: UInt64) -> Bool {
        // What was read before must not be read again after the version (Boehm, "Can seqlocks get along with
        // programming language memory models?", 2012).
        atomicMemoryFence(ordering: .acquiring)
        return self.version.load(ordering: .relaxed) == version
    }

    /// The ledger sequence that the table shows. Within a read, valid under the same condition as rows are.
    @inline(__always)
    public var sequence: UInt64 { appliedSequence.load(ordering: .relaxed) }

    @inline(__always)
    public func hash(_ sku: UnsafeRawBufferPointer) -> UInt32 {
        unsafe SkuWords(sku).hash(seed: seed)
    }

    /// First step for a sku soon to be looked up.
    @inline(__always)
    public func prefetchSlot(_ hash: UInt32) {
        index.prefetch(firstSlot(hash))
    }

    /// Second step, when the first has had time.
    @inline(__always)
    public func prefetchRow(_ hash: UInt32) {
        let word = index[firstSlot(hash)]
        if UInt32(truncatingIfNeeded: word >> 32) == hash { rows.prefetch(HotTable.firstWord(of: word)) }
    }

    /// Finds a sku of at least one byte; `hash` is that of `hash(_:)`.
    @inline(__always)
    public func find(_ sku: UnsafeRawBufferPointer, hash: UInt32) -> Lookup {
        let words = unsafe SkuWords(sku)
        let mask = slotMask.load(ordering: .relaxed)
        var slot = Int(UInt64(hash) & mask)
        // A writer at work could leave no free slot where one was: the walk is bounded all the same.
        var left = mask
        while left > 0 {
            left -= 1
            let word = index[slot]
            if word == 0 { return phase.load(ordering: .relaxed) == Phase.complete ? .absent : .askLedger }
            if UInt32(truncatingIfNeeded: word >> 32) == hash,
                let header = header(at: HotTable.firstWord(of: word), of: words)
            {
                if header.asksLedger { return .askLedger }
                return unsafe .row(HotRow(rows.pointer(at: HotTable.firstWord(of: word)), header: header))
            }
            slot = (slot + 1) & Int(mask)
        }
        return .askLedger
    }

    /// The header of the row that begins at `first`, if the row is that sku's.
    @inline(__always)
    func header(at first: Int, of sku: SkuWords) -> HotRowHeader? {
        let header = HotRowHeader(rawValue: rows[first])
        guard header.skuBytes == sku.byteCount else { return nil }
        // The row has as many words of sku as this one.
        var place = unsafe rows.pointer(at: first)
        let isEqual = sku.allSatisfy { word in
            unsafe place += 1
            return unsafe place.pointee.load(ordering: .relaxed) == word
        }
        return isEqual ? header : nil
    }

    @inline(__always)
    private func firstSlot(_ hash: UInt32) -> Int {
        Int(UInt64(hash) & slotMask.load(ordering: .relaxed))
    }

    @inline(__always)
    static func firstWord(of slot: UInt64) -> Int {
        (Int(slot & 0xFFFF_FFFF) - 1) &* HotRow.wordsPerLine
    }
}

// Changing: one thread at a time.
extension HotTable {
    /// One change of one position.
    public struct Change: Sendable {
        public let sku: String
        public let location: LocationNumber
        public let figures: StockFigures

        public init(sku: String, location: LocationNumber, figures: StockFigures) {
            self.sku = sku
            self.location = location
            self.figures = figures
        }
    }

    /// What a commit changed, in order; `sequence` is the commit's. After the commit, before anybody is told of it.
    public func apply(_ changes: [Change], sequence: UInt64) {
        change { writer in
            for change in changes { writer.apply(change, to: self) }
            appliedSequence.store(sequence, ordering: .relaxed)
        }
    }

    /// Holds off other writers while `body` loads rows from a snapshot that it must take only now: so what it loads is
    /// never older than what was applied.
    public func load<Failure: Error>(
        _ body: (inout HotTableLoading) throws(Failure) -> Void
    ) throws(Failure) {
        var failure: Failure?
        change { writer in
            var loading = HotTableLoading(table: self, writer: writer)
            do throws(Failure) { try body(&loading) } catch { failure = error }
            writer = loading.writer
        }
        if let failure { throw failure }
    }

    /// Another one, as large and with nothing in it; nil when the system gives no address space for it.
    public func makeEmpty() -> HotTable? {
        HotTable(bytesMax: writer.withLock { $0.bytesMax }, seed: seed)
    }

    /// Figures for the metrics page. Any thread; waits for a writer at work.
    public var statistics: HotTableStatistics {
        writer.withLock { writer in
            HotTableStatistics(
                skus: writer.skus, positions: writer.positions, bytes: writer.bytes, bytesMax: writer.bytesMax,
                isReady: phase.load(ordering: .relaxed) != Phase.loading,
                isComplete: phase.load(ordering: .relaxed) == Phase.complete)
        }
    }

    func hash(_ words: SkuWords) -> UInt32 { words.hash(seed: seed) }

    func finishLoading(isComplete: Bool) {
        phase.store(isComplete ? Phase.complete : Phase.partial, ordering: .releasing)
    }

    /// A sku is left out from now on: not found means unknown.
    func becomePartial() {
        if phase.load(ordering: .relaxed) == Phase.complete { phase.store(Phase.partial, ordering: .relaxed) }
    }

    func begin(at sequence: UInt64) {
        appliedSequence.store(max(sequence, self.sequence), ordering: .relaxed)
    }

    private func change(_ body: (inout HotTableWriter) -> Void) {
        writer.withLock { writer in
            let before = version.load(ordering: .relaxed)
            version.store(before + 1, ordering: .relaxed)
            // No change may be seen before the version is odd.
            atomicMemoryFence(ordering: .releasing)
            body(&writer)
            version.store(before + 2, ordering: .releasing)
        }
    }
}

/// How full the table is.
public struct HotTableStatistics: Sendable {
    public let skus: Int
    public let positions: Int
    /// Of rows and index, free rows included.
    public let bytes: Int
    public let bytesMax: Int
    /// Whether it answers.
    public let isReady: Bool
    /// Whether it holds every sku.
    public let isComplete: Bool
}
