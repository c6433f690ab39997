import Inventory
import Testing

@testable import Ledger

private func makeLot(_ onHand: Int64) -> Position {
    var lot = makePosition(onHand: onHand)
    lot.setChannelHolds([])
    lot.tellsAllocated = true
    return lot
}

private func makeSplit(_ onHand: Int64) -> Position {
    var position = makePosition(onHand: onHand)
    position.isSplit = true
    return position
}

@Suite struct LotRecordTests {
    let directory = TemporaryDirectory()

    @Test func theLotsOfAPositionReadBackAndNoOthers() throws {
        let ledger = try Ledger(directory: directory.ledger, options: smallOptions())
        try ledger.commit { batch throws(LedgerError) in
            for (sku, location) in [("S", 1), ("S", 2), ("SA", 1)] as [(String, LocationNumber)] {
                try batch.setPosition(makeSplit(9), tenant: 1, sku: sku, location: location)
            }
            for (lot, units) in [("B", 1), ("A", 2), ("AB", 3)] as [(String, Int64)] {
                try batch.setLot(makeLot(units), tenant: 1, sku: "S", location: 1, lot: lot)
            }
            try batch.setLot(makeLot(4), tenant: 1, sku: "S", location: 2, lot: "A")
            try batch.setLot(makeLot(5), tenant: 1, sku: "SA", location: 1, lot: "A")
            for (lot, primary) in [("A", 1), ("A", 2), ("AB", 3), ("", 4)] as [(String, Int64)] {
                try batch.setJournalEntry(
                    makeEntry(primary, id: "e"), tenant: 1, sku: "S", location: 1, lot: lot)
            }
        }
        let reader = try ledger.makeReader()
        try reader.renew()
        var found: [String: Position] = [:]
        try reader.forEachLot(tenant: 1, sku: "S", location: 1) { lot, part throws(LedgerError) in
            found[lot] = part
            return true
        }
        #expect(found == ["A": makeLot(2), "AB": makeLot(3), "B": makeLot(1)])
        #expect(try reader.lot(tenant: 1, sku: "S", location: 2, lot: "A") == makeLot(4))
        #expect(try reader.lot(tenant: 1, sku: "S", location: 2, lot: "B") == nil)
        #expect(try reader.position(tenant: 1, sku: "S", location: 1)?.isSplit == true)
        func primaries(_ lot: String) throws -> [Int64] {
            var primaries: [Int64] = []
            try reader.forEachJournalEntry(tenant: 1, sku: "S", location: 1, lot: lot) { entry throws(LedgerError) in
                primaries.append(entry.key.primary)
                return true
            }
            return primaries
        }
        #expect(try [primaries("A"), primaries("AB"), primaries("B"), primaries("")] == [[1, 2], [3], [], [4]])
        var before: [Int64] = []
        try reader.forEachJournalEntryBackwards(
            tenant: 1, sku: "S", location: 1, lot: "A", before: makeEntry(2, id: "e").key
        ) { entry throws(LedgerError) in
            before.append(entry.key.primary)
            return true
        }
        #expect(before == [1])
        #expect((reader.state.lots, reader.state.journalEntries) == (5, 4))
        let report = try ledger.verify()
        #expect(report.problems == [] && report.lots == 5 && report.journalEntries == 4)
    }

    @Test func aDeletedLotIsGoneAndAnotherStays() throws {
        let ledger = try Ledger(directory: directory.ledger, options: smallOptions())
        try ledger.commit { batch throws(LedgerError) in
            try batch.setPosition(makeSplit(9), tenant: 1, sku: "S", location: 1)
            for lot in ["A", "B"] { try batch.setLot(makeLot(1), tenant: 1, sku: "S", location: 1, lot: lot) }
            #expect(try batch.deleteLot(tenant: 1, sku: "S", location: 1, lot: "A"))
            #expect(try !batch.deleteLot(tenant: 1, sku: "S", location: 1, lot: "A"))
        }
        #expect(try ledger.verify().lots == 1)
        #expect(try ledger.verify().problems == [])
    }

    @Test func theHandFindsTheLotsWithOldEntries() throws {
        let ledger = try Ledger(directory: directory.ledger, options: smallOptions())
        try ledger.commit { batch throws(LedgerError) in
            for (lot, primary) in [("A", 1), ("A", 2), ("B", 30), ("C", 3)] as [(String, Int64)] {
                try batch.setJournalEntry(
                    makeEntry(primary, id: "e"), tenant: 1, sku: "S", location: 1, lot: lot)
            }
            let places = try batch.placesWithOldEntries(tenant: 1, ofLots: true, visiting: 9, limit: 9) { $1 < 10 }
            #expect(places.map(\.lot) == ["A", "C"] && places.allSatisfy { $0.sku == "S" && $0.location == 1 })
            #expect(
                try batch.placesWithOldEntries(tenant: 1, ofLots: false, visiting: 9, limit: 9) { _, _ in true }.isEmpty
            )
        }
    }

    @Test func whatHasLostItsOwnerOrItsHoldsIsFound() throws {
        let ledger = try Ledger(directory: directory.ledger, options: smallOptions())
        try ledger.commit { batch throws(LedgerError) in
            try batch.setPosition(makePosition(onHand: 9), tenant: 1, sku: "S", location: 1)
            var lot = makeLot(5)
            lot.buckets[.reserved] = 2
            try batch.setLot(lot, tenant: 1, sku: "S", location: 1, lot: "A")
            try batch.setJournalEntry(makeEntry(5, id: "lost"), tenant: 1, sku: "S", location: 1, lot: "B")
            batch.state.lots = 7
        }
        #expect(
            try ledger.verify().problems == [
                "lot \"A\" of tenant 1, sku \"S\", location 1 has no position that is split",
                "lot \"A\" of tenant 1, sku \"S\", location 1: reserved is 2, its holds come to 0",
                "journal entry of lot \"B\" of tenant 1, sku \"S\", location 1, source 1, event \"lost\" at 5 has no lot",
                "the counter of lots says 7, there are 1",
            ])
    }
}
