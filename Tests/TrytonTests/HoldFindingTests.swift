import Erp
import Inventory
import Testing

@testable import Tryton

/// We are user 7 at Tryton.
@Suite struct HoldFindingTests {
    private func finding(_ hold: ErpHold, _ shipments: Shipment...) -> HoldFinding {
        HoldFinding(hold, shipments: Dictionary(grouping: shipments, by: \.reference), user: 7)
    }

    private func shipment(
        _ id: Int, line: Int = 1, _ state: Shipment.State, held: Int64 = 0, writer: Int = 7
    ) -> Shipment {
        Shipment(
            id: id, reference: "r-1/\(line)", number: "N\(id)", state: state, held: held, writer: writer)
    }

    @Test(arguments: [Shipment.State.assigned, .picked, .packed])
    func whatIsAssignedIsHeld(state: Shipment.State) {
        let found = finding(hold("r-1"), shipment(1, state, held: 5))
        #expect(found.isWhole)
        #expect(found.answer == .holds([ErpLineAnswer(lineID: 1, quantity: 5, reference: "N1")]))
    }

    @Test func nothingThere() {
        #expect(finding(hold("r-1")).isEmpty)
        #expect(finding(hold("r-1")).answer == .notFound)
        #expect(finding(hold("r-1")).answerToRelease == .notFound)
    }

    @Test(arguments: [Shipment.State.shipped, .done])
    func whatHasLeftIsShippedOnceAllHas(state: Shipment.State) {
        let confirmed = hold("r-1", [5, 6], reference: "N1")
        #expect(finding(confirmed, shipment(1, state), shipment(2, line: 2, state)).answer == .shipped)
        let half = finding(confirmed, shipment(1, state), shipment(2, line: 2, .assigned, held: 6))
        #expect(
            half.answer
                == .holds([
                    ErpLineAnswer(lineID: 1, quantity: 5, reference: "N1"),
                    ErpLineAnswer(lineID: 2, quantity: 6, reference: "N2"),
                ]))
        #expect(half.open == [2])
    }

    @Test func aBrokenOffReserveIsLetGoOf() {
        let found = finding(
            hold("r-1", [5, 6]), shipment(1, .assigned, held: 5), shipment(2, line: 2, .waiting, held: 2))
        #expect(!found.isWhole)
        #expect(found.open == [1, 2])
        #expect(found.answerWhenLetGo == .notFound)
    }

    @Test func whoCancelledItMatters() {
        // Before we were told of it: our own cancelling tells nothing.
        #expect(finding(hold("r-1"), shipment(1, .cancelled)).answerWhenLetGo == .notFound)
        #expect(finding(hold("r-1"), shipment(1, .cancelled, writer: 8)).answerWhenLetGo == .cancelled)
        // After: it was held, and now it is not.
        #expect(finding(hold("r-1", reference: "N1"), shipment(1, .cancelled)).answer == .cancelled)
    }

    @Test func ofDoublesTheOneThatHoldsCounts() {
        let found = finding(
            hold("r-1"), shipment(1, .waiting), shipment(2, .assigned, held: 5), shipment(3, .assigned, held: 5),
            shipment(4, .cancelled))
        #expect(found.lines[0].shipment?.id == 2)
        #expect(found.doubles.sorted() == [1, 3])
    }

    @Test func aReleaseConcernsTheLinesOfWhichNothingRemains() {
        let found = finding(
            hold("r-1", [0, 6]), shipment(1, .assigned, held: 5), shipment(2, line: 2, .assigned, held: 6))
        #expect(found.released == [1])
        #expect(found.answerToRelease == .holds([ErpLineAnswer(lineID: 2, quantity: 6, reference: "N2")]))
        #expect(finding(hold("r-1", [0]), shipment(1, .cancelled)).answerToRelease == .holds([]))
        #expect(finding(hold("r-1", [0]), shipment(1, .done)).answerToRelease == .shipped)
    }

    @Test func aHoldThatNobodyWantsAnyMoreIsStillReported() {
        let found = finding(hold("r-1", [0]), shipment(1, .assigned, held: 5))
        #expect(found.isWhole)
        #expect(found.answer == .holds([ErpLineAnswer(lineID: 1, quantity: 5, reference: "N1")]))
    }

    @Test func aRefusalNamesTheLineThatIsShort() {
        let found = finding(
            hold("r-1", [5, 6]), shipment(1, .waiting, held: 2), shipment(2, line: 2, .assigned, held: 6))
        #expect(
            found.refusal
                == .holds([
                    ErpLineAnswer(lineID: 1, quantity: 0, reason: "INSUFFICIENT_STOCK: 2 of 5 at WH1"),
                    ErpLineAnswer(
                        lineID: 2, quantity: 0, reason: "INSUFFICIENT_STOCK: another line of the reservation"),
                ]))
    }

    @Test func whatIsPickedLiesInTheOutput() {
        let record: TrytonValue = [
            "id": 1, "reference": "r-1/1", "number": "N1", "state": "picked", "write_uid": 8,
            "moves.": [
                ["state": "done", "internal_quantity": 7.0], ["state": "draft", "internal_quantity": 7.0],
            ],
        ]
        #expect(Shipment(record) == shipment(1, .picked, held: 7, writer: 8))
        #expect(Shipment(["id": 1, "reference": "r-1/1", "state": "new"]) == nil)
    }
}

extension TrytonValue: ExpressibleByFloatLiteral {
    public init(floatLiteral value: Double) { self = .number(value) }
}
