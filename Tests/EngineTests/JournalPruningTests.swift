import Engine
import Inventory
import Ledger
import Testing

@Suite struct JournalPruningTests {
    private static func store(horizonSeconds: Int64) throws -> TestStore {
        try TestStore { $0.horizonNanoseconds = horizonSeconds * .perSecond }
    }

    @Test func aQuietPositionDoesNotKeepItsJournal() throws {
        let store = try Self.store(horizonSeconds: 100)
        for index in 0..<20 { _ = try store.publish(Make.adjustment("q\(index)", sku: "Q\(index)", by: 1)) }
        for second in Int64(1)...300 {
            store.nowNanoseconds = TestStore.now + second * .perSecond
            _ = try store.publish(Make.adjustment("b\(second)", sku: "BUSY", at: second, by: 1))
        }
        #expect(try store.ledgerState().journalEntries < 120)
        #expect(try store.position("Q3", "WH1")?.prunedThroughPrimary == TestStore.now)
        #expect(try store.position("Q3", "WH1")?.buckets[.onHand] == 1)
        #expect(try store.ledger.verify().isClean)
    }

    @Test func aSlowSourceKeepsTheJournalOfASharedPlaceForTwoHorizons() throws {
        let store = try Self.store(horizonSeconds: 100)
        _ = try store.publish(Make.adjustment("slow", source: "slow", sku: "Q", by: 1))
        _ = try store.publish(Make.adjustment("q", sku: "Q", by: 1))
        func pass(_ seconds: ClosedRange<Int64>) throws {
            for second in seconds {
                store.nowNanoseconds = TestStore.now + second * .perSecond
                _ = try store.publish(Make.adjustment("b\(second)", sku: "BUSY", at: second, by: 1))
            }
        }
        try pass(1...150)
        #expect(try store.position("Q", "WH1")?.prunedThroughPrimary == .min)
        try pass(151...330)
        #expect(try store.position("Q", "WH1")?.prunedThroughPrimary == TestStore.now)
        #expect(
            try store.publish(Make.snapshot("late", source: "slow", sku: "Q", at: -1, onHand: 9)).reason
                .hasPrefix("TOO_OLD"))
        #expect(try store.position("Q", "WH1")?.buckets[.onHand] == 2)
    }

    @Test func placesOfASourceThatCountsAreNotJudgedByTheClock() throws {
        let store = try Self.store(horizonSeconds: 100)
        _ = try store.publish(
            Make.adjustment("e", source: "erp", sku: "Q", location: "COUNTED", sequence: 1, by: 1))
        for second in Int64(1)...300 {
            store.nowNanoseconds = TestStore.now + second * .perSecond
            _ = try store.publish(Make.adjustment("b\(second)", sku: "BUSY", at: second, by: 1))
        }
        #expect(try store.position("Q", "COUNTED")?.prunedThroughPrimary == .min)
    }

    @Test(arguments: ["", "A"]) func whoOnlySawAPlaceForgetsNothingOfThoseWhoMoveIt(lot: String) throws {
        let store = try Self.store(horizonSeconds: 100)
        func move(_ id: String, _ sequence: UInt64) -> InventoryEvent {
            Make.event(id, .adjustment) {
                ($0.source, $0.location, $0.lot, $0.sequence) = ("erp", "COUNTED", lot, sequence)
                $0.reason = "COUNT"
            }
        }
        #expect(try store.publish(move("2", 2)).outcome == .applied)
        // Its places are times, which are far beyond all sequences.
        let pick = Make.event("p", .pickConfirmed) { ($0.source, $0.location, $0.lot) = ("shop", "COUNTED", lot) }
        #expect(try store.publish(pick).outcome == .applied)
        #expect(try store.publish(move("1", 1)).outcome == .applied)
        #expect(try store.position("S", "COUNTED")?.buckets[.onHand] == 2)
    }

    /// Whatever is taken in counts as if everything had come in order; whatever cannot is a dead letter.
    @Test(arguments: 0..<20) func whatComesLateIsPlacedRightlyOrRefused(_ seed: UInt64) throws {
        var random = SeededRandom(seed: seed)
        let store = try Self.store(horizonSeconds: 60)
        var taken: [String: [(key: OrderKey, absolute: Bool, units: Int64)]] = [:]
        var second: Int64 = 0
        var refused = 0
        for index in 0..<1_500 {
            second += Int64.random(in: 0...1, using: &random)
            store.nowNanoseconds = TestStore.now + second * .perSecond
            let source = ["a", "b", "c"][Int.random(in: 0..<3, using: &random)]
            // One source is mostly far behind, and one falls silent for a long while.
            if source == "c", (300..<1_100).contains(index) { continue }
            let late = Int.random(in: 0..<4, using: &random) == 0 ? Int64.random(in: 0...150, using: &random) : 0
            let sku = "S\(Int.random(in: 0..<(index < 500 ? 12 : 3), using: &random))"
            let at = second - late - (source == "b" ? 20 : 0)
            let isAbsolute = Int.random(in: 0..<5, using: &random) == 0
            let units = Int64.random(in: 1...50, using: &random)
            let event =
                isAbsolute
                ? Make.snapshot("\(index)", source: source, sku: sku, at: at, onHand: units)
                : Make.adjustment("\(index)", source: source, sku: sku, at: at, by: units)
            let result = try store.publish(event)
            switch result.outcome {
            case .applied, .superseded:
                let key = OrderKey(
                    primary: event.occurredAtNanoseconds, isAbsolute: isAbsolute,
                    source: OrderKey.digest(ofSource: source), id: event.id)
                taken[sku, default: []].append((key, isAbsolute, units))
            default:
                #expect(result.reason.hasPrefix("TOO_OLD"), "seed \(seed): \(result)")
                refused += 1
            }
        }
        for (sku, events) in taken {
            let expected = events.sorted { $0.key < $1.key }.reduce(Int64(0)) { $1.absolute ? $1.units : $0 + $1.units }
            #expect(try store.position(sku, "WH1")?.buckets[.onHand] == expected, "seed \(seed), \(sku)")
        }
        #expect(refused > 0, "seed \(seed) tests nothing")
        #expect(try store.ledgerState().journalEntries < 400, "seed \(seed)")
    }
}
