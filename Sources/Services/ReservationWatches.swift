internal import Calls
public import Engine
internal import Foundation
public import Inventory
public import Ledger
internal import Proto
internal import Synchronization

/// Everybody who follows reservations. One thread reads the change log for all of them after each commit; a reader that is
/// slow is passed over until it has caught up, and then is told how things stand: nothing is kept for it.
public final class ReservationWatches: Sendable {
    private let ledger: Ledger
    private let board: StateBoard
    private let tenant: TenantNumber
    private let watches = Mutex<[ReservationWatch]>([])
    private let isStopping = Atomic(false)
    private let bell = Bell()

    /// Streams at a time; each costs a read of the log after every commit.
    static let watchesMax = 1_000

    public init(ledger: Ledger, board: StateBoard, tenant: TenantNumber) {
        self.ledger = ledger
        self.board = board
        self.tenant = tenant
    }

    /// Starts the thread.
    public func start() {
        Thread.detachNewThread { [self] in run() }
    }

    /// Ends the thread; the streams are ended by the wire.
    public func stop() {
        isStopping.store(true, ordering: .releasing)
        notify()
    }

    /// There may be something to tell. Any thread; cheap.
    public func notify() {
        bell.ring()
    }

    /// False when there are too many.
    func add(_ watch: ReservationWatch) -> Bool {
        let isAdded = watches.withLock { all in
            guard all.count < Self.watchesMax else { return false }
            all.append(watch)
            return true
        }
        if isAdded { notify() }
        return isAdded
    }

    private func run() {
        guard let reader = try? ledger.makeReader() else { return }
        while !isStopping.load(ordering: .acquiring) {
            bell.wait(deadlineNanoseconds: nil)
            tell(reader)
        }
    }

    private func tell(_ reader: SnapshotReader) {
        let all = watches.withLock { all in
            all.removeAll(where: \.isOver)
            return all
        }
        guard !all.isEmpty else { return }
        // The state first: it has the names of all that the snapshot may speak of.
        let state = board.state
        do throws(LedgerError) {
            try reader.renew()
            defer { reader.release() }
            var goesOn = false
            for watch in all {
                if try watch.advance(reader, state, tenant: tenant, epoch: ledger.epoch) { goesOn = true }
            }
            if goesOn { notify() }
        } catch {
            for watch in all { watch.fail(error.callStatus) }
        }
    }
}
