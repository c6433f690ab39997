import Inventory
import Testing

@testable import Ledger

@Suite struct WriteBatchTests {
    let directory = TemporaryDirectory()

    @Test func abortedBatchLeavesNothing() throws {
        let ledger = try Ledger(directory: directory.ledger, options: smallOptions())
        var batch = try ledger.beginBatch()
        #expect(batch.nextSequence() == 1)
        try batch.setPosition(makePosition(onHand: 5), tenant: 1, sku: "A", location: 1)
        #expect(try batch.intern("WH1", kind: .location, tenant: 1) == 1)
        batch.abort()
        let failed = failure { () throws(LedgerError) in
            try ledger.commit { batch throws(LedgerError) in
                try batch.setPosition(makePosition(onHand: 5), tenant: 1, sku: "A", location: 1)
                throw .corrupt("a reason to stop")
            }
        }
        #expect(failed == .corrupt("a reason to stop"))
        let reader = try ledger.makeReader()
        try reader.renew()
        #expect(reader.state == LedgerState())
        #expect(try reader.onHand("A").isEmpty)
        #expect(try reader.number(of: "WH1", kind: .location, tenant: 1) == nil)
        #expect(try ledger.verify().isClean)
    }

    @Test func readerAndBatchMayBeTheLedgersLastOwners() throws {
        for _ in 0..<3 {
            try Ledger(directory: directory.ledger, options: smallOptions()).makeReader().renew()
            try Ledger(directory: directory.ledger, options: smallOptions()).beginBatch().abort()
            _ = try Ledger(directory: directory.ledger, options: smallOptions()).beginBatch()
            _ = try Ledger(directory: directory.ledger, options: smallOptions()).beginBatch().commit()
        }
        #expect(try Ledger(directory: directory.ledger, options: smallOptions()).verify().isClean)
    }

    @Test func batchReadsItsOwnWritesAndOthersOnlyItsCommit() throws {
        let ledger = try Ledger(directory: directory.ledger, options: smallOptions())
        let reader = try ledger.makeReader()
        var batch = try ledger.beginBatch()
        try batch.setPosition(makePosition(onHand: 5), tenant: 1, sku: "A", location: 1)
        #expect(try batch.position(tenant: 1, sku: "A", location: 1)?.buckets[.onHand] == 5)
        try reader.renew()
        #expect(try reader.onHand("A").isEmpty)
        _ = batch.nextSequence()
        #expect(try batch.commit() == 1)
        try reader.renew()
        #expect(try reader.onHand("A") == [1: 5])
    }

    @Test func countersFollowInsertsReplacementsAndDeletions() throws {
        let ledger = try Ledger(directory: directory.ledger, options: smallOptions())
        try ledger.commit { batch throws(LedgerError) in
            for _ in 0..<2 {
                try batch.setPosition(makePosition(onHand: 5), tenant: 1, sku: "A", location: 1)
                try batch.setJournalEntry(makeEntry(1, id: "a"), tenant: 1, sku: "A", location: 1)
                try batch.setJournalEntry(makeEntry(2, id: "b"), tenant: 1, sku: "A", location: 1)
                try batch.setDeadLetter(makeLetter(1), tenant: 1)
            }
            try batch.setPosition(makePosition(onHand: 5), tenant: 1, sku: "A", location: 2)
            #expect(batch.state.positions == 2)
            #expect(batch.state.journalEntries == 2)
            #expect(batch.state.deadLetters == 1)
            #expect(try batch.deletePosition(tenant: 1, sku: "A", location: 2))
            #expect(try !batch.deletePosition(tenant: 1, sku: "A", location: 2))
            #expect(try batch.deleteJournalEntry(makeEntry(2, id: "b").key, tenant: 1, sku: "A", location: 1))
            #expect(try batch.deleteDeadLetter(makeLetter(1), tenant: 1))
        }
        let report = try ledger.verify()
        #expect(report.isClean, "\(report.problems)")
        #expect(report.positions == 1)
        #expect(report.journalEntries == 1)
        #expect(report.deadLetters == 0)
    }

