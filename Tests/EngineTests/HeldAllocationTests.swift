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

/// Of a source that tells what is allocated as well.
private func figure(at seconds: Int64, allocated: Int64) -> InventoryEvent {
    var figure = Make.snapshot("figure", at: seconds, onHand: 10)
    figure.snapshot.touched.insert(BucketSet(.allocated))
    figure.snapshot.values[.allocated] = allocated
    return figure
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
        _ = try store.publish(figure(at: 5, allocated: 7))
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

    /// An order that two reservations make up: one ends without goods, first or last, and the other with them.
    @Test(arguments: [true, false], [true, false])
    func itIsTheHoldsAsLongAsOneOfThemIsThere(isNamedByOrder: Bool, isLostLast: Bool) throws {
        let store = try makeStore()
        let hold = try store.hold("S", 4, order: "X")
        let other = try store.hold("S", 5, order: "X")
        if isNamedByOrder {
            _ = try store.publish(
                allocation("a", of: hold) {
                    ($0.quantity, $0.hold.reservationID, $0.hold.orderReference) = (9, "", "X")
                })
        } else {
            _ = try store.publish(allocation("a", of: hold))
            _ = try store.publish(allocation("b", of: other) { $0.quantity = 5 })
        }
        #expect(try store.heldAllocations == 2)
        let shipment = Make.event("s", .shipmentConfirmed, at: 1) {
            ($0.quantity, $0.reference, $0.hold.reservationID) = (4, "A", hold.id)
        }
        if isLostLast {
            _ = try store.publish(shipment)
            #expect(try store.allocated == 0, "5 are held")
            try store.letHoldsExpire()
            #expect(try store.reservation(hold.number).state == .fulfilled)
        } else {
            // That of the order which is placed stays.
            _ = try store.publish(
                Make.event("o", .orderAccepted, at: 1) { ($0.hold.reservationID, $0.sku) = (hold.id, "") })
            try store.letHoldsExpire()
            // Of one event for both, 4 are still held.
            #expect(try store.allocated == (isNamedByOrder ? 0 : 5))
            #expect(try store.heldAllocations == 1)
            _ = try store.publish(shipment)
        }
        #expect(try store.reservation(other.number).state == .expired)
        #expect(try store.allocated == 5)
        #expect(try store.position("S", "WH1")?.sellable == 1)
        #expect(try store.heldAllocations == 0)
    }

    @Test func whatTheHoldHasNothingOfIsSomebodyElses() throws {
        let store = try makeStore()
        _ = try store.publish(Make.snapshot("t", sku: "T", at: -10, onHand: 10))
        let hold = try store.hold("T", 4)
        _ = try store.publish(allocation("a", of: hold))
        #expect(try store.allocated == 4)
    }

    @Test func whatItsErpRefusesCountsAsWell() throws {
        let erps = ErpDirectory(
            terms: [ErpTerms(name: "e", takesCommits: false, allowsPartialRelease: true)], defaultName: "e")
        let store = try makeStore(erps: erps)
        let hold = try store.hold("S", 10)
        _ = try store.publish(allocation("a", of: hold))
        let refusal = ErpOutcome(
            number: hold.number, erp: "e", kind: .reserve, answer: .holds([.init(lineID: 1, quantity: 0, reason: "NO")])
        )
        _ = try store.step(.takeErpOutcomes(tenant: store.engine.tenantNumber, [refusal]))
        #expect(try store.reservation(hold.number).state == .rejected)
        #expect(try store.allocated == 4)
        #expect(try store.position("S", "WH1")?.sellable == 6)
    }

    /// Of a lot beside the position's figure, and of one that is in it; of neither anything is known when the hold ends.
    @Test(arguments: ["WH1", "OWNED"])
    func ofALotItCountsThere(location: String) throws {
        var seed = TestStore.seed
        seed.sources = [SourceTerms(id: "wms", lots: .included)]
        let store = try TestStore(seed: seed) { $0.horizonNanoseconds = 100 * .perSecond }
        let source = location == "OWNED" ? "wms" : "a"
        _ = try store.publish(Make.snapshot("stock", at: -10, onHand: 10))
        _ = try store.publish(Make.snapshot("other", source: source, location: location, at: -9, onHand: 10))
        let hold = try store.hold("S", 2)
        _ = try store.publish(
            allocation("a", of: hold, at: 1) {
                ($0.source, $0.location, $0.lot, $0.quantity) = (source, location, "X", 2)
            })
        for number in 1...40 {
            store.nowNanoseconds += 20 * .perSecond
            let seconds = Int64(number) * 20
            _ = try store.publish(
                Make.adjustment("n\(number)", source: source, location: location, at: seconds, by: 0))
        }
        try store.letHoldsExpire()
        #expect(try store.position("S", location)?.buckets[.allocated] == 2)
        #expect(try store.lot("X", location)?.buckets[.allocated] == 2)
        #expect(try store.ledger.verify().problems == [])
    }

    @Test func anOrderOfMoreReservationsThanAreToldApartIsADeadLetter() throws {
        let store = try makeStore()
        _ = try store.publish(Make.snapshot("more", at: -5, onHand: 10_000))
        func tell(_ id: String) throws -> EventResult {
            try store.publish(
                Make.event(id, .allocationCreated) { ($0.reference, $0.hold.orderReference) = (id, "X") })
        }
        for number in 1...Limits.referenceHoldsMax { _ = try store.hold("S", Int64(number), order: "X") }
        #expect(try tell("a").outcome == .applied)
        _ = try store.hold("S", Int64(Limits.referenceHoldsMax + 1), order: "X")
        let beyond = try tell("b")
        #expect(beyond.outcome == .deadLettered)
        #expect(beyond.reason == "OUT_OF_RANGE: reference: at most 100 open reservations are told apart")
        #expect(try store.heldAllocations == Limits.referenceHoldsMax)
        try store.letHoldsExpire()
        #expect(try store.allocated == 1)
        #expect(try store.heldAllocations == 0)
    }

    /// Under one reference: what is somebody else's, what is a hold's that goes out, what is a hold's that runs out.
    @Test(arguments: [[0, 1, 2], [0, 2, 1], [1, 0, 2], [1, 2, 0], [2, 0, 1], [2, 1, 0]], [true, false])
    func eachEventOfAReferenceCountsForItself(order: [Int], isLostFirst: Bool) throws {
        let store = try makeStore()
        let lost = try store.hold("S", 4)
        let told = [
            Make.event("others", .allocationCreated) { ($0.quantity, $0.reference) = (1, "A") },
            allocation("lost", of: lost, at: 1),
        ]
        if isLostFirst { try store.letHoldsExpire() }
        let kept = try store.hold("S", 2)
        let last = allocation("kept", of: kept, at: 2) { $0.quantity = 2 }
        for index in order { _ = try store.publish((told + [last])[index]) }
        #expect(try store.allocated == (isLostFirst ? 5 : 1))
        _ = try store.publish(
            Make.event("s", .shipmentConfirmed, at: 3) {
                ($0.quantity, $0.reference, $0.hold.reservationID) = (2, "A", kept.id)
            })
        #expect(try store.reservation(kept.number).state == .fulfilled)
        try store.letHoldsExpire()
        #expect(try store.allocated == 5)
        #expect(try store.heldAllocations == 0)
        #expect(try store.ledger.verify().problems == [])
    }

    @Test func whatTheHoldWasGrantedNothingOfIsSomebodyElses() throws {
        let store = try makeStore()
        let wish = ReservationWish(
            channelID: "web",
            lines: [GrantLine(sku: "S", scope: .all, quantity: 20), GrantLine(sku: "T", scope: .all, quantity: 5)],
            ttlNanoseconds: nil, orderReference: "", customer: "", allowsPartial: true)
        let identity = RequestIdentity(requestID: "q", bodyDigest: 1, correlationID: "q")
        guard
            case .reserved(let reply) = try store.step(.reserve(tenant: store.engine.tenantNumber, wish, identity))
        else { throw TestFailure.unexpectedReply }
        #expect(reply.reservation.lines.map(\.quantity) == [10, 0])
        _ = try store.publish(allocation("a", of: reply.reservation) { $0.sku = "T" })
        #expect(try store.position("T", "WH1")?.buckets[.allocated] == 4)
    }

    /// A figure that came after it has it, though its place is no longer known.
    @Test func aFigureAfterAForgottenAllocationStandsInItsStead() throws {
        let store = try makeStore { $0.horizonNanoseconds = 100 * .perSecond }
        let hold = try store.hold("S", 4)
        _ = try store.publish(allocation("a", of: hold, at: 1))
        for number in 1...10 {
            store.nowNanoseconds += 20 * .perSecond
            _ = try store.publish(Make.adjustment("n\(number)", at: Int64(number) * 20, by: 0))
        }
        _ = try store.publish(figure(at: 200, allocated: 4))
        try store.letHoldsExpire()
        #expect(try store.allocated == 4)
        _ = try store.publish(allocation("c", of: hold, .allocationReleased, at: 3_601))
        #expect(try store.allocated == 0)
    }

    /// Both lie behind what is pruned when the hold ends.
    @Test func whatWasClosedLongAgoStaysClosed() throws {
        let store = try makeStore { $0.horizonNanoseconds = 100 * .perSecond }
        let hold = try store.hold("S", 4)
        _ = try store.publish(allocation("a", of: hold, at: 1))
        _ = try store.publish(allocation("c", of: hold, .allocationReleased, at: 2) { $0.quantity = 3 })
        for number in 1...40 {
            store.nowNanoseconds += 20 * .perSecond
            _ = try store.publish(Make.adjustment("n\(number)", at: Int64(number) * 20, by: 0))
        }
        try store.letHoldsExpire()
        #expect(try store.allocated == 1)
        _ = try store.publish(allocation("d", of: hold, .allocationReleased, at: 3_601) { $0.quantity = 1 })
        #expect(try store.allocated == 0)
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

    /// Planned with the first sku's stock, the grant must not meet what the second's brings to light.
    @Test func aGrantCountsItThoughMoreHoldsRanOutThanOneCommitEnds() throws {
        let store = try makeStore { $0.expiriesPerCommitMax = 1 }
        _ = try store.publish(Make.snapshot("t", sku: "T", at: -10, onHand: 10))
        _ = try store.hold("T", 1)
        let hold = try store.hold("T", 2, order: "X")
        // Nothing of S is held in the end: its line was shipped from elsewhere.
        _ = try store.publish(allocation("a", of: hold) { ($0.sku, $0.quantity) = ("T", 8) })
        store.nowNanoseconds += 3_600 * .perSecond
        #expect(throws: TestFailure.self) { try store.hold("T", 9) }
        #expect(try store.hold("T", 2, order: "Y").state == .active)
        #expect(try store.position("T", "WH1")?.sellable == 0)
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

    @Test func figuresThatWereSwitchedToHaveItCountWhenTheHoldEnds() throws {
        let store = try makeStore()
        let hold = try store.hold("S", 10)
        let told = [Make.snapshot("stock", at: -10, onHand: 10), allocation("a", of: hold)]
        _ = try store.publish(told[1])
        let id = try store.startRebuild().id
        _ = try store.replay(id, told)
        _ = try store.finish(id)
        _ = try store.rebuild(.switchTo(id: id, TestStore.decision))
        try store.deleteRows()
        try store.letHoldsExpire()
        #expect(try store.allocated == 4)
        #expect(try store.ledger.verify().problems == [])
    }

    /// The other's is in the name of a hold that is there, and tells nothing of this one.
    @Test func ofTwoSourcesWithOneIdEachIsReplayedAsItWasTaken() throws {
        let store = try makeStore()
        let hold = try store.hold("S", 2)
        let unknown = ReservationID.text(number: hold.number + 50, epoch: hold.epoch)
        let told = [
            Make.snapshot("stock", at: -10, onHand: 10), allocation("a", of: hold, at: -5) { $0.source = "b" },
            allocation("a", of: hold) { $0.hold.reservationID = unknown },
        ]
        for event in told.dropFirst() { _ = try store.publish(event) }
        #expect(try store.allocated == 4)
        let id = try store.startRebuild().id
        _ = try store.replay(id, told)
        #expect(try store.besidePosition("S", "WH1")?.buckets[.allocated] == 4)
    }
}
