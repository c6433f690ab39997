internal import Engine
internal import Feeds
internal import Foundation
internal import Inventory
internal import Ledger
internal import Synchronization

/// A thread and the watches it serves.
final class WatchShard: Sendable {
    private struct Mail {
        var arrived: [AvailabilityWatch] = []
        /// They can be written to again, or are over.
        var woken: [AvailabilityWatch] = []
        /// Lines that are to be told once more.
        var again: [(AvailabilityWatch, PublicationLine)] = []
    }

    /// A turn pins a snapshot of the ledger; after so long it is renewed.
    private static let turnNanosecondsMax: Int64 = 10 * .perMillisecond

    private let bell: Bell
    private let inbox: ChangeInbox
    private let counts: WatchCounts
    private let clocks: WatchClocks
    private let mail = Mutex(Mail())
    private let lineCount = Atomic(0)
    private let isStopping = Atomic(false)

    init(hub: ChangeHub, counts: WatchCounts, clocks: WatchClocks) {
        let bell = Bell()
        self.bell = bell
        self.counts = counts
        self.clocks = clocks
        inbox = hub.makeInbox { bell.ring() }
    }

    /// Lines named to it and not given back.
    var load: Int { lineCount.load(ordering: .relaxed) }

    func start(ledger: Ledger, board: StateBoard, tenant: TenantNumber) {
        Thread.detachNewThread { [self] in
            do throws(LedgerError) {
                run(try StockView(ledger: ledger, board: board, tenant: tenant), epoch: ledger.epoch)
            } catch {
                // Reader slots are counted at start-up; without one the shard could never answer.
                preconditionFailure("a watch thread has no reader: \(error)")
            }
        }
    }

    func stop() {
        isStopping.store(true, ordering: .releasing)
        bell.ring()
    }

    /// Any thread. Its room was taken; the shard gives it back.
    func add(_ watch: AvailabilityWatch) {
        lineCount.add(watch.question.lineCount + 1, ordering: .relaxed)
        mail.withLock { $0.arrived.append(watch) }
        bell.ring()
    }

    /// The watch can be written to again, or is over. Any thread.
    func wake(_ watch: AvailabilityWatch) {
        mail.withLock { $0.woken.append(watch) }
        bell.ring()
    }

    /// Has a line told once more, whatever was told of it. Any thread.
    func tellAgain(_ watch: AvailabilityWatch, _ line: PublicationLine) {
        mail.withLock { $0.again.append((watch, line)) }
        bell.ring()
    }

    private func run(_ stock: StockView, epoch: UInt64) {
        let book = WatchBook(
            stock: stock, counts: counts, epoch: epoch, clocks: clocks,
            onRemoved: { [self] in lineCount.subtract($0.lineCount + 1, ordering: .relaxed) })
        while !isStopping.load(ordering: .acquiring) {
            if !book.hasQueue { bell.wait(deadlineNanoseconds: book.deadlineNanoseconds) }
            turn(book, stock)
        }
    }

    private func turn(_ book: WatchBook, _ stock: StockView) {
        let mail = mail.withLock { mail in
            defer { mail = Mail() }
            return mail
        }
        // Before anything is read: from then on every change is heard of.
        if !mail.arrived.isEmpty { inbox.open() }
        let news = inbox.take()
        stock.beginTurn()
        book.mark(news)
        for watch in mail.arrived { book.add(watch) }
        for watch in mail.woken { book.wake(watch) }
        for (watch, line) in mail.again { book.tellAgain(watch, line) }
        book.serve(untilNanoseconds: clocks.monotonic() + Self.turnNanosecondsMax)
        stock.endTurn()
        if book.isEmpty { inbox.close() }
    }
}
