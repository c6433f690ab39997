import Engine
import Inventory
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
