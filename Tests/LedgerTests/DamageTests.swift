import Foundation
import Inventory
import Testing

@testable import Ledger

@Suite struct DamageTests {
    let directory = TemporaryDirectory()

    private func fill() throws(LedgerError) {
        let ledger = try Ledger(directory: directory.ledger, options: smallOptions())
        for group in 0..<4 {
            try ledger.commit { batch throws(LedgerError) in
                for number in 0..<500 {
                    let sku = "sku-\(group)-\(number)"
                    let position = makePosition(onHand: 1, sequence: batch.nextSequence())
                    try batch.setPosition(position, tenant: 1, sku: sku, location: 1)
                    try batch.setJournalEntry(makeEntry(1, id: "e"), tenant: 1, sku: sku, location: 1)
                    let event = EventRecord(occurredAtNanoseconds: 1, bodyDigest: 2, outcome: 1, sequence: 1)
                    try batch.setEvent(event, tenant: 1, source: 1, id: sku)
                }
                try batch.setDocument([String](repeating: "x", count: 4_000), tenant: 1, kind: .channel, id: "\(group)")
            }
        }
    }

    @Test func flippedBitInAPositionIsCorruptForThatKeyOnly() throws {
        try fill()
        let buffer = KeyBuffer.stock(tenant: 1, sku: "sku-2-77", location: 1)
        let key = [UInt8](buffer.bytes)
        var record = [UInt8](repeating: 0, count: PositionRecord.bytesMin)
        record.withUnsafeMutableBytes {
            PositionRecord.encode(makePosition(onHand: 1, sequence: 1_078), into: $0, key: buffer.bytes)
        }
        try edit(directory.dataFile) { bytes in
            // The whole record: pages hold remains of others, cut by what was written over them.
            for offset in bytes.offsets(of: key + record) { bytes[offset + key.count + 60] ^= 4 }
        }
        let ledger = try Ledger(directory: directory.ledger, options: smallOptions())
        let reader = try ledger.makeReader()
        try reader.renew()
        let name = "position of tenant 1, sku \"sku-2-77\", location 1"
        #expect(failure { () throws(LedgerError) in _ = try reader.onHand("sku-2-77") } == .corrupt(name))
        #expect(
            failure { () throws(LedgerError) in
                _ = try reader.position(tenant: 1, sku: "sku-2-77", location: 1)
            } == .corrupt(name))
        #expect(try reader.onHand("sku-2-76") == [1: 1])
        #expect(try reader.onHand("sku-2-78") == [1: 1])
        var passedOver: [LedgerError] = []
        var count = 0
        try reader.forEachPosition(tenant: 1, damaged: { passedOver.append($0) }) { _, _, _ in
            count += 1
            return true
        }
        #expect(count == 1_999)
        #expect(passedOver == [.corrupt(name)])
        let problems = try ledger.verify().problems
        #expect(problems == ["\(name) is damaged"])
        try ledger.set("sku-2-77", at: 1, onHand: 3)
        #expect(try ledger.verify().isClean, "a new record heals the key")
    }

    @Test(arguments: [3, 8, 20])
    func truncatedFileIsRefused(pages: Int) throws {
        try fill()
        try edit(directory.dataFile) { $0.removeLast($0.count - pages * 4_096) }
        for checks in [StructureCheck.always, .unlessEndedInOrder, .never] {
            let error = failure { () throws(LedgerError) in
                _ = try Ledger(directory: directory.ledger, options: smallOptions { $0.structureCheck = checks })
            }
            guard case .damagedFile(let detail) = error else {
                Issue.record("\(String(describing: error))")
                continue
            }
            #expect(detail.contains("truncated"))
        }
    }

    @Test func orphanedJournalAndWrongCounterAreFound() throws {
        let ledger = try Ledger(directory: directory.ledger, options: smallOptions())
        try ledger.commit { batch throws(LedgerError) in
            try batch.setJournalEntry(makeEntry(5, id: "lost"), tenant: 1, sku: "A", location: 2)
            batch.state.positions = 3
        }
        #expect(
            try ledger.verify().problems == [
                "journal entry of tenant 1, sku \"A\", location 2, source 1, event \"lost\" at 5 has no position",
                "the counter of positions says 3, there are 0",
            ])
    }

    /// Wherever a bit flips: an error at opening, a damaged key, or nothing of weight; never a crash.
    @Test func flippedBitAnywhereNeverCrashes() throws {
        try fill()
        let whole = try Data(contentsOf: URL(fileURLWithPath: directory.dataFile))
        let seed = testSeed()
        var generator = SeededGenerator(state: seed)
        var refused = 0
        var found = 0
        for round in 0..<300 {
            // Every second flip hits the first bytes of a page, where the structure is.
            let page = Int.random(in: 0..<whole.count / 4_096, using: &generator)
            let offset = page * 4_096 + Int.random(in: 0..<(round % 2 == 0 ? 4_096 : 160), using: &generator)
            try edit(directory.dataFile) { $0[offset] ^= 1 << UInt8.random(in: 0..<8, using: &generator) }
            do throws(LedgerError) {
                let ledger = try Ledger(directory: directory.ledger, options: smallOptions { $0.readOnly = true })
                if try !ledger.verify().isClean { found += 1 }
            } catch { refused += 1 }
            try whole.write(to: URL(fileURLWithPath: directory.dataFile))
        }
        #expect(refused > 0 && found > 0, "seed \(seed): \(refused) refused, \(found) found")
    }
}
