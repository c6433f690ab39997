import Foundation
import Inventory
import Synchronization
import Testing

@testable import Ledger

@Suite struct BackupTests {
    let directory = TemporaryDirectory()

    @Test func backupWhileWritingIsACleanStateOfOneCommit() throws {
        let ledger = try Ledger(directory: directory.ledger, options: smallOptions())
        let isDone = Atomic<Bool>(false)
        let failed = Mutex<LedgerError?>(nil)
        // Named numbers are written as whole batches of 10 positions, so that a torn copy would show.
        withThread({
            do throws(LedgerError) {
                while !isDone.load(ordering: .acquiring) {
                    try ledger.commit { batch throws(LedgerError) in
                        let sequence = batch.nextSequence()
                        for location in LocationNumber(1)...10 {
                            try batch.setPosition(
                                makePosition(onHand: Int64(sequence)), tenant: 1, sku: "A", location: location)
                        }
                    }
                }
            } catch { failed.withLock { $0 = error } }
        }) {
            for number in 0..<5 {
                do {
                    try ledger.backup(to: directory.path + "/copy-\(number)")
                } catch { Issue.record(error) }
            }
            isDone.store(true, ordering: .releasing)
        }
        #expect(failed.withLock { $0 } == nil)
        for number in 0..<5 {
            let copy = try Ledger(
                directory: directory.path + "/copy-\(number)", options: smallOptions { $0.readOnly = true })
            let report = try copy.verify()
            #expect(report.isClean, "\(report.problems)")
            #expect(copy.epoch == 7)
            let reader = try copy.makeReader()
            try reader.renew()
            #expect(Set(try reader.onHand("A").values) == (reader.sequence == 0 ? [] : [Int64(reader.sequence)]))
        }
    }

    @Test func backupOpenedForWritingBeginsANewEpochOnce() throws {
        let ledger = try Ledger(directory: directory.ledger, options: smallOptions())
        try ledger.set("A", at: 1, onHand: 4)
        let copy = directory.path + "/copy"
        try ledger.backup(to: copy)
        #expect(failure { () throws(LedgerError) in try ledger.backup(to: copy) } == .alreadyExists(copy + "/data.mdb"))
        do {
            let restored = try Ledger(directory: copy, options: smallOptions { $0.epoch = 21 })
            #expect(restored.wasRestored)
            #expect(restored.epoch == 21)
            #expect(restored.awaitsErps && !ledger.awaitsErps)
            let reader = try restored.makeReader()
            try reader.renew()
            #expect(try reader.onHand("A") == [1: 4])
        }
        let again = try Ledger(directory: copy, options: smallOptions { $0.epoch = 22 })
        #expect(!again.wasRestored)
        #expect(again.epoch == 21)
        // Over restarts, until somebody says that the ERPs were read.
        #expect(again.awaitsErps)
        _ = try again.withWriteBatch { batch throws(LedgerError) in try batch.endRestoration() }
        #expect(!again.awaitsErps && again.epoch == 21)
    }

    /// Runs `work` on a thread of its own while `body` runs, and waits for both.
    private func withThread(_ work: @escaping @Sendable () -> Void, _ body: () -> Void) {
        let isFinished = DispatchSemaphore(value: 0)
        Thread.detachNewThread {
            work()
            isFinished.signal()
        }
        body()
        isFinished.wait()
    }
}
