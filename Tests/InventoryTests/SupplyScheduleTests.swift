import Testing

@testable import Inventory

private func due(_ day: Int64, _ incoming: Int64, backordered: Int64 = 0) -> DatedSupply {
    DatedSupply(timeNanoseconds: day, incoming: incoming, backordered: backordered)
}

/// Day by day, as a person would: what there is on each day, and the least from there on.
private func naive(start: Int64, _ supplies: [DatedSupply], now: Int64, through last: Int64) -> [Int64: Int64] {
    let end = max(last, supplies.map(\.timeNanoseconds).max() ?? last)
    var balance = start
    var balances: [(day: Int64, units: Int64)] = []
    for day in now...end {
        for supply in supplies {
            if day == now, supply.timeNanoseconds <= now { balance -= supply.backordered }
            if day > now, supply.timeNanoseconds == day { balance += supply.incoming - supply.backordered }
        }
        balances.append((day, balance))
    }
    var least = Int64.max
    var promised: [Int64: Int64] = [:]
    for (day, units) in balances.reversed() {
        least = min(least, units)
        promised[day] = least
    }
    return promised
}

@Suite struct SupplyScheduleTests {
    @Test func whatIsPromisedIsTheLeastOfThenAndLater() {
        let supplies = [due(10, 5), due(20, 0, backordered: 8), due(30, 10)]
        let dates = SupplySchedule.dates(supplies, nowNanoseconds: 1, untilNanoseconds: 100, limit: 366)
        #expect(dates == [1, 10, 20, 30])
        #expect(SupplySchedule.promised(start: 4, supplies, dates: dates) == [1, 1, 1, 11])
        #expect(SupplySchedule.due(supplies, dates: dates).map(\.incoming) == [0, 5, 0, 10])
        #expect(SupplySchedule.due(supplies, dates: dates).map(\.backordered) == [0, 0, 8, 0])
    }

    @Test func whatIsOverdueCountsNothingAndWhatIsPromisedOfItIsDueNow() {
        let supplies = [due(5, 50, backordered: 3), due(10, 7, backordered: 1)]
        let dates = SupplySchedule.dates(supplies, nowNanoseconds: 10, untilNanoseconds: 100, limit: 366)
        #expect(dates == [10])
        #expect(SupplySchedule.promised(start: 20, supplies, dates: dates) == [16])
        let now = SupplySchedule.due(supplies, dates: dates)[0]
        #expect(now.incoming == 0 && now.backordered == 4)
    }

    @Test func whatFallsDueBeyondTheLastDateIsKeptBackToday() {
        let supplies = [due(500, 0, backordered: 9), due(10, 2)]
        let dates = SupplySchedule.dates(supplies, nowNanoseconds: 1, untilNanoseconds: 100, limit: 366)
        #expect(dates == [1, 10])
        #expect(SupplySchedule.promised(start: 10, supplies, dates: dates) == [3, 3])
    }

    @Test func tooManyDatesFallOnTheLaterOfTheirNeighbours() {
        let supplies = (1...10).map { due(Int64($0) * 10, 1) }
        let dates = SupplySchedule.dates(supplies, nowNanoseconds: 1, untilNanoseconds: 1_000, limit: 4)
        #expect(dates == [1, 30, 60, 100])
        #expect(SupplySchedule.promised(start: 0, supplies, dates: dates) == [0, 3, 6, 10])
        #expect(SupplySchedule.due(supplies, dates: dates).map(\.incoming) == [0, 3, 3, 4])
    }

    @Test func itIsWhatCountingDayByDayComesTo() {
        var random = SplitMix64(seed: makeTestSeed())
        for _ in 0..<500 {
            let now = Int64(20)
            let supplies = (0..<Int.random(in: 0...12, using: &random)).map { _ in
                due(
                    .random(in: 1...90, using: &random), .random(in: 0...9, using: &random),
                    backordered: random.chance(40) ? .random(in: 0...12, using: &random) : 0)
            }
            let start = Int64.random(in: -10...30, using: &random)
            let until = Int64.random(in: 21...100, using: &random)
            let dates = SupplySchedule.dates(
                supplies, nowNanoseconds: now, untilNanoseconds: until,
                limit: random.chance(30) ? .random(in: 2...5, using: &random) : 366)
            let expected = naive(start: start, supplies, now: now, through: until)
            let promised = SupplySchedule.promised(start: start, supplies, dates: dates)
            #expect(promised == dates.map { expected[$0] }, "\(start) \(supplies) \(dates)")
            #expect(promised == promised.sorted())
        }
    }
}
