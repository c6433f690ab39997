internal import Glibc
internal import LMDB
internal import Synchronization

extension Ledger {
    /// Throws `storageFull` when a group of commands should not be begun, and `fatal` when the data file was removed:
    /// what is committed to it then would be acknowledged and lost. Only on the writer's thread, outside a batch.
    ///
    /// Growing groups stop at the headroom, or while the ballast is spent; shrinking ones may use the headroom. So a
    /// full map never aborts a group that gives stock back.
    public func checkRoom(growing: Bool) throws(LedgerError) {
        if try storing({ () throws(LMDBError) in try environment.isDataFileRemoved() }) {
            throw .fatal(LMDBError(code: ENOENT, operation: "commit", detail: "data.mdb was removed or replaced"))
        }
        if growing && !restoreBallast() {
            throw .storageFull("the disk is full and the ballast is spent")
        }
        let information = environment.information()
        let pageBytes = UInt64(information.pageBytes)
        let headroomBytes = growing ? options.effectiveHeadroomBytes : 0
        let pagesMax = (options.effectiveQuotaBytes - headroomBytes) / pageBytes
        // Counting free pages walks the free list: only near the limit, where it matters.
        guard information.lastPage + 1 >= pagesMax else { return }
        let used = information.lastPage + 1 - min(try freePages(), information.lastPage)
        guard used >= pagesMax else { return }
        throw .storageFull(
            "\(used * pageBytes) of \(options.effectiveQuotaBytes) bytes used, "
                + "\(headroomBytes) kept for releases")
    }

    /// Whether so little room is left that what is made beside the running figures must give way to them: an eighth of the
    /// quota, besides the headroom. Only on the writer's thread, outside a batch.
    public func isRoomShort() throws(LedgerError) -> Bool {
        let information = environment.information()
        let pageBytes = UInt64(information.pageBytes)
        let quota = options.effectiveQuotaBytes
        let pagesMax =
            (quota - options.effectiveHeadroomBytes - (quota - options.effectiveHeadroomBytes) / 8) / pageBytes
        guard information.lastPage + 1 >= pagesMax else { return false }
        return information.lastPage + 1 - min(try freePages(), information.lastPage) >= pagesMax
    }

    /// Pages in the file that hold nothing. A page that a snapshot still needs counts as free.
    func freePages() throws(LedgerError) -> UInt64 {
        try storing { () throws(LMDBError) in
            let transaction = try environment.beginRead()
            var cursor = try transaction.openCursor(.freeList)
            var pages: UInt64 = 0
            var entry = unsafe try cursor.first()
            while let found = unsafe entry {
                // A free-list value begins with the number of pages in it.
                unsafe pages += found.value.little(0, UInt64.self)
                unsafe entry = try cursor.next()
            }
            return pages
        }
    }

    private func restoreBallast() -> Bool {
        writer.withLock { !$0.ballast.isSpent || $0.ballast.restore() }
    }

    func spendBallast() {
        writer.withLock { _ = $0.ballast.spend() }
    }
}
