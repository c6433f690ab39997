internal import Glibc

/// Keeps every other process, and every other ledger of this one, from writing to the directory. LMDB's own lock only
/// serialises transactions, and two engines over one store would promise the same stock.
struct DirectoryLock: ~Copyable {
    // Owned: the lock lives as long as the open file description.
    private let descriptor: Int32

    init(directory: String) throws(LedgerError) {
        let path = directory + "/ledger.lock"
        let opened = unsafe open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0o600)
        guard opened >= 0 else { throw .system(operation: "open", path: path, code: errno) }
        guard flock(opened, LOCK_EX | LOCK_NB) == 0 else {
            let code = errno
            let holder = Self.processID(in: opened)
            close(opened)
            if code == EWOULDBLOCK { throw .directoryInUse(directory: directory, processID: holder) }
            throw .system(operation: "flock", path: path, code: code)
        }
        // The number is for the message only; the lock itself needs no content, so a full disk does not matter here.
        let text = "\(getpid())\n"
        _ = ftruncate(opened, 0)
        unsafe text.withBytes { _ = unsafe pwrite(opened, $0.baseAddress, $0.count, 0) }
        descriptor = opened
    }

    deinit {
        // Closing alone lets go only once no copy is open, and a process that is just being spawned has one until it
        // becomes another program.
        _ = flock(descriptor, LOCK_UN)
        close(descriptor)
    }

    private static func processID(in descriptor: Int32) -> Int32? {
        let text = unsafe String(unsafeUninitializedCapacity: 16) { buffer in
            unsafe max(0, pread(descriptor, buffer.baseAddress, 16, 0))
        }
        return Int32(text.prefix { $0.isNumber })
    }
}
