internal import Dispatch
internal import Engine
internal import Foundation
internal import HotTable
internal import Inventory
internal import Ledger
internal import Logging
internal import Synchronization

/// Loads the hot table while the server serves, on a thread of its own, once the data file is known to be sound: loading
/// reads every page of it. Until it is done the ledger answers.
final class HotTableFilling: Sendable {
    private let table: HotTable
    private let loader: HotTableLoader
    private let watch: StructureWatch
    private let logger: Logger
    private let isStopping = Atomic(false)
    private let ended = DispatchGroup()

    init(table: HotTable, loader: HotTableLoader, watch: StructureWatch, logger: Logger) {
        self.table = table
        self.loader = loader
        self.watch = watch
        self.logger = logger
    }

    /// The thread has the usual priority, since the writer may have to wait for a page of it.
    func start() {
        ended.enter()
        Thread.detachNewThread { [self] in
            defer { ended.leave() }
            guard watch.waitForEnd() == .complete else { return }
            fill()
        }
    }

    /// Ends the loading where it is, after the watch was stopped and before the ledger is closed.
    func stop() {
        isStopping.store(true, ordering: .relaxed)
        ended.wait()
    }

    private func fill() {
        do throws(LedgerError) {
            try loader.run { self.isStopping.load(ordering: .relaxed) }
        } catch {
            return logger.error("the hot table stays off; reads go to the store", metadata: ["reason": "\(error)"])
        }
        let statistics = table.statistics
        guard statistics.isReady else { return }
        logger.notice(
            statistics.isComplete ? "the hot table answers" : "the hot table is full; the store answers the rest",
            metadata: [
                "skus": "\(statistics.skus)", "positions": "\(statistics.positions)", "bytes": "\(statistics.bytes)",
            ])
    }
}

/// Has each table in memory filled: the one the server starts with, and one more for each rebuild that is switched to. Any
/// thread.
final class HotTableHosting: Sendable {
    private struct State {
        var filling: HotTableFilling?
        var table: HotTable?
        var isStopping = false
    }

    private let board: StateBoard
    private let ledger: Ledger
    private let tenant: TenantNumber
    private let watch: StructureWatch
    private let logger: Logger
    private let state = Mutex(State())

    init(board: StateBoard, ledger: Ledger, tenant: TenantNumber, watch: StructureWatch, logger: Logger) {
        self.board = board
        self.ledger = ledger
        self.tenant = tenant
        self.watch = watch
        self.logger = logger
    }

    /// Begins to fill the table that the readers have now, unless that was done.
    func fill() {
        guard let table = board.hotTable else { return }
        state.withLock { state in
            guard state.table !== table, !state.isStopping else { return }
            // Ends soon: of figures that answer no more nothing is loaded.
            state.filling?.stop()
            state.table = table
            let loader = HotTableLoader(table: table, ledger: ledger, tenant: tenant)
            state.filling = HotTableFilling(table: table, loader: loader, watch: watch, logger: logger)
            state.filling?.start()
        }
    }

    /// After the watch was stopped and before the ledger is closed.
    func stop() {
        let filling = state.withLock { state in
            state.isStopping = true
            return state.filling
        }
        filling?.stop()
    }
}
