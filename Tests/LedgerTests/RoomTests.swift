import Foundation
import Inventory
import Testing

@testable import Ledger

@Suite struct RoomTests {
    let directory = TemporaryDirectory()

    private let small = smallOptions {
        $0.mapBytes = 8 << 20
        $0.quotaBytes = 4 << 20
        $0.headroomBytes = 1 << 20
    }

    private func grow(_ ledger: Ledger, group: Int) throws(LedgerError) {
        try ledger.commit { batch throws(LedgerError) in
            for number in 0..<200 {
                try batch.setPosition(
                    makePosition(onHand: 1), tenant: 1, sku: "sku-\(group)-\(number)", location: 1)
            }
        }
    }

    @Test func growthStopsAtTheHeadroomAndShrinkingGoesOn() throws {
        let ledger = try Ledger(directory: directory.ledger, options: small)
        var groups = 0
        while failure({ () throws(LedgerError) in try ledger.checkRoom(growing: true) }) == nil {
            try grow(ledger, group: groups)
            groups += 1
            try #require(groups < 1_000)
        }
        #expect(try ledger.statistics().usedBytes >= 3 << 20)
        try ledger.checkRoom(growing: false)
        for group in 0..<groups {
            try ledger.checkRoom(growing: false)
            try ledger.commit { batch throws(LedgerError) in
                for number in 0..<200 {
                    try batch.deletePosition(tenant: 1, sku: "sku-\(group)-\(number)", location: 1)
                }
            }
        }
        try ledger.checkRoom(growing: true)
        try grow(ledger, group: 0)
        #expect(try ledger.verify().isClean)
    }

    @Test func fullMapAbortsTheBatchWholeAndTheLedgerGoesOn() throws {
        let ledger = try Ledger(directory: directory.ledger, options: small)
        let failed = failure { () throws(LedgerError) in
            try ledger.commit { batch throws(LedgerError) in
                for number in 0..<100_000 {
                    try batch.setPosition(makePosition(onHand: 1), tenant: 1, sku: "sku-\(number)", location: 1)
                }
            }
        }
        guard case .storageFull = failed else {
            Issue.record("\(String(describing: failed))")
            return
        }
        try ledger.set("A", at: 1, onHand: 1)
        let report = try ledger.verify()
        #expect(report.isClean)
        #expect(report.positions == 1)
    }

    @Test func ballastIsTakenSpentAndTakenAgain() throws {
        let ledger = try Ledger(directory: directory.ledger, options: smallOptions { $0.ballastBytes = 1 << 20 })
        let path = directory.ledger + "/ballast"
        let size = { try FileManager.default.attributesOfItem(atPath: path)[.size] as? Int }
        #expect(try size() == 1 << 20)
        ledger.spendBallast()
        #expect(try size() == 0)
        #expect(try ledger.statistics().isBallastSpent)
        try ledger.checkRoom(growing: true)
        #expect(try size() == 1 << 20)
    }

    @Test func statisticsCountEntriesAndReaders() throws {
        let ledger = try Ledger(directory: directory.ledger, options: smallOptions())
        try ledger.set("A", at: 1, onHand: 1)
        let reader = try ledger.makeReader()
        try reader.renew()
        try ledger.set("A", at: 2, onHand: 1)
        let statistics = try ledger.statistics()
        #expect(statistics.trees.first { $0.tree == .positions }?.entries == 2)
        #expect(statistics.pinnedReaders == 1)
        #expect(statistics.oldestReaderLag == 1)
        #expect(statistics.usedBytes <= statistics.fileBytes)
        #expect(statistics.quotaBytes == (1 << 28) / 8 * 7)
    }
}
