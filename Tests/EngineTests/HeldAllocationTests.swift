import Inventory
import Ledger
import Testing

@testable import Engine

private func allocation(
    _ id: String, of hold: Reservation, _ kind: InventoryEventKind = .allocationCreated, at seconds: Int64 = 0,
    _ change: (inout InventoryEvent) -> Void = { _ in }
) -> InventoryEvent {
    Make.event(id, kind, at: seconds) {
        ($0.quantity, $0.reference) = (4, "A")
        $0.hold.reservationID = hold.id
        change(&$0)
    }
}

extension TestStore {
    fileprivate var allocated: Int64 {
        get throws { try #require(try position("S", "WH1")).buckets[.allocated] }
    }

    /// Whatever is held now runs out.
    fileprivate func letHoldsExpire(after seconds: Int64 = 3_600) throws {
        nowNanoseconds += seconds * .perSecond
        _ = try publish(Make.heartbeat("beat-\(nowNanoseconds)", at: seconds))
    }

    fileprivate var heldAllocations: Int {
        get throws {
            struct Document: Decodable {}
            let reader = try ledger.makeReader()
            try reader.renew()
            var count = 0
            try reader.forEachDocument(Document.self, tenant: engine.tenantNumber, kind: .heldAllocation) { _, _ in
                count += 1
                return true
            }
            return count
        }
    }
}

/// With 10 of S at WH1.
private func makeStore(
    erps: ErpDirectory? = nil, _ change: (inout EngineSettings) -> Void = { _ in }
) throws -> TestStore {
    let store = try TestStore(erps: erps, change)
    _ = try store.publish(Make.snapshot("stock", at: -10, onHand: 10))
    return store
}

/// Told while its hold is there; for what is told after the end see `AllocationOfAHoldTests`.
@Suite struct HeldAllocationTests {
    @Test(arguments: [InventoryEventKind.allocationReleased, .shipmentConfirmed])
    func itCountsFromTheHoldsExpiryUntilItIsClosed(closing: InventoryEventKind) throws {
        let store = try makeStore()
        let hold = try store.hold("S", 10)
        _ = try store.publish(allocation("a", of: hold))
        #expect(try store.allocated == 0)
        #expect(try store.heldAllocations == 1)
        try store.reopen()
        try store.letHoldsExpire()
        #expect(try store.allocated == 4)
        #expect(try store.position("S", "WH1")?.sellable == 6)
        #expect(try store.heldAllocations == 0)
        _ = try store.publish(allocation("c", of: hold, closing, at: 3_601))
        #expect(try store.allocated == 0)
        #expect(try store.ledger.verify().problems == [])
    }

    @Test func whatWasClosedBeforeTheExpiryStaysClosed() throws {
        let store = try makeStore()
        let hold = try store.hold("S", 10)
        _ = try store.publish(allocation("c", of: hold, .allocationReleased, at: 2) { $0.quantity = 3 })
        _ = try store.publish(allocation("a", of: hold, at: 1))
        try store.letHoldsExpire()
        #expect(try store.allocated == 1)
    }

    @Test func aFigureToldAfterItStandsInItsStead() throws {
        let store = try makeStore()
        let hold = try store.hold("S", 10)
        _ = try store.publish(allocation("a", of: hold))
        var figure = Make.snapshot("figure", at: 5, onHand: 10)
        figure.snapshot.touched.insert(BucketSet(.allocated))
        figure.snapshot.values[.allocated] = 7
        _ = try store.publish(figure)
        try store.letHoldsExpire()
        #expect(try store.allocated == 7)
    }

    @Test func ofAHoldThatItsOrderClosedNothingCounts() throws {
        for kind in [InventoryEventKind.orderCancelled, .shipmentConfirmed] {
            let store = try makeStore()
            let hold = try store.hold("S", 4)
            _ = try store.publish(allocation("a", of: hold))
            _ = try store.publish(
                Make.event("end", kind, at: 1) { ($0.quantity, $0.hold.reservationID) = (4, hold.id) })
            #expect(try store.reservation(hold.number).state.isTerminal)
            #expect(try store.allocated == 0)
            #expect(try store.heldAllocations == 0)
            try store.letHoldsExpire()
            #expect(try store.allocated == 0)
        }
    }

