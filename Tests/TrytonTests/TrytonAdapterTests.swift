import Erp
import Inventory
import Synchronization
import Testing

@testable import Tryton

/// The adapter against answers made up here: what it asks for next, and what it makes of it.
@Suite struct TrytonAdapterTests {
    private static func shipment(_ id: Int, _ reference: String, _ state: String, held: Int64 = 0) -> TrytonValue {
        [
            "id": .id(id), "reference": .text(reference), "state": .text(state), "number": .text("N\(id)"),
            "write_uid": 7,
            "moves.": [["state": "assigned", "internal_quantity": .integer(held)]],
        ]
    }

    private static func isShipment(_ method: String, _ name: String) -> Bool {
        method == "model.stock.shipment.out.\(name)"
    }

    @Test func holdsByFourCalls() async throws {
        let (adapter, transport) = scriptedAdapter { method, _ in
            if Self.isShipment(method, "create") { return .result([1]) }
            if Self.isShipment(method, "search_read") {
                return .result([Self.shipment(1, "r-1/1", "assigned", held: 5)])
            }
            return .result(nil)
        }
        #expect(
            try await adapter.reserve([hold("r-1")], deadline: soon)
                == [.answer(.holds([ErpLineAnswer(lineID: 1, quantity: 5, reference: "N1")]))])
        #expect(
            transport.methods.suffix(4)
                == ["create", "wait", "assign_try", "search_read"].map { "model.stock.shipment.out.\($0)" })
    }

    @Test func anUnknownSkuFailsOnlyItsHold() async throws {
        let (adapter, _) = scriptedAdapter { method, _ in
            if Self.isShipment(method, "create") { return .result([1]) }
            if Self.isShipment(method, "search_read") {
                return .result([Self.shipment(1, "r-1/1", "assigned", held: 5)])
            }
            return .result(nil)
        }
        let replies = try await adapter.reserve([hold("r-2", sku: "B"), hold("r-1")], deadline: soon)
        guard case .failed = replies[0] else { throw Unexpected() }
        #expect(replies[1] == .answer(.holds([ErpLineAnswer(lineID: 1, quantity: 5, reference: "N1")])))
    }

    @Test func aRefusedCreateFailsOnlyItsHold() async throws {
        let (adapter, _) = scriptedAdapter { method, params in
            if Self.isShipment(method, "create") {
                let references = params[0].list.compactMap { $0["reference"].text }
                if references.contains("r-2/1") {
                    return TrytonResponse(text: #"{"id":1,"error":["UserError",["No.","",null]]}"#)
                }
                return .result([1])
            }
            if Self.isShipment(method, "search_read") {
                return .result([Self.shipment(1, "r-1/1", "assigned", held: 5)])
            }
            return .result(nil)
        }
        let replies = try await adapter.reserve([hold("r-2"), hold("r-1")], deadline: soon)
        #expect(replies[0] == .failed("No."))
        #expect(replies[1] == .answer(.holds([ErpLineAnswer(lineID: 1, quantity: 5, reference: "N1")])))
    }

    @Test func whatIsShortIsCancelled() async throws {
        let (adapter, transport) = scriptedAdapter { method, _ in
            if Self.isShipment(method, "create") { return .result([1]) }
            if Self.isShipment(method, "search_read") {
                return .result([Self.shipment(1, "r-1/1", "waiting", held: 2)])
            }
            return .result(nil)
        }
        #expect(
            try await adapter.reserve([hold("r-1")], deadline: soon)
                == [
                    .answer(
                        .holds([ErpLineAnswer(lineID: 1, quantity: 0, reason: "INSUFFICIENT_STOCK: 2 of 5 at WH1")]))
                ])
        #expect(transport.methods.last == "model.stock.shipment.out.cancel")
    }

    @Test(arguments: ["wait", "assign_try", "search_read"])
    func anAnswerLostAfterCreateIsUnknown(method lost: String) async throws {
        let (adapter, _) = scriptedAdapter { method, _ throws(TrytonProblem) in
            if Self.isShipment(method, "create") { return .result([1]) }
            if Self.isShipment(method, lost) { throw .notSent("Tryton is gone") }
            return .result(nil)
        }
        #expect(try await adapter.reserve([hold("r-1")], deadline: soon) == [.answer(.unknown)])
    }

    @Test(arguments: [
        (TrytonProblem.notSent("x"), ErpFailure.notSent("x")), (.noAnswer("x"), .noAnswer("x")),
        (.misconfigured("x"), .misconfigured("x")),
    ])
    func aFailedCreateFailsTheCall(problem: TrytonProblem, failure: ErpFailure) async {
        let (adapter, _) = scriptedAdapter { _, _ throws(TrytonProblem) in throw problem }
        await #expect(throws: failure) { try await adapter.reserve([hold("r-1")], deadline: soon) }
    }

    @Test func aBusyCreateIsRepeatedWhenNothingIsThere() async throws {
        let counter = Counter()
        let (adapter, _) = scriptedAdapter { method, _ in
            if Self.isShipment(method, "create") {
                return counter.next() == 1 ? TrytonResponse(status: 503, text: "<html>") : .result([1])
            }
            if Self.isShipment(method, "search_read") {
                return .result(counter.value == 1 ? [] : [Self.shipment(1, "r-1/1", "assigned", held: 5)])
            }
            return .result(nil)
        }
        let replies = try await adapter.reserve([hold("r-1")], deadline: soon)
        #expect(replies == [.answer(.holds([ErpLineAnswer(lineID: 1, quantity: 5, reference: "N1")]))])
        #expect(counter.value == 2)
    }

    @Test func aBusyCreateThatTookEffectIsUnknown() async {
        let (adapter, _) = scriptedAdapter { method, _ in
            Self.isShipment(method, "create")
                ? TrytonResponse(status: 503, text: "") : .result([Self.shipment(1, "r-1/1", "draft")])
        }
        await #expect(throws: ErpFailure.noAnswer("HTTP 503 to model.stock.shipment.out.create")) {
            try await adapter.reserve([hold("r-1")], deadline: soon)
        }
    }

    @Test func aTakenReferenceIsAnsweredByWhatItHolds() async throws {
        let (adapter, _) = scriptedAdapter { method, _ in
            if Self.isShipment(method, "create") {
                return TrytonResponse(text: #"{"id":1,"error":["duplicate key value violates","" ]}"#)
            }
            return .result([Self.shipment(1, "r-1/1", "assigned", held: 5)])
        }
        #expect(
            try await adapter.reserve([hold("r-1")], deadline: soon)
                == [.answer(.holds([ErpLineAnswer(lineID: 1, quantity: 5, reference: "N1")]))])
    }

    @Test func doublesAreCancelledWhenLookedUp() async throws {
        let cancelled = Mutex<[TrytonValue]>([])
        let (adapter, _) = scriptedAdapter { method, params in
            if Self.isShipment(method, "cancel") { cancelled.withLock { $0.append(params[0]) } }
            return Self.isShipment(method, "search_read")
                ? .result([
                    Self.shipment(1, "r-1/1", "draft"), Self.shipment(2, "r-1/1", "assigned", held: 5),
                ]) : .result(nil)
        }
        #expect(
            try await adapter.lookUp([hold("r-1")], deadline: soon)
                == [.answer(.holds([ErpLineAnswer(lineID: 1, quantity: 5, reference: "N2")]))])
        #expect(cancelled.withLock { $0 } == [[1]])
    }

    @Test func anEndedSessionIsBegunAnewOnce() async throws {
        let counter = Counter()
        let (adapter, transport) = scriptedAdapter { method, _ in
            counter.next() == 1 ? TrytonResponse(status: 401, text: "<html>") : .result([])
        }
        #expect(try await adapter.lookUp([hold("r-1")], deadline: soon) == [.answer(.notFound)])
        #expect(transport.methods.filter { $0 == "common.db.login" }.count == 2)
    }

    @Test func whatIsBusyIsRepeatedUntilTheDeadline() async {
        let (adapter, transport) = scriptedAdapter { _, _ in TrytonResponse(status: 503, text: "") }
        await #expect(throws: ErpFailure.notSent("HTTP 503 to model.stock.shipment.out.search_read")) {
            try await adapter.lookUp([hold("r-1")], deadline: .now + .milliseconds(600))
        }
        #expect(transport.methods.filter { $0.hasSuffix("out.search_read") }.count > 1)
    }
}

private struct Unexpected: Error {}

private final class Counter: Sendable {
    private let count = Mutex(0)
    var value: Int { count.withLock { $0 } }
    func next() -> Int {
        count.withLock {
            $0 += 1
            return $0
        }
    }
}
