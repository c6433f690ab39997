import HotTable
import Inventory
import Ledger
import Testing

@testable import Engine

@Suite struct ChangeHubTests {

    private func change(_ sku: String) -> HotTable.Change {
        HotTable.Change(sku: sku, location: 1, figures: StockFigures(Position()))
    }

    @Test func openInboxHearsOfEachCommitOnceAndAClosedOneOfNone() {
        let hub = ChangeHub(sequence: 5)
        let bell = Bell()
        let inbox = hub.makeInbox { bell.ring() }
        #expect(!hub.isWatched && hub.sequence == 5)
        hub.committed([change("A")], sequence: 6)
        inbox.open()
        #expect(hub.isWatched && inbox.take().sequence == 0)
        hub.committed([change("B"), change("B")], sequence: 8)
        hub.committed([], sequence: 8)
        hub.committed([change("C")], sequence: 9)
        let news = inbox.take()
        #expect(news.changes.map { $0.map(\.sku) } == [["B", "B"], ["C"]])
        #expect(news.sequence == 9 && !news.isEverything && hub.sequence == 9)
        #expect(inbox.take().changes.isEmpty && inbox.take().sequence == 9)
        inbox.close()
        hub.committed([change("D")], sequence: 10)
        #expect(inbox.take().changes.isEmpty && !hub.isWatched && hub.sequence == 10)
    }

    @Test func changesThatNobodyGatheredAreEverything() {
        let hub = ChangeHub(sequence: 0)
        let inbox = hub.makeInbox {}
        inbox.open()
        hub.committed([change("A")], sequence: 1)
        hub.committed(nil, sequence: 2)
        hub.committed([change("B")], sequence: 3)
        let news = inbox.take()
        #expect(news.isEverything && news.changes.isEmpty && news.sequence == 3)
        hub.committed([change("C")], sequence: 4)
        #expect(!inbox.take().isEverything)
    }

    @Test func moreThanIsKeptIsEverything() {
        let hub = ChangeHub(sequence: 0)
        let inbox = hub.makeInbox {}
        inbox.open()
        let many = [HotTable.Change](repeating: change("A"), count: ChangeHub.changesMax)
        hub.committed(many, sequence: 1)
        #expect(inbox.take().changes.first?.count == ChangeHub.changesMax)
        hub.committed(many, sequence: 2)
        hub.committed([change("B")], sequence: 3)
        let news = inbox.take()
        #expect(news.isEverything && news.changes.isEmpty && news.sequence == 3)
    }

    /// With and without the table in memory, for which changes are gathered anyway.
    @Test(arguments: [false, true])
    func everyKindOfCommitIsHeardOf(hasHotTable: Bool) throws {
        let table = hasHotTable ? HotTable(bytesMax: 1 << 20, seed: 3) : nil
        let store = try TestStore(hotTable: table)
        let inbox = store.engine.board.changes.makeInbox {}
        inbox.open()
        _ = try store.publish(Make.snapshot("1", sku: "A", onHand: 5))
        let news = inbox.take()
        #expect(news.changes.flatMap { $0 }.map(\.sku) == ["A"])
        #expect(news.sequence == (try store.ledgerState().sequence) && !news.isEverything)
    }
}
