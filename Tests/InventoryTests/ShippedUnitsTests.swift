import Testing

@testable import Inventory

private struct Held {
    var sku = "S"
    var location: LocationNumber = 1
    var lot = ""
    var units: Int64
}

private func reservation(_ number: ReservationNumber, _ lines: Held...) -> Reservation { reservation(number, lines) }

private func reservation(_ number: ReservationNumber, _ lines: [Held]) -> Reservation {
    var reservation = Reservation(
        number: number, epoch: 1, channel: "web", customer: "", orderReference: "", createTimeNanoseconds: 1_000,
        expireTimeNanoseconds: 2_000, expireMaxNanoseconds: 5_000, allowsPartial: false, writeMode: .through,
        lines: lines.enumerated().map { index, line in
            ReservationLine(
                id: UInt32(index + 1), sku: line.sku, location: line.location, lot: line.lot, requested: line.units,
                quantity: line.units, erp: "")
        })
    reservation.note(.granted, from: nil, at: moment)
    return reservation
}

private let moment = ReservationMoment(ledgerNanoseconds: 1_100, sequence: 9, correlationID: "")

extension [Reservation] {
    /// As a shipment leaves them.
    fileprivate func after(_ shipment: ShippedUnits) -> Self {
        zip(self, shipment.covered(by: self)).map { reservation, covered in
            var changed = reservation
            if !covered.isEmpty { changed.fulfil(covered, at: moment) }
            return changed
        }
    }

    fileprivate var open: [[Int64]] { map { $0.lines.map(\.open) } }
}

@Suite struct ShippedUnitsTests {
    @Test func itTakesFromItsLocationAndLotThenItsLocationThenTheOthersLocationByLocation() {
        let held = [
            reservation(
                1, Held(location: 2, units: 1), Held(sku: "T", units: 1), Held(location: 3, units: 1),
                Held(location: 1, units: 1), Held(location: 1, lot: "X", units: 1), Held(location: 2, units: 1)),
            reservation(2, Held(location: 1, lot: "X", units: 1), Held(location: 3, units: 1)),
        ]
        var shipment = ShippedUnits(sku: "S", location: 1, lot: "X", units: 1)
        var left = held
        var order: [String] = []
        for _ in 0..<7 {
            let covered = shipment.covered(by: left)
            for (index, units) in covered.enumerated() { order += units.map { "\(index + 1)/\($0.lineID)" } }
            left = left.after(shipment)
        }
        #expect(order == ["1/5", "2/1", "1/4", "1/1", "1/6", "1/3", "2/2"])
        #expect(shipment.covered(by: left) == [[], []], "nothing of the sku is held any more")
        shipment.units = 7
        #expect(held.after(shipment).open == left.open)
    }

    @Test func ofALineThatIsNamedItTakesFromNoOther() {
        let held = [reservation(1, Held(units: 2), Held(units: 2))]
        let shipment = ShippedUnits(sku: "S", location: 1, lineID: 2, units: 3)
        #expect(shipment.covered(by: held) == [[LineQuantity(lineID: 2, quantity: 2)]])
        #expect(ShippedUnits(sku: "T", location: 1, lineID: 2, units: 3).covered(by: held) == [[]])
    }

    @Test func inAnyOrderTheSameUnitsStayOpen() {
        let seed = makeTestSeed()
        var random = SplitMix64(seed: seed)
        func pick<Value>(_ values: [Value]) -> Value { values.randomElement(using: &random) ?? values[0] }
        for round in 0..<500 {
            let held = (1...2).map { number in
                let lines = (0..<4).map { _ in
                    Held(
                        location: pick([1, 2, 3]), lot: pick(["", "X", "Y"]), units: .random(in: 1...6, using: &random))
                }
                return reservation(ReservationNumber(number), lines)
            }
            let shipments = (0..<5).map { _ in
                ShippedUnits(
                    sku: "S", location: pick([1, 2, 3, 4]), lot: pick(["", "X", "Y", "Z"]),
                    units: .random(in: 1...9, using: &random))
            }
            let one = shipments.reduce(held) { $0.after($1) }
            // What is over is not named any more, sooner or later.
            let other = shipments.shuffled(using: &random).reduce(held) { left, shipment in
                let named = left.filter { !$0.state.isTerminal || Bool.random(using: &random) }.after(shipment)
                return left.map { one in named.first { $0.number == one.number } ?? one }
            }
            #expect(one.open == other.open, "seed \(seed), round \(round): \(held.open) by \(shipments)")
        }
    }
}
