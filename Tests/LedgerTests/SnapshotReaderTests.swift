import Inventory
import Testing

@testable import Ledger

@Suite struct SnapshotReaderTests {
    let directory = TemporaryDirectory()

    @Test func snapshotKeepsItsStateUntilRenewed() throws {
        let ledger = try Ledger(directory: directory.ledger, options: smallOptions())
        try ledger.set("A", at: 1, onHand: 1)
        let reader = try ledger.makeReader()
        try reader.renew()
        try ledger.set("A", at: 1, onHand: 2)
        #expect(try reader.onHand("A") == [1: 1])
        #expect(reader.sequence == 1)
        try reader.renew()
        #expect(try reader.onHand("A") == [1: 2])
        #expect(reader.sequence == 2)
    }

    @Test func releasedReaderPinsNothing() throws {
        let ledger = try Ledger(directory: directory.ledger, options: smallOptions())
        let reader = try ledger.makeReader()
        #expect(try ledger.statistics().readers == 1)
        #expect(try ledger.statistics().pinnedReaders == 0)
        try reader.renew()
        try ledger.set("A", at: 1, onHand: 1)
        #expect(try ledger.statistics().pinnedReaders == 1)
        #expect(try ledger.statistics().oldestReaderLag == 1)
        reader.release()
        #expect(try ledger.statistics().pinnedReaders == 0)
        let failed = failure { () throws(LedgerError) in _ = try reader.onHand("A") }
        #expect(failed != nil, "a released reader answers nothing")
    }

    @Test func positionsOfASkuComeAloneAndInOrder() throws {
        let ledger = try Ledger(directory: directory.ledger, options: smallOptions())
        try ledger.commit { batch throws(LedgerError) in
            for (sku, location) in [("A", 300), ("A", 1), ("AB", 2), ("B", 4), ("A", 2)] as [(String, LocationNumber)] {
                try batch.setPosition(makePosition(onHand: Int64(location)), tenant: 1, sku: sku, location: location)
            }
            try batch.setPosition(makePosition(onHand: 9), tenant: 2, sku: "A", location: 1)
            try batch.setJournalEntry(makeEntry(1, id: "e"), tenant: 1, sku: "A", location: 1)
        }
        let reader = try ledger.makeReader()
        try reader.renew()
        var locations: [LocationNumber] = []
        let count = try Array("A".utf8).withBytes { sku throws(LedgerError) in
            try reader.positions(tenant: 1, sku: sku) { location, _ in locations.append(location) }
        }
        #expect(count == 3)
        #expect(locations == [1, 2, 300])
        #expect(try reader.onHand("AB") == [2: 2])
        #expect(try reader.onHand("A", tenant: 2) == [1: 9])
        for unknown in ["", "C", "A\0\0\0\u{1}", String(repeating: "A", count: 65)] {
            #expect(try reader.onHand(unknown).isEmpty)
            #expect(
                try Array(unknown.utf8).withBytes { sku throws(LedgerError) in
                    try reader.isKnown(tenant: 1, sku: sku)
                } == false)
        }
        #expect(try Array("AB".utf8).withBytes { sku throws(LedgerError) in try reader.isKnown(tenant: 1, sku: sku) })
    }

    @Test func singlePositionIsReadWithEveryField() throws {
        let ledger = try Ledger(directory: directory.ledger, options: smallOptions())
        try ledger.commit { batch throws(LedgerError) in
            try batch.setPosition(makeFullPosition(), tenant: .max, sku: "é", location: .max)
        }
        let reader = try ledger.makeReader()
        try reader.renew()
        let lent = try Array("é".utf8).withBytes { sku throws(LedgerError) in
            try reader.position(tenant: .max, sku: sku, location: .max)
        }
        #expect(lent?.position == makeFullPosition())
        #expect(lent?.figures == StockFigures(makeFullPosition()))
        #expect(try reader.position(tenant: .max, sku: "é", location: 1) == nil)
    }

    @Test func exportWalksEveryPositionPastJournalsAndResumes() throws {
        let ledger = try Ledger(directory: directory.ledger, options: smallOptions())
        let expected = ["A 1", "A 2", "A! 1", "AB 7", "B 1"]
        try ledger.commit { batch throws(LedgerError) in
            for name in expected {
                let parts = name.split(separator: " ")
                let location = LocationNumber(parts[1]) ?? 0
                try batch.setPosition(makePosition(onHand: 1), tenant: 1, sku: String(parts[0]), location: location)
                for number in 0..<20 {
                    try batch.setJournalEntry(
                        makeEntry(Int64(number), id: "e"), tenant: 1, sku: String(parts[0]), location: location)
                }
            }
            try batch.setPosition(makePosition(onHand: 1), tenant: 2, sku: "A", location: 1)
        }
        let reader = try ledger.makeReader()
        try reader.renew()
        var found: [String] = []
        var after: (sku: String, location: LocationNumber)?
        var pages = 0
        repeat {
            var page = 0
            try reader.forEachPosition(tenant: 1, after: after) { sku, location, _ in
                found.append("\(sku) \(location)")
                after = (sku, location)
                page += 1
                return page < 2
            }
            pages += 1
            if page < 2 { break }
        } while pages < 10
        #expect(found == expected)
    }

    @Test func everySkuIsWalkedOnceWithItsPositionAtOneLocation() throws {
        let ledger = try Ledger(directory: directory.ledger, options: smallOptions())
        try ledger.commit { batch throws(LedgerError) in
            for (sku, location) in [("A", 1), ("A", 2), ("A", 300), ("A!", 1), ("AB", 2), ("B", 3)]
                as [(String, LocationNumber)]
            {
                try batch.setPosition(makePosition(onHand: Int64(location)), tenant: 1, sku: sku, location: location)
                try batch.setHold(
                    HoldRow(
                        sku: sku, location: location, expireTimeNanoseconds: 9, number: 1, lineID: UInt32(location),
                        channel: 1, open: 1, contained: 0), tenant: 1)
            }
            try batch.setPosition(makePosition(onHand: 9), tenant: 2, sku: "A0", location: 2)
        }
        let reader = try ledger.makeReader()
        try reader.renew()
        func walk(after: String?, at location: LocationNumber, most: Int = 9) throws -> [String] {
            var found: [String] = []
            try reader.forEachSku(tenant: 1, after: after, at: location) { sku, lent in
                found.append("\(sku) \(lent?.position.buckets[.onHand] ?? 0)")
                return found.count < most
            }
            return found
        }
        #expect(try walk(after: nil, at: 2) == ["A 2", "A! 0", "AB 2", "B 0"])
        #expect(try walk(after: nil, at: 300, most: 2) == ["A 300", "A! 0"])
        #expect(try walk(after: "A!", at: 3) == ["AB 0", "B 3"])
        #expect(try walk(after: "B", at: 3) == [])
    }
}
