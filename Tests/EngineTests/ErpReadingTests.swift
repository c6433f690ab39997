import Inventory
import Ledger
import Testing

@testable import Engine

/// A store with 10 of S at WH1, which the ERP `e` serves.
private func makeStore() throws -> TestStore {
    let store = try TestStore(
        erps: ErpDirectory(
            terms: [ErpTerms(name: "e", takesCommits: false, allowsPartialRelease: true)], defaultName: "e"))
    _ = try store.publish(Make.snapshot("1", onHand: 10))
    return store
}

extension TestStore {
    fileprivate func reserve(_ requestID: String, _ quantity: Int64) throws -> EngineReply {
        let wish = ReservationWish(
            channelID: "web", lines: [GrantLine(sku: "S", scope: .all, quantity: quantity)], ttlNanoseconds: nil,
            orderReference: "", customer: "", allowsPartial: false)
        let identity = RequestIdentity(requestID: requestID, bodyDigest: 1, correlationID: requestID)
        return try step(.reserve(tenant: engine.tenantNumber, wish, identity))
    }

    /// Reserved, and held in full by the ERP.
    fileprivate func confirmed(_ requestID: String, _ quantity: Int64) throws -> Reservation {
        guard case .reserved(let reply) = try reserve(requestID, quantity) else { throw TestFailure.unexpectedReply }
        try take(.holds([.init(lineID: 1, quantity: quantity)]), to: .reserve, of: reply.reservation.number)
        nowNanoseconds += .perSecond
        return try reservation(reply.reservation.number)
    }

    fileprivate func take(_ answer: ErpAnswer, to kind: ErpWriteKind, of number: ReservationNumber) throws {
        let outcome = ErpOutcome(number: number, erp: "e", kind: kind, answer: answer)
        _ = try step(.takeErpOutcomes(tenant: engine.tenantNumber, [outcome]))
    }

    fileprivate func compare(_ named: [ErpHoldName: Int64]) throws -> ErpHoldComparison {
        try ErpHoldComparison(
            named, of: "e", askedNanoseconds: nowNanoseconds, ledger: ledger, tenant: engine.tenantNumber)
    }
}

@Suite struct ErpReadingTests {
    @Test(arguments: [true, false])
    func goodsThatTheErpAndAnEventTellOfLeaveNothingSubtracted(isErpFirst: Bool) throws {
        let store = try makeStore()
        let hold = try store.confirmed("a", 5)
        let shipment = Make.event("s", .shipmentConfirmed, at: 1) {
            ($0.quantity, $0.hold.reservationID) = (5, hold.id)
        }
        if isErpFirst {
            try store.take(.shipped, to: .lookUp, of: hold.number)
            #expect(try store.position("S", "WH1")?.sellable == 5)
        }
        #expect(try store.publish(shipment).reason == "")
        if !isErpFirst { try store.take(.shipped, to: .lookUp, of: hold.number) }
        let position = try #require(try store.position("S", "WH1"))
        #expect((position.buckets[.onHand], position.buckets[.releasing], position.sellable) == (5, 0, 5))
        let settled = try store.reservation(hold.number)
        #expect(settled.state == .fulfilled && settled.isSettled && settled.lines[0].fulfilled == 5)
        #expect(try store.ledgerState().variances == 0)
        #expect(try store.ledger.verify().problems == [])
    }

    @Test func aConfirmedHoldThatAReadLacksIsLookedForOnceAndQuietly() throws {
        let store = try makeStore()
        let (there, gone) = (try store.confirmed("a", 2), try store.confirmed("b", 3))
        let comparison = try store.compare([ErpHoldName(reservationID: there.id, lineID: 1): 2])
        #expect(comparison.missed.lines == [gone.number: [1]] && comparison.unknown == [])
        _ = try store.step(.lookForHolds(tenant: store.engine.tenantNumber, comparison.missed))
        #expect(store.engine.outbox.withState { $0.writes.values.map(\.work.kind) } == [.lookUp])
        #expect(try store.reservation(gone.number).version == gone.version)
        try store.take(.notFound, to: .lookUp, of: gone.number)
        let looked = try store.reservation(gone.number)
        #expect(looked.state == .active && looked.lines[0].open == 3 && looked.history.last?.cause == .erpNotFound)
        #expect(try store.compare([:]).missed.lines == [there.number: [1]])
        #expect(try store.ledger.verify().problems == [])
    }

    @Test func aPartThatIsMissingCountsAsMissing() throws {
        let store = try makeStore()
        let hold = try store.confirmed("a", 4)
        let named = ErpHoldName(reservationID: hold.id, lineID: 1)
        #expect(try store.compare([named: 3]).missed.lines == [hold.number: [1]])
        #expect(try store.compare([named: 4]).missed.lines == [:])
    }

    @Test func whatChangedSinceTheReadBeganIsLeftAlone() throws {
        let store = try makeStore()
        let hold = try store.confirmed("a", 4)
        let comparison = try store.compare([:])
        store.nowNanoseconds += .perSecond
        try store.take(.shipped, to: .lookUp, of: hold.number)
        _ = try store.step(.lookForHolds(tenant: store.engine.tenantNumber, comparison.missed))
        #expect(store.engine.outbox.count == 0)
    }

    @Test func whatOnlyTheErpHoldsIsTold() throws {
        let store = try makeStore()
        let strangers = ["r-7-vv", "r-8-1", "S 17"].map { ErpHoldName(reservationID: $0, lineID: 1) }
        let named = Dictionary(uniqueKeysWithValues: strangers.map { ($0, Int64(1)) })
        #expect(try store.compare(named).unknown == strangers.sorted { $0.reservationID < $1.reservationID })
    }

    @Test func aRestoredBackupGrantsNothingUntilTheErpsWereRead() throws {
        let original = try makeStore()
        let hold = try original.confirmed("a", 4)
        let store = try TestStore(backupOf: original)
        guard case .failed(.restoring) = try store.reserve("b", 1) else {
            Issue.record("a restored backup granted a hold")
            return
        }
        // What was granted before is told, and let go of.
        guard case .reserved(let repeated) = try store.reserve("a", 4) else { throw TestFailure.unexpectedReply }
        #expect(repeated.reservation.number == hold.number)
        _ = try store.step(.endRestoration(tenant: store.engine.tenantNumber))
        guard case .reserved = try store.reserve("b", 1) else { throw TestFailure.unexpectedReply }
    }
}
