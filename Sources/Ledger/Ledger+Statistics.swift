internal import LMDB
internal import Synchronization

/// The size of the store, for operators.
public struct LedgerStatistics: Sendable, Equatable {
    public struct TreeSize: Sendable, Equatable {
        public let tree: Tree
        public let entries: Int
        public let pages: Int
    }

    /// Bytes of pages that hold something.
    public let usedBytes: UInt64
    /// Bytes of the data file up to its last page; it never shrinks.
    public let fileBytes: UInt64
    public let mapBytes: UInt64
    public let quotaBytes: UInt64
    public let headroomBytes: UInt64
    public let isBallastSpent: Bool
    public let trees: [TreeSize]
    /// Reader slots in use, over all processes, and how many of them pin a snapshot now.
    public let readers: Int
    public let pinnedReaders: Int
    public let readersMax: Int
    /// Commits a pinned snapshot is behind the newest, at most; 0 when nothing is pinned.
    public let oldestReaderLag: UInt64
    public let lastTransactionID: UInt64
    public let state: LedgerState
}

extension Ledger {
    /// Takes a snapshot and walks the free list: for operators, not per request. Any thread.
    public func statistics() throws(LedgerError) -> LedgerStatistics {
        let slots = try storing { () throws(LMDBError) in try environment.readers() }
        let reader = try makeReader()
        try reader.renew()
        let information = environment.information()
        let pageBytes = UInt64(information.pageBytes)
        var trees: [LedgerStatistics.TreeSize] = []
        for tree in Tree.allCases {
            let size = try reader.statistics(of: database(tree))
            trees.append(LedgerStatistics.TreeSize(tree: tree, entries: size.entries, pages: size.pages))
        }
        let pinned = slots.compactMap(\.transactionID)
        let last = information.lastTransactionID
        return LedgerStatistics(
            usedBytes: (information.lastPage + 1 - min(try freePages(), information.lastPage)) * pageBytes,
            fileBytes: (information.lastPage + 1) * pageBytes, mapBytes: information.mapBytes,
            quotaBytes: options.effectiveQuotaBytes, headroomBytes: options.effectiveHeadroomBytes,
            isBallastSpent: writer.withLock { $0.ballast.isSpent }, trees: trees, readers: slots.count,
            pinnedReaders: pinned.count, readersMax: information.maxReaders,
            oldestReaderLag: pinned.map { last - min($0, last) }.max() ?? 0, lastTransactionID: last,
            state: reader.state)
    }

    /// Frees the reader slots of processes that died. Returns how many there were.
    @discardableResult
    public func clearStaleReaders() throws(LedgerError) -> Int {
        try storing { () throws(LMDBError) in try environment.clearStaleReaders() }
    }
}
