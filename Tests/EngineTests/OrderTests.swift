import Engine
import Inventory
import Ledger
import Testing

@Suite struct OrderTests {
    /// Invariant 11: any permutation and duplication of a feed within its horizon gives one state, through the engine and
    /// the store, whatever the grouping into commits.
    @Test(arguments: 0..<25)
    func anyOrderAndRepetitionGivesOneState(round: UInt64) throws {
        let seed = 0xA11D_0000 + round
        var random = SeededRandom(seed: seed)
        var events: [InventoryEvent] = []
        for index in 0..<60 {
            let source = ["a", "b"].randomElement(using: &random)!
            let sku = ["S", "T"].randomElement(using: &random)!
            // Few distinct times, so that ties are common.
            let at = -Int64.random(in: 0..<40, using: &random)
            if Int.random(in: 0..<4, using: &random) == 0 {
                events.append(
                    Make.snapshot(
                        "\(index)", source: source, sku: sku, at: at, onHand: .random(in: -50...500, using: &random)))
            } else {
                events.append(
                    Make.adjustment(
                        "\(index)", source: source, sku: sku, at: at, by: .random(in: -20...20, using: &random)))
            }
        }
        let inOrder = try state(afterPublishing: events, using: &random)
        let disordered = try state(
            afterPublishing: (events + events.shuffled(using: &random).prefix(30)).shuffled(using: &random),
            using: &random)
        #expect(inOrder == disordered, "seed \(seed)")
    }

    /// Shipments of a hold among counts and corrections: the stock and what the hold fulfilled are the same in any order.
    @Test(arguments: 0..<15)
    func anyOrderOfShipmentsLeavesTheSameStockAndHold(round: UInt64) throws {
        let seed = 0x5111_0000 + round
        var random = SeededRandom(seed: seed)
        func run(_ arrange: ([InventoryEvent], inout SeededRandom) -> [InventoryEvent]) throws -> [Int64] {
            let store = try TestStore()
            _ = try store.publish(Make.snapshot("first", at: -100, onHand: 500))
            let hold = try store.hold("S", 40)
            var drawn = SeededRandom(seed: seed)
            var events: [InventoryEvent] = []
            for index in 0..<30 {
                let at = -Int64.random(in: 0..<20, using: &drawn)
                let units = Int64.random(in: 1...5, using: &drawn)
                let event =
                    switch Int.random(in: 0..<4, using: &drawn) {
                    case 0: Make.snapshot("\(index)", at: at, onHand: 400 + units)
                    case 1: Make.adjustment("\(index)", at: at, by: units - 3)
                    default:
                        Make.event("\(index)", .shipmentConfirmed, at: at) {
                            $0.quantity = units
                            $0.hold.reservationID = hold.id
                        }
                    }
                events.append(event)
            }
            var rest = arrange(events, &random)[...]
            while !rest.isEmpty {
                let count = Int.random(in: 1...5, using: &random)
                _ = try store.publish(rest.prefix(count).map { TestStore.incoming($0) })
                rest = rest.dropFirst(count)
            }
            #expect(try store.ledger.verify().problems == [], "seed \(seed)")
            let position = try store.position("S", "WH1")
            let line = try store.reservation(hold.number).lines[0]
            return [position?.buckets[.onHand] ?? 0, position?.buckets[.reserved] ?? 0, line.open, line.fulfilled]
        }
        let inOrder = try run { events, _ in events }
        let disordered = try run { events, random in
            (events + events.shuffled(using: &random).prefix(15)).shuffled(using: &random)
        }
        #expect(inOrder == disordered, "seed \(seed)")
    }

    private func state(
        afterPublishing events: [InventoryEvent], using random: inout SeededRandom
    ) throws -> [Buckets?] {
        let store = try TestStore()
        var rest = events[...]
        while !rest.isEmpty {
            let count = Int.random(in: 1...9, using: &random)
            _ = try store.publish(rest.prefix(count).map { TestStore.incoming($0) })
            rest = rest.dropFirst(count)
        }
        return [try store.position("S", "WH1")?.buckets, try store.position("T", "WH1")?.buckets]
    }
}