    @Test func journalIsReadInOrderFromAnyPlaceAndPrunedFromTheFront() throws {
        let ledger = try Ledger(directory: directory.ledger, options: smallOptions())
        let entries = [
            makeEntry(-3, id: "z"), makeEntry(1, id: "a"), makeEntry(1, id: "ab"), makeEntry(1, source: 2, id: "a"),
            makeEntry(1, isAbsolute: true, id: "a"), makeEntry(9, id: ""),
        ]
        try ledger.commit { batch throws(LedgerError) in
            try batch.setPosition(makePosition(onHand: 5), tenant: 1, sku: "A", location: 1)
            try batch.setPosition(makePosition(onHand: 5), tenant: 1, sku: "A", location: 2)
            for entry in entries.reversed() { try batch.setJournalEntry(entry, tenant: 1, sku: "A", location: 1) }
            try batch.setJournalEntry(makeEntry(0, id: "other"), tenant: 1, sku: "A", location: 2)
            #expect(try read(batch, after: nil) == entries)
            for index in entries.indices {
                #expect(try read(batch, after: entries[index].key) == Array(entries[(index + 1)...]))
                let found = try batch.journalEntry(tenant: 1, sku: "A", location: 1, key: entries[index].key)
                #expect(found == entries[index])
            }
            var pruned = try batch.pruneJournal(tenant: 1, sku: "A", location: 1, through: 1, limit: 2)
            #expect(pruned.count == 2 && pruned.newestPrimary == 1)
            pruned = try batch.pruneJournal(tenant: 1, sku: "A", location: 1, through: 1, limit: 100)
            #expect(pruned.count == 3 && pruned.newestPrimary == 1)
            pruned = try batch.pruneJournal(tenant: 1, sku: "A", location: 1, through: 1, limit: 100)
            #expect(pruned.count == 0 && pruned.newestPrimary == nil)
            #expect(try read(batch, after: nil) == [entries[5]])
        }
        #expect(try ledger.verify().isClean)
    }

    @Test func pruneHandForgetsWhatIsBehindItsSourcesHorizonAndWraps() throws {
        let ledger = try Ledger(directory: directory.ledger, options: smallOptions())
        try ledger.commit { batch throws(LedgerError) in
            for number in 0..<100 {
                for source in SourceNumber(1)...3 {
                    let event = EventRecord(
                        occurredAtNanoseconds: Int64(number), bodyDigest: 1, outcome: 2, sequence: 3)
                    try batch.setEvent(event, tenant: 1, source: source, id: "e\(number)")
                }
            }
        }
        var forgotten = 0
        // 300 entries in steps of 7, and once more round with nothing left to forget.
        for _ in 0..<90 {
            try ledger.commit { batch throws(LedgerError) in
                forgotten += try batch.pruneEventIDs(visiting: 7) { tenant, source in
                    #expect(tenant == 1)
                    return [1: 40, 2: 100][source]
                }
            }
        }
        #expect(forgotten == 140)
        let reader = try ledger.makeReader()
        try reader.renew()
        #expect(try reader.event(tenant: 1, source: 1, id: "e39") == nil)
        #expect(try reader.event(tenant: 1, source: 1, id: "e40")?.outcome == 2)
        #expect(try reader.event(tenant: 1, source: 2, id: "e99") == nil)
        #expect(try reader.event(tenant: 1, source: 3, id: "e0") != nil)
        #expect(try ledger.verify().eventIDs == 160)
    }

    @Test func namesGetLastingNumbersPerKindAndTenant() throws {
        let ledger = try Ledger(directory: directory.ledger, options: smallOptions())
        try ledger.commit { batch throws(LedgerError) in
            #expect(try batch.intern("WH1", kind: .location, tenant: 1) == 1)
            #expect(try batch.intern("WH2", kind: .location, tenant: 1) == 2)
            #expect(try batch.intern("WH1", kind: .location, tenant: 1) == 1)
            #expect(try batch.intern("WH9", kind: .location, tenant: 2) == 1)
            #expect(try batch.intern("WH1", kind: .source, tenant: 1) == 1)
        }
        let reader = try ledger.makeReader()
        try reader.renew()
        var names: [String] = []
        try reader.forEachName(kind: .location, tenant: 1) { number, name in
            names.append("\(number) \(name)")
            return true
        }
        #expect(names == ["1 WH1", "2 WH2"])
        #expect(try reader.name(of: 2, kind: .location, tenant: 1) == "WH2")
        #expect(try reader.name(of: 3, kind: .location, tenant: 1) == nil)
        #expect(try ledger.verify().isClean)
    }

    @Test func numbersRunOutWithAnErrorAndNotAround() throws {
        let ledger = try Ledger(directory: directory.ledger, options: smallOptions())
        try ledger.commit { batch throws(LedgerError) in
            for number in 1...65_535 { _ = try batch.intern("n\(number)", kind: .source, tenant: 1) }
        }
        let failed = failure { () throws(LedgerError) in
            try ledger.commit { batch throws(LedgerError) in _ = try batch.intern("more", kind: .source, tenant: 1) }
        }
        #expect(failed == .numbersExhausted(.source))
    }

