import Inventory
import Ledger
import Testing

@testable import Engine

/// A store with 10 of S at WH1 and 5 of it at WH2, sold by `web` from both.
private func makeStore(_ change: (inout ChannelPolicy) -> Void = { _ in }) throws -> TestStore {
    let store = try TestStore()
    var policy = ChannelPolicy()
    policy.sourcing = ["WH1", "WH2"]
    change(&policy)
    let update = ChannelUpdate(
        channelID: "web", displayName: "", policy: policy, etag: "", allowMissing: true, validateOnly: false,
        actor: "test", reason: "", requestID: "")
    _ = try store.step(.updateChannel(tenant: store.engine.tenantNumber, update))
    _ = try store.publish(Make.snapshot("1", onHand: 10))
    _ = try store.publish(Make.snapshot("2", location: "WH2", onHand: 5))
    return store
}

extension TestStore {
    fileprivate func reserve(
        _ requestID: String, _ quantity: Int64, ttlSeconds: Int64 = 60, customer: String = "", digest: UInt64 = 1
    ) throws -> EngineReply {
        let wish = ReservationWish(
            channelID: "web", lines: [GrantLine(sku: "S", scope: .all, quantity: quantity)],
            ttlNanoseconds: ttlSeconds * .perSecond, orderReference: "", customer: customer, allowsPartial: false)
        return try step(.reserve(tenant: engine.tenantNumber, wish, identity(requestID, digest)))
    }

    fileprivate func change(
        _ requestID: String, _ reservation: Reservation, _ kind: ReservationChangeKind, version: UInt64? = nil
    ) throws -> EngineReply {
        let wish = ReservationChangeWish(
            number: reservation.number, epoch: reservation.epoch, expectedVersion: version, kind: kind)
        return try step(.change(tenant: engine.tenantNumber, wish, identity(requestID, 1)))
    }

    private func identity(_ requestID: String, _ digest: UInt64) -> RequestIdentity {
        RequestIdentity(requestID: requestID, bodyDigest: digest, correlationID: requestID)
    }

    fileprivate func advance(seconds: Int64) { nowNanoseconds += seconds * .perSecond }

    fileprivate func reserved(_ location: String = "WH1") throws -> Int64? {
        try position("S", location)?.buckets[.reserved]
    }
}

extension EngineReply {
    fileprivate var reservation: Reservation? {
        if case .reserved(let reply) = self { reply.reservation } else { nil }
    }

    fileprivate var error: EngineError? {
        if case .failed(let error) = self { error } else { nil }
    }
}

@Suite struct EngineReservationTests {
    @Test func aGrantIsCountedWhereItIsHeldAndProven() throws {
        let store = try makeStore()
        let reservation = try #require(try store.reserve("a", 12).reservation)
        #expect(reservation.lines.map(\.quantity) == [10, 2])
        #expect(try store.reserved() == 10)
        #expect(try store.reserved("WH2") == 2)
        #expect(try store.ledger.verify().problems == [])
        guard case .notGranted(let shortages)? = try store.reserve("b", 4).error else {
            Issue.record("more than there is was granted")
            return
        }
        #expect(shortages.first?.available == 3)
    }

    @Test func aRepeatAnswersTheReservationAsItNowStands() throws {
        let store = try makeStore()
        let first = try #require(try store.reserve("a", 3).reservation)
        #expect(try store.reserve("a", 3).reservation == first)
        #expect(try store.reserve("a", 3, digest: 2).error == .requestIDReused)
        _ = try store.change("b", first, .commit([], reacquires: false, orderReference: "o"))
        #expect(try store.reserve("a", 3).reservation?.state == .committed)
        #expect(try store.reserved() == 3)
        // An error without effect leaves no record.
        #expect(try store.reserve("c", 100).error != nil)
        #expect(try store.reserve("c", 1, digest: 9).reservation != nil)
    }

