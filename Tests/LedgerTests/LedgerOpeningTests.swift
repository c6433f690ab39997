import Foundation
import Inventory
import Testing

@testable import Ledger

@Suite struct LedgerOpeningTests {
    let directory = TemporaryDirectory()

    @Test func reopenedLedgerHasWhatWasCommitted() throws {
        try Ledger(directory: directory.ledger, options: smallOptions()).set("A", at: 3, onHand: 12)
        let ledger = try Ledger(directory: directory.ledger, options: smallOptions { $0.epoch = 99 })
        let reader = try ledger.makeReader()
        try reader.renew()
        #expect(try reader.onHand("A") == [3: 12])
        #expect(reader.sequence == 1)
        #expect(ledger.epoch == 7, "the epoch is the creation's")
        #expect(!ledger.wasRestored)
    }

    @Test func directoryAndFilesAreTheOwnersAlone() throws {
        let ledger = try Ledger(directory: directory.ledger, options: smallOptions())
        let manager = FileManager.default
        let mode = try manager.attributesOfItem(atPath: directory.ledger)[.posixPermissions] as? Int
        #expect(mode == 0o700)
        let fileMode = try manager.attributesOfItem(atPath: directory.dataFile)[.posixPermissions] as? Int
        #expect(fileMode == 0o600)
        withExtendedLifetime(ledger) {}
    }

    @Test func secondOpeningInTheSameProcessIsRefused() throws {
        let ledger = try Ledger(directory: directory.ledger, options: smallOptions())
        let error = failure { () throws(LedgerError) in
            _ = try Ledger(directory: directory.ledger, options: smallOptions())
        }
        #expect(error == .directoryInUse(directory: directory.ledger, processID: getpid()))
        withExtendedLifetime(ledger) {}
    }

    /// A process that is being spawned has a copy of every descriptor until it becomes another program.
    @Test func closedLedgerIsFreeThoughACopyOfItsLockIsOpen() throws {
        var ledger: Ledger? = try Ledger(directory: directory.ledger, options: smallOptions())
        let manager = FileManager.default
        let file = URL(fileURLWithPath: directory.ledger + "/ledger.lock").resolvingSymlinksInPath().path
        let descriptors = try manager.contentsOfDirectory(atPath: "/proc/self/fd").filter {
            (try? manager.destinationOfSymbolicLink(atPath: "/proc/self/fd/\($0)")) == file
        }
        let copy = dup(try #require(descriptors.first.flatMap { Int32($0) }))
        defer { close(copy) }
        withExtendedLifetime(ledger) {}
        ledger = nil
        _ = try Ledger(directory: directory.ledger, options: smallOptions())
    }

    @Test func directoryHeldByAnotherProcessIsRefusedUntilItEnds() throws {
        let child = try CrashChild(["hold", directory.ledger])
        #expect(child.readLine() == "open")
        let error = failure { () throws(LedgerError) in
            _ = try Ledger(directory: directory.ledger, options: smallOptions())
        }
        #expect(error == .directoryInUse(directory: directory.ledger, processID: child.processID))
        child.kill()
        _ = try Ledger(directory: directory.ledger, options: smallOptions())
    }

    @Test func readOnlyLedgerOpensBesideAWriterAndSeesItsCommits() throws {
        let child = try CrashChild(["hold", directory.ledger])
        #expect(child.readLine() == "open")
        let ledger = try Ledger(directory: directory.ledger, options: smallOptions { $0.readOnly = true })
        #expect(try ledger.verify().isClean)
        child.kill()
    }

    @Test func readOnlyWithoutALedgerIsRefused() {
        let error = failure { () throws(LedgerError) in
            _ = try Ledger(directory: directory.ledger, options: smallOptions { $0.readOnly = true })
        }
        #expect(error == .noLedger(directory: directory.ledger))
    }

    @Test func unknownSchemaVersionIsRefusedWithBothNumbers() throws {
        try Ledger(directory: directory.ledger, options: smallOptions()).set("A", at: 1, onHand: 1)
        try edit(directory.dataFile) { bytes in
            for offset in bytes.offsets(of: Array("AVLEDGER".utf8)) { bytes[offset + 8] = 99 }
        }
        let error = failure { () throws(LedgerError) in
            _ = try Ledger(directory: directory.ledger, options: smallOptions())
        }
        #expect(error == .unknownSchemaVersion(found: 99, supported: Schema.version))
        #expect(error?.description.contains("99") == true)
    }

    @Test(arguments: [
        smallOptions { $0.mapBytes = 4_096 },
        smallOptions { $0.quotaBytes = 1 << 40 },
        smallOptions { $0.headroomBytes = 1 << 40 },
        smallOptions { $0.maxReaders = 0 },
    ])
    func contradictoryOptionsAreRefused(options: LedgerOptions) {
        let error = failure { () throws(LedgerError) in _ = try Ledger(directory: directory.ledger, options: options) }
        guard case .invalidOptions = error else {
            Issue.record("\(String(describing: error))")
            return
        }
    }
}
