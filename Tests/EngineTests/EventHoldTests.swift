import Inventory
import Ledger
import Testing

@testable import Engine

extension TestStore {
    /// A hold of some units of one sku, for `web`.
    func hold(_ sku: String, _ quantity: Int64, order: String = "") throws -> Reservation {
        let wish = ReservationWish(
            channelID: "web", lines: [GrantLine(sku: sku, scope: .all, quantity: quantity)], ttlNanoseconds: nil,
            orderReference: order, customer: "", allowsPartial: false)
        let id = "hold-\(sku)-\(quantity)-\(order)"
        let identity = RequestIdentity(requestID: id, bodyDigest: 1, correlationID: id)
        guard case .reserved(let reply) = try step(.reserve(tenant: engine.tenantNumber, wish, identity)) else {
            throw TestFailure.unexpectedReply
        }
        return reply.reservation
    }

    func reservation(_ number: ReservationNumber) throws -> Reservation {
        let reader = try ledger.makeReader()
        try reader.renew()
        guard let found = try reader.reservation(number, tenant: engine.tenantNumber) else {
            throw TestFailure.unexpectedReply
        }
        return found
    }
}

/// A store with 10 of S at WH1 and 5 of it at WH2.
private func makeStore() throws -> TestStore {
    let store = try TestStore()
    _ = try store.publish(Make.snapshot("1", at: -10, onHand: 10))
    _ = try store.publish(Make.snapshot("2", location: "WH2", at: -10, onHand: 5))
    return store
}

private func shipment(
    _ id: String, _ hold: Reservation?, _ units: Int64, at seconds: Int64 = 0,
    _ change: (inout InventoryEvent) -> Void = { _ in }
) -> InventoryEvent {
    Make.event(id, .shipmentConfirmed, at: seconds) {
        $0.quantity = units
        $0.hold.reservationID = hold?.id ?? ""
        change(&$0)
    }
}

@Suite struct EventHoldTests {
    @Test func aShipmentTakesItsUnitsOutOfTheStockAndTheHoldAtOnce() throws {
        let store = try makeStore()
        let hold = try store.hold("S", 6)
        let result = try store.publish(shipment("s1", hold, 4))
        #expect(result.outcome == .applied && result.reason == "")
        var position = try #require(try store.position("S", "WH1"))
        #expect((position.buckets[.onHand], position.buckets[.reserved], position.sellable) == (6, 2, 4))
        var shipped = try store.reservation(hold.number)
        #expect(shipped.state == .active && shipped.lines[0].fulfilled == 4)
        #expect(shipped.history.last?.cause == .shipped && shipped.history.last?.correlationID == "s1")
        _ = try store.publish(shipment("s2", hold, 2))
        shipped = try store.reservation(hold.number)
        #expect(shipped.state == .fulfilled)
        position = try #require(try store.position("S", "WH1"))
        #expect(position.sellable == 4)
        #expect(try store.ledger.verify().problems == [])
    }

    @Test func aShipmentFromElsewhereConsumesTheHoldWhereItWasSourced() throws {
        let store = try makeStore()
        let hold = try store.hold("S", 6)
        _ = try store.publish(shipment("s1", hold, 3) { $0.location = "WH2" })
        #expect(try store.position("S", "WH1")?.buckets[.reserved] == 3)
        #expect(try store.position("S", "WH2")?.buckets[.onHand] == 2)
    }

    @Test func noShortfallIsToldOfWhatTheShipmentItselfSettles() throws {
        let store = try makeStore()
        let hold = try store.hold("S", 10)
        _ = try store.publish(shipment("s1", hold, 10))
        var shortfalls: [Int64] = []
        let reader = try store.ledger.makeReader()
        try reader.renew()
        try reader.forEachChange(tenant: store.engine.tenantNumber) { change throws(LedgerError) in
            if case .shortfall(let units, _, _) = change.subject { shortfalls.append(units) }
            return true
        }
        #expect(shortfalls == [])
        // More left than was held, of stock that others hold.
        let other = try store.hold("S", 5)
        #expect(other.lines[0].location == 2)
        _ = try store.publish(shipment("s2", nil, 2) { $0.location = "WH2" })
        #expect(try store.ledgerState().shortPositions == 1)
    }

