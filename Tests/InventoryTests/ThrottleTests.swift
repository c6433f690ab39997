import Synchronization
import Testing

@testable import Inventory

@Suite struct ThrottleTests {
    private let second: Int64 = 1_000_000_000

    @Test func theIntervalIsRoundedUp() {
        let table: [(rate: Int64, interval: Int64)] = [
            (1, 1_000_000_000), (3, 333_333_334), (1_000, 1_000_000), (7, 142_857_143), (1_000_000_000, 1),
            (999_999_999, 2),
        ]
        for row in table {
            let cell = GenericCellRate(unitsPerSecond: row.rate, burst: 1_000)
            #expect(cell.intervalNanoseconds == row.interval, "\(row)")
        }
    }

    @Test func burstIsGrantedThenPaidBackOverTime() {
        let cell = GenericCellRate(unitsPerSecond: 1_000, burst: 2_000)
        var arrival: Int64 = 0
        // Each row: time in ms, units, answer.
        let table: [(at: Int64, units: Int64, Admission)] = [
            (0, 2_001, .neverFits(burst: 2_000)),
            (0, 1_500, .admitted), (0, 500, .admitted), (0, 1, .retryAfter(nanoseconds: 1_000_000)),
            (0, 0, .admitted), (1, 1, .admitted), (1, 1_000, .retryAfter(nanoseconds: second)),
            (1_001, 1_000, .admitted), (1_000, 1, .retryAfter(nanoseconds: 2_000_000)),
            // However long it rests, no more than the burst comes at once.
            (1_000_000, 2_000, .admitted), (1_000_000, 1, .retryAfter(nanoseconds: 1_000_000)),
        ]
        for row in table {
            let answer = cell.admit(units: row.units, arrival: &arrival, nowNanoseconds: row.at * 1_000_000)
            #expect(answer == row.2, "\(row)")
        }
    }

    @Test func aRefusalLeavesNoTraceAndItsTimeIsExact() {
        var random = SplitMix64(seed: makeTestSeed())
        for _ in 0..<2_000 {
            let cell = GenericCellRate(
                unitsPerSecond: Int64.random(in: 1...100_000, using: &random),
                burst: Int64.random(in: 1...5_000, using: &random))
            var arrival: Int64 = 0
            var now: Int64 = 0
            for _ in 0..<20 {
                let units = Int64.random(in: 1...cell.burst, using: &random)
                let before = arrival
                if case .retryAfter(let wait) = cell.admit(units: units, arrival: &arrival, nowNanoseconds: now) {
                    #expect(arrival == before)
                    var early = arrival
                    #expect(cell.admit(units: units, arrival: &early, nowNanoseconds: now + wait - 1) != .admitted)
                    #expect(cell.admit(units: units, arrival: &arrival, nowNanoseconds: now + wait) == .admitted)
                    now += wait
                }
            }
        }
    }

    @Test func unitsAdmittedWithinAnySpanAreAtMostRateTimesTimePlusBurst() {
        let seed = makeTestSeed()
        var random = SplitMix64(seed: seed)
        for _ in 0..<50 {
            let rate = Int64.random(in: 1...50_000, using: &random)
            let burst = Int64.random(in: 1_000...3_000, using: &random)
            var terms = ThrottleTerms()
            terms.readUnitsPerSecond = rate
            terms.readUnitsBurst = burst
            let throttle = Throttle(terms)
            var admitted: [(time: Int64, units: Int64)] = []
            var now: Int64 = 0
            for _ in 0..<200 {
                now += Int64.random(in: 0...200_000_000, using: &random)
                let units = Int64.random(in: 1...1_000, using: &random)
                if throttle.admit(units: units, nowNanoseconds: now) == .admitted { admitted.append((now, units)) }
            }
            for first in admitted.indices {
                var sum: Int64 = 0
                for item in admitted[first...] {
                    sum += item.units
                    let span = Double(item.time - admitted[first].time) / 1e9
                    #expect(Double(sum) <= Double(rate) * span + Double(burst), "seed \(seed)")
                }
            }
        }
    }

