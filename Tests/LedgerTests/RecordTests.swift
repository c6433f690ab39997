import Inventory
import Testing

@testable import Ledger

@Suite struct RecordTests {
    @Test(arguments: [
        ("", UInt64(0), UInt64(0xEF46_DB37_51D8_E999)),
        ("a", 0, 0xD24E_C4F1_A98C_6E5B),
        ("abc", 0, 0x44BC_2CF5_AD77_0999),
        ("Nobody inspects the spammish repetition", 0, 0xFBCE_A83C_8A37_8BF1),
    ])
    func hashEqualsThePublishedVectors(text: String, seed: UInt64, expected: UInt64) {
        let hash = Array(text.utf8).withUnsafeBytes { XXH64.hash($0, seed: seed) }
        #expect(hash == expected)
    }

    @Test func positionRecordHasItsGoldenBytes() {
        let bytes = encode(makeFullPosition(), key: [0, 1, 65, 0, 0, 0, 2])
        // Made by an independent implementation of Schema.swift and of XXH64, in Python.
        let golden =
            "0103cdab00000000bd6bc1c7a5069189080706050403020101002a36fe9c9717"
            + "02002a36fe9c9717fbffffffffffffff000000000000008043420f0000000000"
            + "86841e0000000000c9c62d00000000000c093d00000000004f4b4c0000000000"
            + "928d5b0000000000d5cf6a000000000018127a00000000005b54890000000000"
            + "9e96980000000000070000000000000000000b00000000000000030028000000"
            + "0000000009000200000000000000"
        let hexadecimal = bytes.map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined()
        #expect(hexadecimal == golden)
    }

    @Test func positionRecordRoundTripsAtTheExtremes() {
        for value in [Int64.min, -1, 0, 1, .max] {
            var position = makeFullPosition()
            for bucket in Bucket.allCases { position.buckets[bucket] = value }
            position.authoritativeTimeNanoseconds = value
            position.nextExpiryNanoseconds = value
            position.newestPrimary = value
            position.prunedThroughPrimary = value
            position.sequence = UInt64(bitPattern: value)
            position.authoritativeSource = .max
            #expect(decode(encode(position, key: [1]), key: [1]) == position)
        }
    }

    @Test func everyFlippedBitOfAPositionIsFound() {
        let key: [UInt8] = [0, 1, 65, 66, 0, 0, 0, 9]
        let bytes = encode(makeFullPosition(), key: key)
        for bit in 0..<(bytes.count * 8) {
            var changed = bytes
            changed[bit / 8] ^= 1 << UInt8(bit % 8)
            #expect(decode(changed, key: key) == nil, "bit \(bit)")
        }
        #expect(decode(bytes, key: [0, 1, 65, 66, 0, 0, 0, 8]) == nil, "under another key")
        #expect(decode(Array(bytes.dropLast()), key: key) == nil, "cut short")
    }

    @Test func journalKeysSortAsTheirOrderKeys() {
        var generator = SeededGenerator(state: 42)
        let primaries: [Int64] = [.min, -1, 0, 1, .max]
        let keys = (0..<500).map { _ in
            OrderKey(
                primary: primaries.randomElement(using: &generator) ?? 0, isAbsolute: Bool.random(using: &generator),
                source: [1, 2, 256].randomElement(using: &generator) ?? 1,
                id: ["", "a", "ab", "b", "é"].randomElement(using: &generator) ?? "")
        }
        let sorted = keys.sorted()
        let byBytes = keys.sorted { left, right in bytes(of: left).lexicographicallyPrecedes(bytes(of: right)) }
        #expect(sorted == byBytes)
        for key in keys {
            let parsed = bytes(of: key).withUnsafeBytes { StockKey($0)?.order }
            #expect(parsed == key)
            let ofLot = bytes(of: key, lot: "L").withUnsafeBytes { bytes in
                StockKey(bytes)?.lotEntry.flatMap { $0.lot == "L" ? OrderKey($0.order) : nil }
            }
            #expect(ofLot == key)
        }
    }

    private func encode(_ position: Position, key: [UInt8]) -> [UInt8] {
        var bytes = [UInt8](repeating: 0xEE, count: PositionRecord.bytes(of: position))
        key.withUnsafeBytes { key in
            bytes.withUnsafeMutableBytes { PositionRecord.encode(position, into: $0, key: key) }
        }
        return bytes
    }

    private func decode(_ bytes: [UInt8], key: [UInt8]) -> Position? {
        var position = Position()
        let isIntact = key.withUnsafeBytes { key in
            bytes.withUnsafeBytes { PositionRecord.decode($0, key: key, into: &position) }
        }
        return isIntact ? position : nil
    }

    private func bytes(of order: OrderKey, lot: String = "") -> [UInt8] {
        let key = KeyBuffer.journal(tenant: 1, sku: "A", location: 1, lot: lot, order: order)
        return [UInt8](key.bytes)
    }
}
