import Inventory
import Testing

@testable import Ledger

@Suite struct SupplyRecordTests {
    let directory = TemporaryDirectory()

    /// Every field at a value of its own.
    private func fullLine() -> SupplyLine {
        let id = String(repeating: "i", count: 64)
        let receipts = (1...3).map { number in
            var receipt = SupplyReceipt(
                occurredAtNanoseconds: 1_000 + Int64(number),
                key: OrderKey(primary: -7, isAbsolute: false, source: .max - UInt64(number), id: "r\(number)"),
                units: Int64(number), mayLowerIncoming: number == 2)
            receipt.effect = -Int64(number)
            receipt.isFixed = number == 3
            return receipt
        }
        return SupplyLine(
            figure: SupplyFigure(
                occurredAtNanoseconds: 1_000, source: .max, id: id, quantity: Limits.quantityMax,
                expectedAtNanoseconds: .max, backordered: 11, isCancelled: true),
            receipts: receipts, foldedThroughNanoseconds: 900, foldedUnits: 13)
    }

    private func encode(_ line: SupplyLine, _ key: [UInt8]) -> [UInt8] {
        var record = [UInt8](repeating: 0, count: SupplyRecord.bytes(of: line))
        key.withUnsafeBytes { key in
            record.withUnsafeMutableBytes { SupplyRecord.encode(line, into: $0, key: key) }
        }
        return record
    }

    private func decode(_ record: [UInt8], _ key: [UInt8]) -> SupplyLine? {
        key.withUnsafeBytes { key in record.withUnsafeBytes { SupplyRecord.decode($0, key: key) } }
    }

    @Test func everyFieldIsReadBackAndEveryFlippedBitIsFound() {
        let key: [UInt8] = [1, 2, 3]
        var untold = fullLine()
        untold = SupplyLine(
            figure: nil, receipts: untold.receipts, foldedThroughNanoseconds: 0, foldedUnits: 0)
        for line in [fullLine(), untold, SupplyLine()] {
            let record = encode(line, key)
            #expect(decode(record, key) == line)
            #expect(decode(record, [1, 2, 4]) == nil && decode(Array(record.dropLast()), key) == nil)
            for bit in 0..<record.count * 8 {
                var flipped = record
                flipped[bit / 8] ^= 1 << UInt8(bit % 8)
                #expect(decode(flipped, key) == nil, "bit \(bit)")
            }
        }
    }

    @Test func suppliesAreCountedListedByPlaceAndForgotten() throws {
        let ledger = try Ledger(directory: directory.ledger, options: smallOptions())
        let id = String(repeating: "s", count: 64)
        let places: [(String, LocationNumber, String)] = [
            ("A", 1, "b"), ("A", 1, id), ("A", 2, "a"), ("AB", 1, "a"), (id, 0xFFFF, id),
        ]
        try ledger.commit { batch throws(LedgerError) in
            for (sku, location, supply) in places {
                try batch.setPosition(makePosition(onHand: 0), tenant: 1, sku: sku, location: location)
                try batch.setSupply(fullLine(), tenant: 1, sku: sku, location: location, id: supply)
            }
            try batch.setSupply(SupplyLine(), tenant: 1, sku: "A", location: 2, id: "a")
        }
        let reader = try ledger.makeReader()
        try reader.renew()
        #expect(reader.state.supplies == 5)
        func listed(_ location: LocationNumber? = nil) throws(LedgerError) -> [String] {
            var found: [String] = []
            try reader.forEachSupply(tenant: 1, sku: "A", location: location) { place, supply, _ throws(LedgerError) in
                found.append("\(place) \(supply)")
                return true
            }
            return found
        }
        #expect(try listed() == ["1 b", "1 \(id)", "2 a"])
        #expect(try listed(2) == ["2 a"])
        #expect(try reader.supply(tenant: 1, sku: "A", location: 2, id: "a") == SupplyLine())
        #expect(try reader.supply(tenant: 1, sku: id, location: 0xFFFF, id: id) == fullLine())
        #expect(try reader.supply(tenant: 2, sku: "A", location: 1, id: "b") == nil)
        #expect(try reader.supplyCount(tenant: 1, sku: "A", location: 1, most: 10) == 2)
        #expect(try reader.supplyCount(tenant: 1, sku: "A", location: 1, most: 1) == 1)
        #expect(try ledger.verify().problems == [])
        try ledger.commit { batch throws(LedgerError) in
            try batch.pruneSupplies(tenant: 1, visiting: 10) { location, line in
                location == 1 && line.figure != nil
            }
        }
        try reader.renew()
        #expect(try listed() == ["2 a"] && reader.state.supplies == 2)
        #expect(try ledger.verify().problems == [])
    }

    @Test func aSupplyWithoutAPositionIsFound() throws {
        let ledger = try Ledger(directory: directory.ledger, options: smallOptions())
        try ledger.commit { batch throws(LedgerError) in
            try batch.setSupply(fullLine(), tenant: 1, sku: "A", location: 1, id: "a")
        }
        #expect(try ledger.verify().problemCount == 1)
    }
}
