import Inventory
import Ledger
import Testing

@testable import Engine

/// Damage is no end of a rebuild, which is the remedy for it; and a large past is taken over in small commits.
@Suite struct RebuildDamageTests {
    @Test func damageOfTheRunningFiguresIsADifferenceAndEndsNothing() throws {
        let store = try TestStore()
        let skus = ["sound-1", "spoiled", "sound-2"]
        for sku in skus { _ = try store.publish(Make.snapshot("old-\(sku)", sku: sku, at: -20, onHand: 3)) }
        let hold = try store.hold("sound-1", 1)
        let id = try store.startRebuild().id
        try store.damagePosition("spoiled", at: 1)
        #expect(throws: (any Error).self) { try store.position("spoiled", "WH1") }
        for sku in skus {
            let figure = Make.event(sku, .positionSnapshot, at: -10) {
                ($0.sku, $0.quantity) = (sku, nil)
                $0.snapshot = StockEffect(isAbsolute: true, touched: BucketSet(.onHand).union(BucketSet(.allocated)))
                $0.snapshot.values[.onHand] = 3
                $0.contains = [ContainedHold(reservationID: hold.id, lineID: 1, quantity: 1)]
            }
            #expect(try store.replay(id, [figure])[0].outcome == .applied)
        }
        let ready = try store.finish(id)
        #expect(ready.state == .ready && ready.differingPositions == 1 && ready.error == "")
        #expect(try store.rebuild(.switchTo(id: id, TestStore.decision)).state == .switched)
        #expect(try store.position("spoiled", "WH1")?.buckets[.onHand] == 3)
    }

    @Test func holdsAreCopiedByTheirLines() throws {
        let store = try TestStore()
        let skus = (0..<50).map { "S\($0)" }
        for sku in skus { _ = try store.publish(Make.snapshot("1-\(sku)", sku: sku, onHand: 1_000)) }
        for number in 0..<9 {
            let wish = ReservationWish(
                channelID: "web", lines: skus.map { GrantLine(sku: $0, scope: .all, quantity: 1) }, ttlNanoseconds: nil,
                orderReference: "", customer: "", allowsPartial: false)
            let identity = RequestIdentity(requestID: "r\(number)", bodyDigest: 1, correlationID: "")
            guard case .reserved = try store.step(.reserve(tenant: store.engine.tenantNumber, wish, identity)) else {
                throw TestFailure.unexpectedReply
            }
        }
        let id = try store.startRebuild().id
        var commits = 1
        while try !store.rebuild(.copyHolds(id: id)).hasAllHolds { commits += 1 }
        #expect(commits == 3)
        #expect(try store.besidePosition("S7", "WH1")?.buckets[.reserved] == 9)
        #expect(RebuildCommand.copyHolds(id: id).weight >= 2 * RebuildCommand.linesPerCommit)
    }
}
