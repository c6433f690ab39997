import Foundation
import Testing

@testable import Ledger

@Suite struct OrderlyEndTests {
    let directory = TemporaryDirectory()

    private func open(_ check: StructureCheck = .unlessEndedInOrder) throws(LedgerError) -> Ledger {
        try Ledger(directory: directory.ledger, options: smallOptions { $0.structureCheck = check })
    }

    @Test func openingAfterAnOrderlyEndLeavesTheWalkToTheCaller() throws {
        do {
            let first = try open()
            #expect(first.isStructureChecked, "there was nothing to check")
            try first.set("A", at: 1, onHand: 3)
            first.recordOrderlyEnd()
        }
        do {
            let second = try open()
            #expect(!second.isStructureChecked)
            #expect(try second.checkStructure())
        }
        #expect(try open().isStructureChecked, "the second left no word")
    }

    @Test func wordBeforeALaterCommitIsVoid() throws {
        do {
            let ledger = try open()
            ledger.recordOrderlyEnd()
            try ledger.set("A", at: 1, onHand: 3)
        }
        #expect(try open().isStructureChecked)
    }

    @Test func wordIsTakenAwayByWhoeverOpensForWritingAndByNobodyElse() throws {
        do { try open().recordOrderlyEnd() }
        let word = directory.ledger + "/ended-in-order"
        do {
            let reader = try Ledger(directory: directory.ledger, options: smallOptions { $0.readOnly = true })
            #expect(reader.isStructureChecked)
        }
        #expect(FileManager.default.fileExists(atPath: word))
        do { #expect(try open(.always).isStructureChecked) }
        #expect(!FileManager.default.fileExists(atPath: word))
    }

    @Test func walkBesideAWriterFindsNothingAmissAndMayBeCancelled() async throws {
        let ledger = try open(.always)
        try ledger.commit { batch throws(LedgerError) in
            for number in 0..<3_000 {
                let position = makePosition(onHand: 1, sequence: batch.nextSequence())
                try batch.setPosition(position, tenant: 1, sku: "sku-\(number)", location: 1)
            }
        }
        async let walks = Task.detached { try (0..<20).map { _ in try ledger.checkStructure() } }.value
        for number in 0..<300 { try ledger.set("sku-\(number * 7)", at: 1, onHand: Int64(number)) }
        #expect(try await walks == Array(repeating: true, count: 20))
        #expect(try !ledger.checkStructure(isCancelled: { true }))
    }

    @Test func walkFindsAPageThatWasDamagedAfterOpening() throws {
        let ledger = try open(.always)
        try ledger.commit { batch throws(LedgerError) in
            for number in 0..<6_000 {
                let position = makePosition(onHand: 1, sequence: batch.nextSequence())
                try batch.setPosition(position, tenant: 1, sku: "sku-\(number)", location: 1)
            }
        }
        let file = try #require(FileHandle(forUpdatingAtPath: directory.dataFile))
        let pages = Int(try file.seekToEnd()) / 4_096
        // The kind of a leaf somewhere in the middle.
        for page in pages / 2..<pages / 2 + 3 {
            try file.seek(toOffset: UInt64(page * 4_096 + 10))
            try file.write(contentsOf: Data([4, 0]))
        }
        let error = failure { () throws(LedgerError) in _ = try ledger.checkStructure() }
        guard case .damagedFile = error else {
            Issue.record("\(String(describing: error))")
            return
        }
    }

    @Test func removedDataFileIsFatalBeforeAGroupBegins() throws {
        let ledger = try open()
        try ledger.checkRoom(growing: true)
        try FileManager.default.removeItem(atPath: directory.dataFile)
        let error = failure { () throws(LedgerError) in try ledger.checkRoom(growing: true) }
        guard case .fatal = error else {
            Issue.record("\(String(describing: error))")
            return
        }
    }
}
