import Testing

@testable import Inventory

/// One event of a reference, as `opened 5 at 3`.
private struct Told {
    var id: String
    var at: Int64
    var units: Int64
    var opens: Bool

    static func opened(_ units: Int64, at time: Int64, _ id: String = "o") -> Told {
        Told(id: id, at: time, units: units, opens: true)
    }

    static func closed(_ units: Int64, at time: Int64, _ id: String = "c") -> Told {
        Told(id: id, at: time, units: units, opens: false)
    }

    var entry: ReferenceLine.Entry {
        ReferenceLine.Entry(
            occurredAtNanoseconds: at, key: OrderKey(primary: at, isAbsolute: false, source: 1, id: id), units: units,
            opens: opens)
    }
}

extension ReferenceLine {
    fileprivate init(_ told: [Told]) {
        self.init()
        for one in told {
            let isTaken = insert(one.entry)
            #expect(isTaken)
        }
        for (index, units) in wanted.enumerated() { setEffect(units, at: index) }
    }
}

@Suite struct ReferenceLineTests {
    @Test func closingsTakeWhatWasOpenedAndNoMore() {
        let table: [([Told], [Int64])] = [
            ([.opened(5, at: 1)], [5]),
            ([.opened(5, at: 1), .closed(5, at: 2)], [5, -5]),
            // A shipment and a release of one allocation: closed once.
            ([.opened(5, at: 1), .closed(5, at: 2), .closed(5, at: 3, "c2")], [5, -5, 0]),
            ([.opened(5, at: 1), .closed(3, at: 2), .closed(4, at: 3, "c2")], [5, -3, -2]),
            // Nothing is freed before it was opened.
            ([.closed(5, at: 1)], [0]),
            ([.closed(5, at: 1), .opened(5, at: 2)], [-5, 5]),
            ([.opened(2, at: 1), .opened(3, at: 2, "o2"), .closed(9, at: 3)], [2, 3, -5]),
        ]
        for (told, expected) in table { #expect(ReferenceLine(told).wanted == expected, "\(told)") }
    }

    @Test func anyOrderOfArrivalComesToTheSame() {
        var random = SystemRandomNumberGenerator()
        for _ in 0..<200 {
            let told = (0..<6).map { index in
                Told(
                    id: "e\(index)", at: .random(in: 1...4, using: &random), units: .random(in: 1...5, using: &random),
                    opens: .random(using: &random))
            }
            let one = ReferenceLine(told)
            let other = ReferenceLine(told.shuffled(using: &random))
            #expect(one == other, "\(told)")
            #expect(one.open >= 0)
        }
    }

    /// What is in our holds' name does nothing, and what others told does what it did.
    @Test func whatIsOursCountsNothingAndClosesItsOwnFirst() {
        func line(_ told: (Told, isOurs: Bool)...) -> ReferenceLine {
            var line = ReferenceLine()
            for (one, isOurs) in told {
                var entry = one.entry
                if isOurs { (entry.isOurs, entry.holds) = (true, [7]) }
                _ = line.insert(entry)
            }
            return line
        }
        let own = Told.opened(5, at: 2, "own")
        let table: [(ReferenceLine, [Int64])] = [
            (line((own, true), (.closed(3, at: 3), true)), [0, 0]),
            (line((own, true), (.closed(3, at: 3), false)), [0, 0]),
            (line((.opened(10, at: 1), false), (own, true), (.closed(5, at: 3), true)), [10, 0, 0]),
            (line((.opened(10, at: 1), false), (own, true), (.closed(7, at: 3), true)), [10, 0, -2]),
            (line((.opened(10, at: 1), false), (own, true), (.closed(5, at: 3), false)), [10, 0, -5]),
            (line((.opened(10, at: 1), false), (own, true), (.closed(15, at: 3), false)), [10, 0, -10]),
            // Of others only what was opened before.
            (line((.closed(5, at: 1), true), (.opened(5, at: 2), false)), [0, 5]),
        ]
        for (line, expected) in table {
            #expect(line.wanted == expected, "\(line)")
            #expect(!line.isWaiting(Told.closed(3, at: 3).entry.key))
        }
    }

    @Test func itCountsOnceTheLastOfItsHoldsEndedAndOneWasLost() {
        func line() -> ReferenceLine {
            var line = ReferenceLine()
            var entry = Told.opened(5, at: 1).entry
            (entry.isOurs, entry.holds) = (true, [7, 8])
            _ = line.insert(entry)
            return line
        }
        for (isFirstLost, isSecondLost) in [(true, true), (true, false), (false, true), (false, false)] {
            var line = line()
            let isAtFirst = line.end(7, isLost: isFirstLost)
            #expect(!isAtFirst && line.isHeld && line.wanted == [0])
            let isAtLast = line.end(8, isLost: isSecondLost)
            #expect(isAtLast == (isFirstLost || isSecondLost) && !line.isHeld)
            #expect(line.wanted == [isAtLast ? 5 : 0])
        }
    }

    @Test func aClosingWaitsUntilItIsCovered() {
        let closing = Told.closed(5, at: 1)
        var line = ReferenceLine([closing, .opened(3, at: 2)])
        #expect(line.isWaiting(closing.entry.key))
        let isTaken = line.insert(Told.opened(2, at: 3, "o2").entry)
        #expect(isTaken)
        for (index, units) in line.wanted.enumerated() { line.setEffect(units, at: index) }
        #expect(!line.isWaiting(closing.entry.key) && line.open == 0)
    }

    @Test func whatIsFoldedKeepsWhatItLeftOpen() {
        var line = ReferenceLine([.opened(5, at: 1), .closed(2, at: 2)])
        let isTaken = line.insert(Told.closed(9, at: 50, "c2").entry)
        #expect(isTaken && line.wanted == [5, -2, -3])
        line.fold(horizonNanoseconds: 45)
        #expect(line.entries.map(\.occurredAtNanoseconds) == [50] && line.open == 3 && line.wanted == [-3])
        let isTooOld = !line.insert(Told.closed(1, at: 5, "late").entry)
        #expect(isTooOld)
    }

    @Test func whatIsFoldedTellsWhichClosingsFoundNoOpening() {
        var line = ReferenceLine([.closed(4, at: 1)])
        var shipment = Told.closed(9, at: 2, "shipment").entry
        shipment.mayStandAlone = true
        for entry in [shipment, Told.closed(1, at: 50, "c2").entry] {
            let isTaken = line.insert(entry)
            #expect(isTaken)
        }
        #expect(line.unpaired.map(\.units) == [4, 1])
        let missed = line.fold(horizonNanoseconds: 45)
        #expect(missed.map(\.units) == [4])
        #expect(line.entries.map(\.units) == [1])
    }

    @Test func aClosedOneIsOverAHorizonAfterItsLastEventCame() {
        var line = ReferenceLine([.opened(5, at: 1), .closed(5, at: 2)])
        line.touchedNanoseconds = 1_000
        #expect(line.isOver(beforeNanoseconds: 1_001) && !line.isOver(beforeNanoseconds: 1_000))
        line.setEffect(-2, at: 1)
        #expect(!line.isOver(beforeNanoseconds: 1_001))
    }

    @Test func aFixedEffectIsReckonedWithAsItIs() {
        var line = ReferenceLine([.opened(5, at: 1)])
        line.fix(at: 0)
        line.setEffect(2, at: 0)
        let isTaken = line.insert(Told.closed(5, at: 2).entry)
        #expect(isTaken && line.wanted == [2, -2])
    }
}
