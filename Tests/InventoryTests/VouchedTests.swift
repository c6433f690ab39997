import Testing

@testable import Inventory

@Suite struct VouchedTests {
    private func figures(_ time: WallNanoseconds, _ source: SourceNumber) -> StockFigures {
        StockFigures(
            unreserved: 0, safetyStock: 0, inTransit: 0, authoritativeTimeNanoseconds: time,
            authoritativeSource: source)
    }

    @Test func theOwnerVouchesOrElseWhoToldLastAndTheLaterTimeCounts() {
        let watermarks = SourceWatermarks([0, 100, 200])
        let cases: [(time: WallNanoseconds, source: SourceNumber, owner: SourceNumber, by: SourceNumber, Int64)] = [
            (150, 1, 0, 1, 150), (50, 1, 0, 1, 100), (50, 1, 2, 2, 200), (250, 1, 2, 2, 250),
            // Nobody alone, and a source that has told nothing yet.
            (50, 0, 0, 0, 50), (50, 9, 0, 9, 50), (0, 0, 0, 0, 0),
        ]
        for (time, source, owner, by, until) in cases {
            let vouched = Vouched(figures(time, source), owner: owner, watermarks: watermarks)
            #expect(vouched.source == by && vouched.untilNanoseconds == until, "\(time), \(source), \(owner)")
            #expect(vouched.ageNanoseconds(nowNanoseconds: 260) == 260 - until)
            #expect(vouched.ageNanoseconds(nowNanoseconds: 40) == max(0, 40 - until))
        }
    }

    @Test func aChannelsThresholdsAreThoseOfItsTerms() throws {
        var override = PolicyOverride(skus: .prefix("FRESH-"))
        override.staleAfterNanoseconds = 5
        var never = PolicyOverride(skus: .sku("CARD"))
        never.staleAfterNanoseconds = 0
        var there = PolicyOverride(skus: .all, location: "WH2")
        there.staleAfterNanoseconds = 20
        let policy = makePolicy {
            $0.sourcing = ["WH1", "WH2", "WH3"]
            $0.terms.staleAfterNanoseconds = 10
            $0.overrides = [override, never, there]
        }
        let channel = try CompiledChannel(makeChannel(policy), directory: makeDirectory(inactive: [3]))
        #expect(channel.staleAfterNanoseconds(sku: "A", location: 1) == 10)
        #expect(channel.staleAfterNanoseconds(sku: "A", location: 2) == 20)
        #expect(channel.staleAfterNanoseconds(sku: "FRESH-1", location: 1) == 5)
        #expect(channel.staleAfterNanoseconds(sku: "CARD", location: 1) == nil)
        #expect(channel.staleAfterNanoseconds(sku: "A", location: 99) == nil)
        #expect(channel.shortestStaleAfterNanoseconds == 5)
        #expect((1...4).map { channel.sells(from: $0) } == [true, true, false, false])
        let careless = try CompiledChannel(makeChannel(makePolicy()), directory: makeDirectory())
        #expect(careless.shortestStaleAfterNanoseconds == nil)
    }
}
