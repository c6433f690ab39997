internal import CLMDB

/// The state of an environment at its last commit.
public struct EnvironmentInformation: Sendable, Equatable {
    public let mapBytes: UInt64
    /// Number of the last page ever used, from 0. Pages up to it may be free.
    public let lastPage: UInt64
    public let lastTransactionID: UInt64
    public let maxReaders: Int
    /// Reader slots ever used at one time, not those in use now.
    public let readerSlots: Int
    public let pageBytes: Int
}

/// One taken slot of the reader table.
public struct ReaderSlot: Sendable, Equatable {
    public let processID: Int32
    /// The snapshot it pins; nil while reset.
    public let transactionID: UInt64?
}

extension Environment {
    public borrowing func information() -> EnvironmentInformation {
        var information = unsafe MDB_envinfo()
        var statistics = MDB_stat()
        // Both only fail for a null argument.
        unsafe mdb_env_info(pointer, &information)
        unsafe mdb_env_stat(pointer, &statistics)
        return unsafe EnvironmentInformation(
            mapBytes: UInt64(information.me_mapsize), lastPage: UInt64(information.me_last_pgno),
            lastTransactionID: UInt64(information.me_last_txnid), maxReaders: Int(information.me_maxreaders),
            readerSlots: Int(information.me_numreaders), pageBytes: Int(statistics.ms_psize))
    }

    /// The reader table of all processes. For operators and tests: it makes strings.
    public borrowing func readers() throws(LMDBError) -> [ReaderSlot] {
        var text = ""
        let code = unsafe withUnsafeMutablePointer(to: &text) { text in
            unsafe mdb_reader_list(pointer, appendReaderLine, text)
        }
        if code < 0 { throw LMDBError(code: code, operation: "mdb_reader_list") }
        // A heading, then "pid thread txnid" a line, with "-" for a reader that pins nothing.
        return text.split(separator: "\n").compactMap { line in
            let words = line.split(separator: " ")
            guard words.count == 3, let processID = Int32(words[0]) else { return nil }
            return ReaderSlot(processID: processID, transactionID: UInt64(words[2]))
        }
    }

    /// Frees the slots of processes that died. Returns how many there were.
    @discardableResult
    public borrowing func clearStaleReaders() throws(LMDBError) -> Int {
        var cleared: Int32 = 0
        try check(unsafe mdb_reader_check(pointer, &cleared), "mdb_reader_check")
        return Int(cleared)
    }
}

/// Called by mdb_reader_list for each line, within `readers()`; `context` is its String.
private func appendReaderLine(_ line: UnsafePointer<CChar>?, _ context: UnsafeMutableRawPointer?) -> Int32 {
    guard let line = unsafe line, let context = unsafe context else { return -1 }
    unsafe context.assumingMemoryBound(to: String.self).pointee += String(cString: line)
    return 0
}