    @Test func concurrentCallersTogetherStayWithinTheBound() async {
        var terms = ThrottleTerms()
        terms.readUnitsPerSecond = 10_000
        terms.readUnitsBurst = 1_000
        let throttle = Throttle(terms)
        let shared = SharedCounters()
        await withTaskGroup { group in
            for _ in 0..<4 {
                group.addTask {
                    for _ in 0..<50_000 {
                        let now = shared.clock.wrappingAdd(10_000, ordering: .relaxed).newValue
                        if throttle.admit(units: 3, nowNanoseconds: now) == .admitted {
                            shared.admitted.wrappingAdd(3, ordering: .relaxed)
                        }
                    }
                }
            }
        }
        // 200,000 steps of 10 µs are 2 s.
        let bound = 2 * terms.readUnitsPerSecond + terms.readUnitsBurst
        let total = shared.admitted.load(ordering: .relaxed)
        #expect(total <= bound)
        // Every unit that came free was asked for, so hardly any is lost: exactness, not only safety.
        #expect(total > bound - 200)
    }

    @Test func withoutARateEverythingIsAdmitted() {
        let throttle = Throttle(ThrottleTerms())
        #expect(throttle.admit(units: 1_000_000, nowNanoseconds: 0) == .admitted)
        #expect(throttle.tryEnter())
    }

    @Test func aNewPolicyGivesNoNewBurst() {
        var terms = ThrottleTerms()
        terms.readUnitsPerSecond = 1_000
        terms.readUnitsBurst = 1_000
        let throttle = Throttle(terms)
        #expect(throttle.admit(units: 1_000, nowNanoseconds: second) == .admitted)
        throttle.update(terms)
        #expect(throttle.admit(units: 1, nowNanoseconds: second) == .retryAfter(nanoseconds: 1_000_000))
    }

    @Test func reservationsHaveARateOfTheirOwn() {
        // rate, burst → admitted at once, wait for the next in ms
        let table: [(rate: Int64, burst: Int64, atOnce: Int, wait: Int64)] = [
            (10, 0, 10, 100), (10, 3, 3, 100), (1, 0, 1, 1_000), (1_000, 1, 1, 1),
        ]
        for row in table {
            var terms = ThrottleTerms()
            terms.readUnitsPerSecond = 1
            terms.reservationsPerSecond = row.rate
            terms.reservationsBurst = row.burst
            let throttle = Throttle(terms)
            #expect(throttle.admit(units: 1, nowNanoseconds: second) == .admitted)
            #expect(throttle.admit(units: 1, nowNanoseconds: second) != .admitted)
            for _ in 0..<row.atOnce {
                #expect(throttle.admitReservation(nowNanoseconds: second) == .admitted, "\(row)")
            }
            let wait = row.wait * 1_000_000
            #expect(throttle.admitReservation(nowNanoseconds: second) == .retryAfter(nanoseconds: wait), "\(row)")
            #expect(throttle.admitReservation(nowNanoseconds: second + wait) == .admitted, "\(row)")
            // Reservations took no read units.
            #expect(throttle.admit(units: 1, nowNanoseconds: 2 * second) == .admitted, "\(row)")
        }
    }

    @Test func withoutARateReservationsAreUnlimited() {
        var terms = ThrottleTerms()
        terms.readUnitsPerSecond = 1
        let throttle = Throttle(terms)
        for _ in 0..<1_000 { #expect(throttle.admitReservation(nowNanoseconds: 0) == .admitted) }
    }

    @Test func callsInFlightAreBounded() {
        var terms = ThrottleTerms()
        terms.callsInFlightMax = 2
        let throttle = Throttle(terms)
        #expect(throttle.tryEnter())
        #expect(throttle.tryEnter())
        #expect(!throttle.tryEnter())
        #expect(throttle.callsInFlight == 2)
        throttle.leave()
        #expect(throttle.tryEnter())
    }
}

private final class SharedCounters: Sendable {
    let clock = Atomic<Int64>(0)
    let admitted = Atomic<Int64>(0)
}
