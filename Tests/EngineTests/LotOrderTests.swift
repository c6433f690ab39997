import Ledger
import Testing

@testable import Engine
@testable import Inventory

/// What a feed with lots comes to, by the book: every time line is sorted and gone through once.
private struct NaiveLots {
    var whole = Buckets()
    var lots: [String: Buckets] = [:]

    init(_ events: [InventoryEvent], areIncluded: Bool) throws {
        let once = Dictionary(events.map { ($0.source + "/" + $0.id, $0) }, uniquingKeysWith: { first, _ in first })
            .values
        for lot in Set(once.map(\.lot)).subtracting([""]) {
            lots[lot] = try Self.fold(once.filter { $0.lot == lot })
        }
        whole = try Self.fold(
            once.filter { $0.lot.isEmpty || (areIncluded && !$0.kind.isAbsolute) })
        if !areIncluded { for lot in lots.values { whole = whole + lot } }
    }

    private static func fold(_ events: [InventoryEvent]) throws -> Buckets {
        var buckets = Buckets()
        for event in events.sorted(by: { key($0) < key($1) }) {
            guard let effect = try EventRules.effect(of: event) else { continue }
            for bucket in Bucket.allCases where effect.touched.contains(bucket) {
                buckets[bucket] = (effect.isAbsolute ? 0 : buckets[bucket]) + effect.values[bucket]
            }
        }
        return buckets
    }

    private static func key(_ event: InventoryEvent) -> OrderKey {
        OrderKey(
            primary: event.occurredAtNanoseconds, isAbsolute: event.kind.isAbsolute,
            source: OrderKey.digest(ofSource: event.source), id: event.id)
    }
}

@Suite struct LotOrderTests {
    private static let lots = ["A", "B", "C"]

    private func randomEvent(_ index: Int, _ random: inout SeededRandom, areIncluded: Bool) -> InventoryEvent {
        let kinds: [InventoryEventKind] = [
            .cycleCount, .positionSnapshot, .adjustment, .receiptPosted, .shipmentConfirmed, .statusChanged,
            .allocationCreated, .returnReceived,
        ]
        // Few distinct times, so that ties are common.
        var event = Make.event(
            "\(index)", kinds.randomElement(using: &random)!, at: -Int64.random(in: 0..<20, using: &random))
        event.lot = (Self.lots + [""]).randomElement(using: &random)!
        event.quantity = .random(in: 1...30, using: &random)
        event.source = areIncluded ? "wms" : ["a", "b"].randomElement(using: &random)!
        event.location = areIncluded ? "OWNED" : "WH1"
        switch event.kind {
        case .adjustment:
            event.reason = "COUNT"
            event.status = [nil, .damaged].randomElement(using: &random)!
        case .statusChanged: event.toStatus = .quarantined
        case .positionSnapshot:
            for bucket in [Bucket.onHand, .allocated, .quarantined, .safetyStock] where Bool.random(using: &random) {
                event.snapshot.touched.insert(BucketSet(bucket))
                event.snapshot.values[bucket] = .random(in: 0...200, using: &random)
            }
            event.snapshot.touched.insert(BucketSet(.damaged))
        default: break
        }
        return event
    }

    /// Any order, repetition, grouping and restart of a feed with lots gives what the book says, in both modes.
    @Test(arguments: 0..<40)
    func anyOrderOfLotsGivesWhatTheBookSays(round: UInt64) throws {
        let seed = 0x1075_0000 + round
        var random = SeededRandom(seed: seed)
        let areIncluded = round % 2 == 1
        let events = (0..<80).map { randomEvent($0, &random, areIncluded: areIncluded) }
        let expected = try NaiveLots(events, areIncluded: areIncluded)
        for arranged in [events, (events + events.shuffled(using: &random).prefix(40)).shuffled(using: &random)] {
            var store = try areIncluded ? TestStore.withLotsIncluded() : TestStore()
            var rest = arranged[...]
            let restart = Int.random(in: 0..<rest.count, using: &random)
            var hasRestarted = false
            while !rest.isEmpty {
                let results = try store.publish(
                    rest.prefix(Int.random(in: 1...9, using: &random)).map { TestStore.incoming($0) })
                #expect(results.allSatisfy { $0.outcome != .deadLettered }, "seed \(seed): \(results)")
                rest = rest.dropFirst(results.count)
                if !hasRestarted, rest.count < restart {
                    hasRestarted = true
                    store = try TestStore(backupOf: store)
                }
            }
            let location = areIncluded ? "OWNED" : "WH1"
            #expect(try store.position("S", location)?.buckets == expected.whole, "seed \(seed)")
            for lot in Self.lots {
                #expect(
                    try store.lot(lot, location)?.buckets ?? Buckets() == expected.lots[lot] ?? Buckets(),
                    "seed \(seed), lot \(lot)")
            }
            #expect(try store.ledger.verify().problems == [], "seed \(seed)")
        }
    }

    /// Pairs of lots and shipments of holds on them: the same in any order.
    @Test(arguments: 0..<20)
    func anyOrderOfPairsAndShipmentsOfLotsLeavesTheSame(round: UInt64) throws {
        let seed = 0x1076_0000 + round
        var random = SeededRandom(seed: seed)
        func run(_ arrange: ([InventoryEvent], inout SeededRandom) -> [InventoryEvent]) throws -> [Int64] {
            let store = try TestStore()
            for lot in Self.lots + [""] {
                var first = Make.snapshot("first-\(lot)", at: -100, onHand: 500)
                first.lot = lot
                _ = try store.publish(first)
            }
            let hold = try store.hold(lots: [("A", 20), ("B", 20), ("", 20)])
            var drawn = SeededRandom(seed: seed)
            let events = (0..<50).map { index in
                var event = Make.event("\(index)", .cycleCount, at: -Int64.random(in: 0..<20, using: &drawn))
                event.lot = (Self.lots + [""]).randomElement(using: &drawn)!
                event.quantity = .random(in: 1...5, using: &drawn)
                event.reference = "R\(Int.random(in: 0..<3, using: &drawn))"
                switch Int.random(in: 0..<7, using: &drawn) {
                case 0: event.quantity = .random(in: 400...500, using: &drawn)
                case 1: event.kind = .allocationCreated
                case 2: event.kind = .allocationReleased
                case 3:
                    (event.kind, event.toLocation) = (.transferShipped, "WH2")
                case 4:
                    (event.kind, event.toLocation) = (.transferReceived, "WH2")
                default:
                    event.kind = .shipmentConfirmed
                    event.hold.reservationID = hold.id
                }
                return event
            }
            var rest = arrange(events, &random)[...]
            while !rest.isEmpty {
                let count = Int.random(in: 1...5, using: &random)
                _ = try store.publish(rest.prefix(count).map { TestStore.incoming($0) })
                rest = rest.dropFirst(count)
            }
            #expect(try store.ledger.verify().problems == [], "seed \(seed)")
            var result = [try store.reservation(hold.number).lines.reduce(0) { $0 + $1.fulfilled }]
            let buckets: [Bucket] = [.onHand, .allocated, .inTransit]
            for location in ["WH1", "WH2"] {
                result += buckets.map { try! store.position("S", location)?.buckets[$0] ?? 0 }
                for lot in Self.lots { result += buckets.map { try! store.lot(lot, location)?.buckets[$0] ?? 0 } }
            }
            return result
        }
        let inOrder = try run { events, _ in events }
        let disordered = try run { events, random in
            (events + events.shuffled(using: &random).prefix(25)).shuffled(using: &random)
        }
        #expect(inOrder == disordered, "seed \(seed)")
    }
}
