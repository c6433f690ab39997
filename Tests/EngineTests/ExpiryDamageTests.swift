import Inventory
import Ledger
import Testing

@testable import Engine

/// A hold that cannot be ended, since a record is damaged, stays whole, and keeps no other from ending.
@Suite struct ExpiryDamageTests {
    private func hold(_ store: TestStore, _ skus: [String], ttlSeconds: Int64) throws -> Reservation {
        let wish = ReservationWish(
            channelID: "web", lines: skus.map { GrantLine(sku: $0, scope: .all, quantity: 1) },
            ttlNanoseconds: ttlSeconds * .perSecond, orderReference: "", customer: "", allowsPartial: false)
        let identity = RequestIdentity(requestID: skus.joined(), bodyDigest: 1, correlationID: "")
        guard case .reserved(let reply) = try store.step(.reserve(tenant: store.engine.tenantNumber, wish, identity))
        else { throw TestFailure.unexpectedReply }
        return reply.reservation
    }

    @Test func holdWithADamagedPositionStaysWholeWhileOthersEnd() throws {
        let store = try TestStore()
        let skus = ["sound-1", "spoiled", "sound-2"]
        for sku in skus { _ = try store.publish(Make.snapshot("old-\(sku)", sku: sku, onHand: 3)) }
        let former = try hold(store, ["sound-1", "sound-2"], ttlSeconds: 60)
        let damaged = try hold(store, skus, ttlSeconds: 61)
        let later = try hold(store, ["sound-2"], ttlSeconds: 62)
        try store.damagePosition("spoiled", at: 1)
        store.nowNanoseconds += 120 * .perSecond
        #expect(try store.publish(Make.snapshot("new", sku: "other", at: 100, onHand: 1)).outcome == .applied)
        #expect(try store.reservation(former.number).state == .expired)
        #expect(try store.reservation(damaged.number) == damaged)
        #expect(try store.reservation(later.number).state == .expired)
        #expect(try store.position("sound-1", "WH1")?.buckets[.reserved] == 1)
        #expect(try store.position("sound-2", "WH1")?.buckets[.reserved] == 1)
        #expect(try store.position("other", "WH1")?.buckets[.onHand] == 1)
        #expect(store.engine.nextExpiryNanoseconds == nil)
        let problems = try store.ledger.verify().problems
        #expect(problems.allSatisfy { $0.contains("spoiled") }, "\(problems)")
    }
}
