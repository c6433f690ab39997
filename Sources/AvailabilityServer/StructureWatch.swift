internal import Dispatch
internal import Foundation
internal import Ledger
internal import Logging
internal import Synchronization

/// Walks the data file while the server serves, when opening did not: on a thread of its own at the lowest priority. A
/// file that turns out to be damaged ends the process with the words and the exit code of a start that refuses it.
final class StructureWatch: Sendable {
    enum Progress: String, Sendable {
        case running = "being checked"
        case complete = "checked"
        case cancelled = "not checked to the end"
    }

    private let ledger: Ledger
    private let logger: Logger
    private let state: Mutex<Progress>
    private let isStopping = Atomic(false)
    private let ended = DispatchGroup()

    init(ledger: Ledger, logger: Logger) {
        self.ledger = ledger
        self.logger = logger
        state = Mutex(ledger.isStructureChecked ? .complete : .running)
    }

    var progress: Progress { state.withLock { $0 } }

    func start() {
        guard progress == .running else { return }
        ended.enter()
        Thread.detachNewThread { [self] in
            defer { ended.leave() }
            // On Linux this is the calling thread's alone.
            setpriority(__priority_which_t(PRIO_PROCESS.rawValue), 0, 19)
            walk()
        }
    }

    /// Ends the walk where it is, before the ledger is closed. Blocks for the time of a page.
    func stop() {
        isStopping.store(true, ordering: .relaxed)
        ended.wait()
    }

    /// Blocks until the walk has ended, and tells how.
    func waitForEnd() -> Progress {
        ended.wait()
        return progress
    }

    private func walk() {
        let start = ContinuousClock.now
        do throws(LedgerError) {
            let isComplete = try ledger.checkStructure { self.isStopping.load(ordering: .relaxed) }
            state.withLock { $0 = isComplete ? .complete : .cancelled }
            guard isComplete else { return }
            let milliseconds = (ContinuousClock.now - start) / .milliseconds(1)
            logger.info("data file checked", metadata: ["duration_ms": "\(Int(milliseconds))"])
        } catch {
            logger.critical("the data file cannot be trusted; stopping", metadata: ["reason": "\(error)"])
            _exit(Storage.exitStatus)
        }
    }
}