    /// An order that two reservations make up.
    @Test func itIsTheHoldsAsLongAsOneOfItsOrdersHoldsIsThere() throws {
        let store = try makeStore()
        let first = try store.hold("S", 4, order: "X")
        _ = try store.hold("S", 5, order: "X")
        _ = try store.publish(
            allocation("a", of: first) { ($0.hold.reservationID, $0.hold.orderReference) = ("", "X") })
        _ = try store.publish(
            Make.event("o", .orderCancelled, at: 1) { ($0.hold.reservationID, $0.sku) = (first.id, "") })
        #expect(try store.heldAllocations == 1)
        #expect(try store.allocated == 0)
        try store.letHoldsExpire()
        #expect(try store.allocated == 0, "one of them was given back by its order's word")
        #expect(try store.heldAllocations == 0)
    }

    @Test func bothHoldsOfAnOrderRunOutAndItCountsOnce() throws {
        let store = try makeStore()
        let first = try store.hold("S", 4, order: "X")
        _ = try store.hold("S", 5, order: "X")
        _ = try store.publish(
            allocation("a", of: first) { ($0.hold.reservationID, $0.hold.orderReference) = ("", "X") })
        #expect(try store.heldAllocations == 2)
        try store.letHoldsExpire()
        #expect(try store.allocated == 4)
        #expect(try store.heldAllocations == 0)
    }

    @Test func itOutlivesTheHorizonWithItsHoldAndCountsBehindWhatIsForgotten() throws {
        let store = try makeStore { $0.horizonNanoseconds = 100 * .perSecond }
        let hold = try store.hold("S", 2)
        _ = try store.publish(allocation("a", of: hold))
        for number in 1...40 {
            let seconds = Int64(number) * 20
            store.nowNanoseconds += 20 * .perSecond
            _ = try store.publish(Make.adjustment("n\(number)", at: seconds, by: 0))
            _ = try store.publish(
                Make.event("t\(number)", .allocationCreated, at: seconds) { $0.reference = "B\(number)" })
            _ = try store.publish(
                Make.event("r\(number)", .allocationReleased, at: seconds + 1) { $0.reference = "B\(number)" })
        }
        #expect(try store.reservation(hold.number).state == .active)
        #expect(try store.allocated == 0)
        try store.letHoldsExpire(after: 3_600)
        #expect(try store.allocated == 4)
        _ = try store.publish(allocation("c", of: hold, .allocationReleased, at: 3_601))
        #expect(try store.allocated == 0)
        #expect(try store.ledger.verify().problems == [])
    }

    @Test func whereTheLedgerHasNoRoomForItItIsADeadLetter() throws {
        let store = try makeStore { $0.referencesMax = 1 }
        let hold = try store.hold("S", 10)
        _ = try store.publish(Make.event("other", .allocationCreated) { $0.reference = "B" })
        let result = try store.publish(allocation("a", of: hold))
        #expect(result.outcome == .deadLettered && result.reason == "OUT_OF_RANGE: reference: at most 1 are kept")
        #expect(try store.heldAllocations == 0)
    }

    @Test(arguments: [true, false])
    func figuresBeingMadeHaveItCountAsTheRunningOnesDo(isTakenBeforeTheEnd: Bool) throws {
        let store = try makeStore()
        let hold = try store.hold("S", 10)
        let told = [Make.snapshot("stock", at: -10, onHand: 10), allocation("a", of: hold)]
        _ = try store.publish(told[1])
        let id = try store.startRebuild().id
        if isTakenBeforeTheEnd { _ = try store.replay(id, told) }
        try store.letHoldsExpire()
        if !isTakenBeforeTheEnd { _ = try store.replay(id, told) }
        #expect(try store.besidePosition("S", "WH1")?.buckets[.allocated] == 4)
        #expect(try store.finish(id).differences?.positions == 0)
        _ = try store.rebuild(.switchTo(id: id, TestStore.decision))
        #expect(try store.allocated == 4)
    }
}
