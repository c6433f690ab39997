internal import Glibc
internal import LMDB

/// The word that the last process to write left behind: the state in which it closed the data file.
///
/// It is taken away before the file is opened again. So whatever damage a process dies of, the next one finds no word
/// and walks every page before it serves: a damaged file is met as a crash once at most.
struct OrderlyEnd {
    private let directory: String
    private var path: String { directory + "/ended-in-order" }

    init(directory: String) {
        self.directory = directory
    }

    /// Whether the file is as the word says. The word is gone afterwards.
    func take() -> Bool {
        let descriptor = unsafe open(path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { return false }
        let word = unsafe String(unsafeUninitializedCapacity: 256) { buffer in
            unsafe max(0, read(descriptor, buffer.baseAddress, 256))
        }
        close(descriptor)
        // A word that cannot be taken away would speak for the next process as well.
        guard unsafe unlink(path) == 0 else { return false }
        return word == stateInWords
    }

    /// Leaves word. Not synced: a power cut may take it, which costs the next opening a walk.
    func leave() {
        guard let word = stateInWords else { return }
        let descriptor = unsafe open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0o600)
        guard descriptor >= 0 else { return }
        unsafe word.withBytes { _ = unsafe write(descriptor, $0.baseAddress, $0.count) }
        close(descriptor)
    }

    /// Nil when the file cannot be read, which opening it will tell.
    private var stateInWords: String? {
        do throws(LMDBError) {
            guard let state = try DataFileState(directory: directory) else { return nil }
            return "transaction \(state.transactionID), last page \(state.lastPage), \(state.bytes) bytes\n"
        } catch { return nil }
    }
}

extension Ledger {
    static func structureCheckDepth(directory: String, options: LedgerOptions) -> StructureCheckDepth {
        if options.readOnly { return options.structureCheck == .never ? .lengthOnly : .everyPage }
        let endedInOrder = OrderlyEnd(directory: directory).take()
        switch options.structureCheck {
        case .always: return .everyPage
        case .unlessEndedInOrder: return endedInOrder ? .topOfTrees : .everyPage
        case .never: return .lengthOnly
        }
    }

    /// Walks every page of the newest commit while the ledger is in use. False when it was cancelled before the end;
    /// `damagedFile` when a page makes no sense: nothing read or written since can be trusted, stop the process.
    ///
    /// Any thread. The file grows by what is committed meanwhile: about 0.1 s for a million positions.
    public func checkStructure(isCancelled: @escaping () -> Bool = { false }) throws(LedgerError) -> Bool {
        do throws(LMDBError) {
            return try environment.checkStructure(isCancelled: isCancelled)
        } catch { throw Self.openingError(error) }
    }

    /// Leaves word for the next opening that nothing was amiss. Only on a ledger open for writing, as the last thing:
    /// a later commit makes the word void.
    public func recordOrderlyEnd() {
        precondition(!options.readOnly, "a reader has no say in how a ledger ended")
        OrderlyEnd(directory: directory).leave()
    }
}