    @Test func goodsThatLeftAreNeverRefusedForTheirHold() throws {
        let store = try makeStore()
        let hold = try store.hold("S", 2)
        let table: [(InventoryEvent, String)] = [
            (shipment("s1", hold, 3), "SHIPPED_WITHOUT_HOLD: \(hold.id) covers 2 of 3 units"),
            (shipment("s2", hold, 1), "SHIPPED_WITHOUT_HOLD: \(hold.id) covers 0 of 1 units"),
            (
                shipment("s3", nil, 1) { $0.hold.reservationID = "r-7-vv" },
                "SHIPPED_WITHOUT_HOLD: r-7-vv covers 0 of 1 units"
            ),
            (shipment("s4", nil, 1) { $0.hold.orderReference = "somebody's" }, ""),
        ]
        for (event, reason) in table {
            let result = try store.publish(event)
            #expect(result.outcome == .applied && result.reason == reason, "\(event.id)")
        }
        #expect(try store.position("S", "WH1")?.buckets[.onHand] == 4)
    }

    @Test func aLateShipmentThatMovesNoStockStillClosesItsHold() throws {
        let store = try makeStore()
        let hold = try store.hold("S", 5)
        _ = try store.publish(Make.snapshot("count", at: 0, onHand: 5))
        let late = try store.publish(shipment("s1", hold, 5, at: -5))
        #expect(late.outcome == .superseded)
        #expect(try store.position("S", "WH1")?.buckets[.onHand] == 5)
        #expect(try store.reservation(hold.number).state == .fulfilled)
        #expect(try store.position("S", "WH1")?.sellable == 5)
    }

    @Test func aRepeatShipsOnce() throws {
        let store = try makeStore()
        let hold = try store.hold("S", 5)
        let event = shipment("s1", hold, 2)
        _ = try store.publish(event)
        #expect(try store.publish(event).outcome == .duplicate)
        #expect(try store.reservation(hold.number).lines[0].fulfilled == 2)
    }

    @Test func anOrderIsKnownByItsReferenceOverRestarts() throws {
        let store = try makeStore()
        let (one, two) = (try store.hold("S", 2, order: "O1"), try store.hold("S", 3, order: "O1"))
        _ = try store.publish(Make.event("o1", .orderAccepted) { $0.hold.orderReference = "O1" })
        for hold in [one, two] { #expect(try store.reservation(hold.number).state == .committed) }
        _ = try store.publish(shipment("s1", nil, 4) { $0.hold.orderReference = "O1" })
        #expect(try store.reservation(one.number).state == .fulfilled)
        #expect(try store.reservation(two.number).lines[0].open == 1)
        let again = ReservationIndex()
        again.note(from: nil, to: try store.reservation(two.number))
        #expect(again.numbers(called: .order("O1")) == [two.number])
    }

    @Test func anOrderThatIsOffGivesItsHoldBack() throws {
        let store = try makeStore()
        let hold = try store.hold("S", 6, order: "O1")
        let off = Make.event("o1", .orderCancelled) { $0.hold.orderReference = "O1" }
        #expect(try store.publish(off).outcome == .applied)
        #expect(try store.reservation(hold.number).state == .released)
        #expect(try store.position("S", "WH1")?.sellable == 10)
        // What comes after does not take it up again.
        let late = Make.event("o2", .orderAccepted, at: -5) { $0.hold.reservationID = hold.id }
        #expect(try store.publish(late).outcome == .superseded)
        #expect(try store.reservation(hold.number).state == .released)
    }

    @Test func anAcceptedOrderWithoutItsHoldIsForAPersonToSee() throws {
        let store = try makeStore()
        let hold = try store.hold("S", 6)
        store.nowNanoseconds += 3_600 * .perSecond
        let table: [(InventoryEvent, EventOutcome, String)] = [
            (
                Make.event("o1", .orderAccepted, at: 3_600) { $0.hold.reservationID = hold.id }, .deadLettered,
                "INVALID_FIELD: reservation_id: \(hold.id) is EXPIRED"
            ),
            (
                Make.event("o2", .orderAccepted, at: 3_600) { $0.hold.reservationID = "r-7-vv" }, .deadLettered,
                "INVALID_FIELD: reservation_id: there is no reservation r-7-vv"
            ),
            (
                Make.event("o3", .orderCancelled, at: 3_600) { $0.hold.orderReference = "O9" }, .applied,
                "NO_HOLD: nothing here is called so"
            ),
        ]
        for (event, outcome, reason) in table {
            let result = try store.publish(event)
            #expect(result.outcome == outcome && result.reason == reason)
        }
        #expect(try store.reservation(hold.number).state == .expired)
    }

    @Test func aPickIsSeenAndMovesNothing() throws {
        let store = try makeStore()
        let before = try #require(try store.position("S", "WH1"))
        #expect(try store.publish(Make.event("p1", .pickConfirmed) { $0.quantity = nil }).outcome == .applied)
        let after = try #require(try store.position("S", "WH1"))
        #expect(after.buckets == before.buckets)
        #expect(after.authoritativeTimeNanoseconds == TestStore.now)
        #expect(after.newestPrimary == before.newestPrimary)
    }
}
