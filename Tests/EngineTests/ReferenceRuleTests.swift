import Inventory
import Ledger
import Testing

@testable import Engine

private func event(
    _ id: String, _ kind: InventoryEventKind, _ units: Int64, _ reference: String, at seconds: Int64 = 0,
    _ change: (inout InventoryEvent) -> Void = { _ in }
) -> InventoryEvent {
    Make.event(id, kind, at: seconds) {
        $0.quantity = units
        $0.reference = reference
        change(&$0)
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

extension TestStore {
    fileprivate func buckets(_ first: Bucket, _ rest: Bucket...) throws -> [Int64] {
        let buckets = try position("S", "WH1")?.buckets ?? Buckets()
        return ([first] + rest).map { buckets[$0] }
    }

    /// So that what is held now has run out.
    fileprivate func waitForExpiry() { nowNanoseconds += 3_600 * .perSecond }
}

@Suite struct ReferenceBoundTests {
    @Test func whereNoMoreIsKeptAnAllocationIsADeadLetterAndPlainShipmentsLeaveRoomForIt() throws {
        let store = try makeStore { $0.referencesMax = 8 }
        for number in 1...6 { _ = try store.publish(event("s\(number)", .shipmentConfirmed, 1, "P\(number)")) }
        let beyond = try store.publish(event("s7", .shipmentConfirmed, 1, "P7"))
        #expect(beyond.outcome == .applied && beyond.reason == "OUT_OF_RANGE: reference: at most 6 are kept")
        #expect(store.engine.board.legsLeftOut == 1)
        #expect(try store.buckets(.onHand) == [3])
        let released = try store.publish(event("r", .allocationReleased, 1, "A0"))
        #expect(released.outcome == .deadLettered && released.reason == beyond.reason)
        #expect(try store.publish(event("a1", .allocationCreated, 1, "A1")).outcome == .applied)
        #expect(try store.publish(event("a2", .allocationCreated, 1, "A2")).outcome == .applied)
        let last = try store.publish(event("a3", .allocationCreated, 1, "A3"))
        #expect(last.outcome == .deadLettered && last.reason == "OUT_OF_RANGE: reference: at most 8 are kept")
        #expect(try store.buckets(.allocated) == [2])
        // What is known is closed however many there are.
        #expect(try store.publish(event("s8", .shipmentConfirmed, 1, "A1", at: 1)).reason == "")
        #expect(try store.buckets(.onHand, .allocated) == [2, 1])
        #expect(try store.ledgerState().references == 8 && store.ledgerState().deadLetters == 2)
        #expect(try store.ledger.verify().problems == [])
    }

    @Test func goodsThatArrivedHaveMoreRoomThanThoseThatLeft() throws {
        let store = try makeStore { $0.referencesMax = 4 }
        func transfer(_ id: String, _ kind: InventoryEventKind) -> InventoryEvent {
            event(id, kind, 1, id) { $0.toLocation = "WH2" }
        }
        for id in ["1", "2", "3"] { #expect(try store.publish(transfer(id, .transferShipped)).reason == "") }
        let left = try store.publish(transfer("4", .transferShipped))
        #expect(left.outcome == .applied && left.reason == "OUT_OF_RANGE: reference: at most 3 are kept")
        #expect(try store.publish(transfer("5", .transferReceived)).outcome == .buffered)
        #expect(try store.buckets(.onHand) == [6])
        let there = try #require(try store.position("S", "WH2")).buckets
        #expect((there[.onHand], there[.inTransit]) == (1, 3))
    }

    @Test func whatOneReferenceCannotTellApartIsADeadLetterUntilItsPastIsForgotten() throws {
        let store = try makeStore { $0.horizonNanoseconds = 100 * .perSecond }
        let most = Limits.referenceEventsMax
        _ = try store.publish((0..<most).map { TestStore.incoming(event("\($0)", .allocationCreated, 1, "A")) })
        let problem = "OUT_OF_RANGE: reference: at most \(most) events of one are told apart"
        for kind in [InventoryEventKind.allocationCreated, .allocationReleased] {
            let result = try store.publish(event("\(kind)", kind, 1, "A", at: 1))
            #expect(result.outcome == .deadLettered && result.reason == problem)
        }
        let shipped = try store.publish(event("s", .shipmentConfirmed, 1, "A", at: 1))
        #expect(shipped.outcome == .applied && shipped.reason == problem)
        #expect(try store.buckets(.onHand, .allocated) == [9, Int64(most)])
        store.nowNanoseconds += 200 * .perSecond
        #expect(try store.publish(event("later", .allocationCreated, 1, "A", at: 200)).outcome == .applied)
        #expect(try store.buckets(.allocated) == [Int64(most) + 1])
        let old = try store.publish(event("old", .allocationCreated, 1, "A", at: 100))
        #expect(old.outcome == .deadLettered && old.reason.hasPrefix("TOO_OLD: reference:"))
        #expect(try store.ledger.verify().problems == [])
    }
}

@Suite struct AllocationOfAHoldTests {
    @Test(arguments: [[0, 1], [1, 0]])
    func whatIsAllocatedToAHoldThatRanOutCountsUntilItIsClosed(order: [Int]) throws {
        for kind in [InventoryEventKind.shipmentConfirmed, .allocationReleased] {
            let store = try makeStore()
            let hold = try store.hold("S", 10)
            store.waitForExpiry()
            let told = [
                event("a", .allocationCreated, 4, "A", at: 3_600) { $0.hold.reservationID = hold.id },
                event("c", kind, 4, "A", at: 3_601) { $0.hold.reservationID = hold.id },
            ]
            _ = try store.publish(told[order[0]])
            if order == [0, 1] {
                #expect(try store.position("S", "WH1")?.sellable == 6)
            }
            _ = try store.publish(told[order[1]])
            #expect(try store.buckets(.allocated, .reserved) == [0, 0], "\(kind)")
            #expect(try store.reservation(hold.number).state == .expired)
        }
    }

    @Test func itCountsTooWhereItsOrderStillNamesTheHoldThatRanOut() throws {
        let erps = ErpDirectory(
            terms: [ErpTerms(name: "e", takesCommits: false, allowsPartialRelease: true)], defaultName: "e")
        let store = try makeStore(erps: erps)
        let hold = try store.hold("S", 10, order: "X")
        store.waitForExpiry()
        _ = try store.publish(
            event("a", .allocationCreated, 4, "A", at: 3_600) { $0.hold.orderReference = "X" })
        #expect(try !store.reservation(hold.number).isSettled, "the ERP has yet to hear of it")
        #expect(try store.buckets(.allocated, .reserved) == [4, 0])
    }

    /// Without a reference nothing would close it.
    @Test func withoutAReferenceItIsTheHoldsHoweverThatEnded() throws {
        let store = try makeStore()
        let hold = try store.hold("S", 10)
        store.waitForExpiry()
        _ = try store.publish(
            event("a", .allocationCreated, 4, "", at: 3_600) { $0.hold.reservationID = hold.id })
        #expect(try store.buckets(.allocated) == [0])
    }

    @Test func anOrderCancelledBeforeOrAfterItsAllocationIsKnownLeavesTheSame() throws {
        for isCancelledFirst in [true, false] {
            let store = try makeStore()
            let hold = try store.hold("S", 10)
            let told = [
                event("a", .allocationCreated, 4, "A") { $0.hold.reservationID = hold.id },
                event("o", .orderCancelled, 1, "") { ($0.hold.reservationID, $0.sku) = (hold.id, "") },
            ]
            for event in isCancelledFirst ? told.reversed() : told { _ = try store.publish(event) }
            #expect(try store.buckets(.allocated, .reserved) == [0, 0])
        }
    }

    @Test func whatWasAllocatedBeforeItsOrderWasKnownIsClosedByItsShipment() throws {
        let store = try makeStore()
        let hold = try store.hold("S", 5)
        _ = try store.publish(event("a", .allocationCreated, 5, "A") { $0.hold.orderReference = "X" })
        #expect(try store.buckets(.allocated, .reserved) == [5, 5], "in doubt twice")
        _ = try store.publish(
            Make.event("o", .orderAccepted) {
                ($0.hold.reservationID, $0.hold.orderReference, $0.sku) = (hold.id, "X", "")
            })
        // Without `order_reference`, since the event names the reservation first.
        _ = try store.publish(event("s", .shipmentConfirmed, 5, "A", at: 1) { $0.hold.reservationID = hold.id })
        #expect(try store.buckets(.onHand, .allocated, .reserved) == [5, 0, 0])
        #expect(try store.ledger.verify().problems == [])
    }

    /// A shipment of ours closes what its reference opened before it, whichever is heard of first; what is opened later, under
    /// the same order's number, is of other units.
    @Test(arguments: [[0, 1, 2], [0, 2, 1], [1, 0, 2], [1, 2, 0], [2, 0, 1], [2, 1, 0]])
    func aShipmentOfAHoldClosesWhatWasOpenedBeforeItInAnyOrder(order: [Int]) throws {
        let store = try makeStore()
        let hold = try store.hold("S", 5)
        let told = [
            event("a", .allocationCreated, 3, "A", at: 1),
            event("s", .shipmentConfirmed, 5, "A", at: 2) { $0.hold.reservationID = hold.id },
            event("b", .allocationCreated, 2, "A", at: 3),
        ]
        for index in order { _ = try store.publish(told[index]) }
        #expect(try store.buckets(.onHand, .allocated, .reserved) == [5, 2, 0])
    }
}