    @Test func aHoldEndsAtItsTimeAndNotBefore() throws {
        let store = try makeStore()
        let reservation = try #require(try store.reserve("a", 10).reservation)
        store.advance(seconds: 59)
        _ = try store.publish(Make.heartbeat("h1", at: 59))
        #expect(try store.reserved() == 10)
        store.advance(seconds: 1)
        // The next wish meets the stock as it is now, whoever swept it.
        #expect(try store.reserve("b", 10).reservation?.lines.map(\.location) == reservation.lines.map(\.location))
        #expect(
            try store.change("c", reservation, .release([])).error
                == .reservationState(
                    id: reservation.id, state: .expired))
        #expect(try store.ledger.verify().problems == [])
    }

    @Test func anExtendedHoldOutlivesItsFirstExpiry() throws {
        let store = try makeStore()
        let reservation = try #require(try store.reserve("a", 10).reservation)
        store.advance(seconds: 30)
        #expect(try store.change("b", reservation, .extend(ttlNanoseconds: 60 * .perSecond)).reservation != nil)
        store.advance(seconds: 40)
        _ = try store.publish(Make.heartbeat("h1", at: 70))
        #expect(try store.reserved() == 10)
        store.advance(seconds: 20)
        _ = try store.publish(Make.heartbeat("h2", at: 90))
        #expect(try store.reserved() == 0)
    }

    @Test func whatRanOutIsReacquiredUnderANewReservation() throws {
        let store = try makeStore()
        let reservation = try #require(try store.reserve("a", 4).reservation)
        store.advance(seconds: 60)
        let commit = ReservationChangeKind.commit([], reacquires: true, orderReference: "o")
        let fresh = try #require(try store.change("b", reservation, commit).reservation)
        #expect(fresh.state == .committed && fresh.number != reservation.number)
        #expect(fresh.linkedNumber == reservation.number)
        #expect(try store.change("b", reservation, commit).reservation?.number == fresh.number)
        #expect(try store.reserved() == 4)
        #expect(try store.ledger.verify().problems == [])
    }

    @Test func aVersionThatDoesNotMatchIsRefusedWithTheOneThatWould() throws {
        let store = try makeStore()
        let reservation = try #require(try store.reserve("a", 4).reservation)
        #expect(
            try store.change("b", reservation, .release([]), version: 7).error
                == .versionMismatch(id: reservation.id, current: 1))
        #expect(try store.change("b", reservation, .release([]), version: 1).reservation?.state == .released)
    }

    @Test func aCustomerHasNoMoreOpenReservationsThanItMay() throws {
        let store = try makeStore { $0.holds.customerHoldsMax = 2 }
        for id in ["a", "b"] { #expect(try store.reserve(id, 1, customer: "c").reservation != nil) }
        #expect(try store.reserve("d", 1, customer: "c").error == .holdLimitReached(customer: "c", holdsMax: 2))
        #expect(try store.reserve("e", 1, customer: "other").reservation != nil)
        store.advance(seconds: 60)
        #expect(try store.reserve("f", 1, customer: "c").reservation != nil)
    }

    @Test func stockThatSinksBelowItsHoldsIsShownAndBlocksNewOnes() throws {
        let store = try makeStore { $0.sourcing = ["WH1"] }
        _ = try store.reserve("a", 8)
        _ = try store.publish(Make.snapshot("3", at: 1, onHand: 5))
        #expect(try store.position("S", "WH1")?.shortfall == 3)
        #expect(try store.reserve("b", 1).error != nil)
        #expect(try store.reserved() == 8)
    }

    @Test func whatAFigureContainsIsSubtractedOnce() throws {
        let store = try makeStore { $0.sourcing = ["WH1"] }
        let reservation = try #require(try store.reserve("a", 3).reservation)
        func snapshot(_ id: String, at seconds: Int64, allocated: Int64, contains: Int64) throws {
            var event = Make.snapshot(id, at: seconds, onHand: 10)
            event.snapshot.touched.insert(BucketSet(.allocated))
            event.snapshot.values[.allocated] = allocated
            if contains > 0 {
                event.contains = [ContainedHold(reservationID: reservation.id, lineID: 1, quantity: contains)]
            }
            _ = try store.publish(event)
        }
        try snapshot("s1", at: 1, allocated: 5, contains: 3)
        // 10 on hand, 2 held by others, 3 by us.
        #expect(try store.position("S", "WH1")?.sellable == 5)
        #expect(try store.ledger.verify().problems == [])
        _ = try store.change("b", reservation, .release([]))
        // The figure still has it.
        #expect(try store.position("S", "WH1")?.buckets[.releasing] == 3)
        #expect(try store.position("S", "WH1")?.sellable == 5)
        try snapshot("s2", at: 2, allocated: 2, contains: 0)
        #expect(try store.position("S", "WH1")?.sellable == 8)
        #expect(try store.ledger.verify().problems == [])
    }

    @Test func whatIsOpenIsFoundAgainByTheNextStart() throws {
        let store = try makeStore()
        let reservation = try #require(try store.reserve("a", 4, customer: "c").reservation)
        let engine = try Engine.open(
            ledger: store.ledger, tenantName: "demo", settings: EngineSettings(), seed: TestStore.seed,
            time: EngineTime(wallNanoseconds: TestStore.now, ledgerNanoseconds: TestStore.now))
        #expect(engine.nextExpiryNanoseconds == reservation.expireTimeNanoseconds)
    }
}