    @Test func documentsAreStoredListedAndDeletedByKind() throws {
        let ledger = try Ledger(directory: directory.ledger, options: smallOptions())
        let location = Location(id: "WH1", number: 1, bucketOwners: ["on_hand": "erp", "damaged": "wms"])
        try ledger.commit { batch throws(LedgerError) in
            try batch.setDocument(location, tenant: 1, kind: .location, id: "WH1")
            try batch.setDocument(SourceTerms(id: "erp"), tenant: 1, kind: .sourceTerms, id: "erp")
            try batch.setDocument([UInt64.max], tenant: 2, kind: .location, id: "WH1")
            #expect(try batch.document(Location.self, tenant: 1, kind: .location, id: "WH1") == location)
        }
        let reader = try ledger.makeReader()
        try reader.renew()
        var ids: [String] = []
        try reader.forEachDocument(Location.self, tenant: 1, kind: .location) { id, found in
            #expect(found == location)
            ids.append(id)
            return true
        }
        #expect(ids == ["WH1"])
        #expect(try reader.document([UInt64].self, tenant: 2, kind: .location, id: "WH1") == [.max])
        let failed = failure { () throws(LedgerError) in
            _ = try reader.document(Int.self, tenant: 1, kind: .location, id: "WH1")
        }
        guard case .unreadableDocument = failed else {
            Issue.record("\(String(describing: failed))")
            return
        }
        try ledger.commit { batch throws(LedgerError) in
            #expect(try batch.deleteDocument(tenant: 1, kind: .location, id: "WH1"))
            #expect(try !batch.deleteDocument(tenant: 1, kind: .location, id: "WH1"))
        }
    }

    @Test func auditEntriesAreNumberedAndReadBothWaysPerTenant() throws {
        let ledger = try Ledger(directory: directory.ledger, options: smallOptions())
        try ledger.commit { batch throws(LedgerError) in
            for number in 1...5 { try batch.appendAudit("entry \(number)", tenant: number == 3 ? 2 : 1) }
        }
        let reader = try ledger.makeReader()
        try reader.renew()
        var numbers: [UInt64] = []
        try reader.forEachAuditEntry(String.self, tenant: 1, after: 1) { number, text in
            #expect(text == "entry \(number)")
            numbers.append(number)
            return true
        }
        #expect(numbers == [2, 4, 5])
        numbers = []
        try reader.forEachAuditEntryBackwards(String.self, tenant: 1, before: 5) { number, bytes, text in
            #expect(bytes > text.utf8.count)
            numbers.append(number)
            return true
        }
        #expect(numbers == [4, 2, 1])
    }

    @Test func pendingSequencesRoundTrip() throws {
        let ledger = try Ledger(directory: directory.ledger, options: smallOptions())
        let pending = PendingSequence(sequence: .max, occurredAtNanoseconds: 1, receivedAtNanoseconds: 2)
        try ledger.commit { batch throws(LedgerError) in
            try batch.setPendingSequence(pending, tenant: 1, source: 4)
            try batch.setPendingSequence(
                PendingSequence(sequence: 5, occurredAtNanoseconds: 1, receivedAtNanoseconds: 2), tenant: 1, source: 4)
        }
        let reader = try ledger.makeReader()
        try reader.renew()
        var sequences: [UInt64] = []
        try reader.forEachPendingSequence(tenant: 1, source: 4, from: 6) { found in
            sequences.append(found.sequence)
            return true
        }
        #expect(sequences == [.max])
        try ledger.commit { batch throws(LedgerError) in
            #expect(try batch.deletePendingSequence(5, tenant: 1, source: 4))
        }
        #expect(try ledger.verify().pendingSequences == 1)
    }

    @Test func ledgerTimeNeverRunsBackAndEpochChangesWithTheCommit() throws {
        let ledger = try Ledger(directory: directory.ledger, options: smallOptions())
        try ledger.commit { batch throws(LedgerError) in
            batch.advanceLedgerTime(to: 100)
            batch.advanceLedgerTime(to: 50)
            try batch.setEpoch(8)
            #expect(ledger.epoch == 7)
        }
        #expect(ledger.epoch == 8)
        #expect(try ledger.statistics().state.ledgerTimeNanoseconds == 100)
    }

    private func read(_ batch: borrowing WriteBatch, after: OrderKey?) throws(LedgerError) -> [JournalEntry] {
        var found: [JournalEntry] = []
        try batch.forEachJournalEntry(tenant: 1, sku: "A", location: 1, after: after) { entry in
            found.append(entry)
            return true
        }
        return found
    }
}
