import Testing

@testable import Inventory

/// Invariant: any permutation and duplication of a feed within its horizon gives one state.
@Suite struct PositionApplyPropertyTests {
    private let fed = Bucket.allCases.filter(\.isFed)

    @Test func anyOrderAndRepetitionGivesTheStateOfTheSortedFold() {
        let seed = makeTestSeed()
        var random = SplitMix64(seed: seed)
        for round in 0..<3_000 {
            let events = makeEvents(&random, count: Int.random(in: 1...24, using: &random))
            let expected = fold(events)
            for _ in 0..<3 {
                var placed = PlacedPosition()
                var known: Set<String> = []
                // Repeats are told by their id, as the ledger does it.
                for event in (events + events.prefix(5)).shuffled(using: &random)
                where known.insert(event.entry.key.id).inserted {
                    placed.apply(event)
                }
                check(placed.position, expected, "seed \(seed), round \(round)")
            }
        }
    }

    @Test func theOutcomeTellsWhetherTheStateWouldDifferWithoutLaterEvents() {
        let seed = makeTestSeed()
        var random = SplitMix64(seed: seed)
        for round in 0..<2_000 {
            let events = makeEvents(&random, count: 16).shuffled(using: &random)
            var placed = PlacedPosition()
            for (index, event) in events.enumerated() {
                let later = events[..<index].filter { $0.entry.effect.isAbsolute && $0.entry.key > event.entry.key }
                let replaced = later.reduce(into: BucketSet()) { $0.formUnion($1.entry.effect.touched) }
                let isSuperseded = event.entry.effect.touched.isSubset(of: replaced)
                #expect(placed.apply(event) == (isSuperseded ? .superseded : .applied), "seed \(seed), round \(round)")
            }
        }
    }

    @Test func pruningBehindTheHorizonChangesNoStateWithinIt() {
        let seed = makeTestSeed()
        var random = SplitMix64(seed: seed)
        let horizon: Int64 = 20
        for round in 0..<2_000 {
            // No event comes more than a horizon behind the newest before it.
            var waiting = makeEvents(&random, count: 60, timeMax: 120).sorted { $0.entry.key < $1.entry.key }
            var placed = PlacedPosition()
            var accepted: [PlacedEvent] = []
            var newest: Int64 = 0
            while !waiting.isEmpty {
                let reach = waiting.prefix { $0.occurredAt <= waiting[0].occurredAt + horizon }.count
                let event = waiting.remove(at: Int.random(in: 0..<reach, using: &random))
                newest = max(newest, event.occurredAt)
                #expect(event.occurredAt >= newest - horizon, "the test's own rule")
                #expect(placed.apply(event) != .tooOld, "seed \(seed), round \(round)")
                accepted.append(event)
                _ = placed.position.prune(through: newest - horizon - 1, limit: 4, journal: &placed.journal)
                check(placed.position, fold(accepted), "seed \(seed), round \(round)")
            }
        }
    }

    private struct Folded {
        var buckets = Buckets()
        var time: WallNanoseconds = 0
        var source: SourceNumber = 0
    }

    /// The naive model: sort, then do what each event says.
    private func fold(_ events: [PlacedEvent]) -> Folded {
        var result = Folded()
        for event in events.sorted(by: { $0.entry.key < $1.entry.key }) {
            let effect = event.entry.effect
            for bucket in Bucket.allCases where effect.touched.contains(bucket) {
                result.buckets[bucket] = (effect.isAbsolute ? 0 : result.buckets[bucket]) + effect.values[bucket]
            }
            if event.occurredAt > result.time {
                (result.time, result.source) = (event.occurredAt, event.source)
            } else if event.occurredAt == result.time, event.source != result.source {
                result.source = 0
            }
        }
        return result
    }

    private func check(_ position: Position, _ expected: Folded, _ comment: Comment) {
        #expect(position.buckets == expected.buckets, comment)
        #expect(position.authoritativeTimeNanoseconds == expected.time, comment)
        #expect(position.authoritativeSource == expected.source, comment)
    }

    private func makeEvents(_ random: inout SplitMix64, count: Int, timeMax: Int64 = 12) -> [PlacedEvent] {
        // Few times and few buckets, so that ties and overlaps are the rule.
        let buckets = Array(fed.shuffled(using: &random).prefix(3))
        return (0..<count).map { index in
            var values: [Bucket: Int64] = [:]
            for bucket in buckets where random.chance(50) {
                values[bucket] = Int64.random(in: -20...20, using: &random)
            }
            if values.isEmpty { values[buckets[0]] = 1 }
            return PlacedEvent(
                Int64.random(in: 1...timeMax, using: &random), "e\(index)", isAbsolute: random.chance(35), values,
                source: SourceNumber.random(in: 1...2, using: &random))
        }
    }
}
