import Inventory
import Ledger
import Testing

@testable import Engine

extension TestStore {
    private func reply(
        _ lines: [GrantLine], ttlSeconds: Int64?, isPartial: Bool = false
    ) throws -> EngineReply {
        let wish = ReservationWish(
            channelID: "web", lines: lines, ttlNanoseconds: ttlSeconds.map { $0 * 1_000_000_000 }, orderReference: "",
            customer: "", allowsPartial: isPartial)
        let id = "\(lines.map { "\($0.lot)=\($0.quantity)" })"
        return try step(
            .reserve(
                tenant: engine.tenantNumber, wish, RequestIdentity(requestID: id, bodyDigest: 1, correlationID: id)))
    }

    /// A hold of so many units of each lot of S, for `web`.
    func hold(
        lots: [(String, Int64)], ttlSeconds: Int64? = nil, isPartial: Bool = false
    ) throws -> Reservation {
        let lines = lots.map { GrantLine(sku: "S", scope: .all, lot: $0.0, quantity: $0.1) }
        guard case .reserved(let reply) = try reply(lines, ttlSeconds: ttlSeconds, isPartial: isPartial) else {
            throw TestFailure.unexpectedReply
        }
        return reply.reservation
    }

    func refusal(lots: [(String, Int64)]) throws -> EngineError {
        let lines = lots.map { GrantLine(sku: "S", scope: .all, lot: $0.0, quantity: $0.1) }
        guard case .failed(let error) = try reply(lines, ttlSeconds: nil) else { throw TestFailure.unexpectedReply }
        return error
    }

    func change(_ reservation: Reservation, _ kind: ReservationChangeKind) throws -> Reservation {
        let wish = ReservationChangeWish(
            number: reservation.number, epoch: reservation.epoch, expectedVersion: nil, kind: kind)
        let id = "\(reservation.number)-\(kind)".prefix(60)
        guard
            case .reserved(let reply) = try step(
                .change(
                    tenant: engine.tenantNumber, wish,
                    RequestIdentity(requestID: String(id), bodyDigest: 1, correlationID: "")))
        else { throw TestFailure.unexpectedReply }
        return reply.reservation
    }

    /// `reserved` of the position, then of each lot.
    fileprivate func reserved(_ lots: String..., at location: String = "WH1") throws -> [Int64?] {
        [try position("S", location)?.buckets[.reserved]]
            + (try lots.map { try lot($0, location)?.buckets[.reserved] })
    }
}

/// A store with 10 of S at WH1: 5 of lot A, 3 of lot B and 2 of none.
private func makeStore(erps: ErpDirectory? = nil) throws -> TestStore {
    let store = try TestStore(erps: erps)
    for (lot, units) in [("A", 5), ("B", 3), ("", 2)] as [(String, Int64)] {
        var snapshot = Make.snapshot("first-\(lot)", at: -10, onHand: units)
        snapshot.lot = lot
        _ = try store.publish(snapshot)
    }
    return store
}

private func shipment(_ id: String, _ hold: Reservation, _ lot: String, _ units: Int64) -> InventoryEvent {
    Make.event(id, .shipmentConfirmed) {
        ($0.quantity, $0.lot, $0.hold.reservationID) = (units, lot, hold.id)
    }
}

@Suite struct LotHoldTests {
    @Test func aHoldOnALotNeedsTheLotAndTheWhole() throws {
        let store = try makeStore()
        guard case .notGranted(let shortages) = try store.refusal(lots: [("A", 6)]) else {
            Issue.record("6 of a lot of 5 were held")
            return
        }
        #expect(shortages[0].text == "there are 5 of lot A of S, asked are 6" && shortages[0].available == 5)
        // 8 of 10 are held of any lot: of A 5 are there, and 2 of the whole.
        _ = try store.hold(lots: [("", 8)])
        guard case .notGranted(let rest) = try store.refusal(lots: [("A", 3)]) else {
            Issue.record("more was held than there is")
            return
        }
        #expect(rest[0].available == 2)
        let hold = try store.hold(lots: [("A", 2)])
        #expect(hold.lines[0].lot == "A")
        #expect(try store.reserved("A", "B") == [10, 2, 0])
        #expect(try store.ledger.verify().problems == [])
    }

    @Test func linesOfOneLotCountTogether() throws {
        let store = try makeStore()
        guard case .notGranted(let shortages) = try store.refusal(lots: [("A", 3), ("A", 3)]) else {
            Issue.record("6 of a lot of 5 were held")
            return
        }
        #expect(shortages[0].lineIndex == 1 && shortages[0].available == 2)
        _ = try store.hold(lots: [("A", 3), ("B", 3), ("A", 2), ("", 2)])
        #expect(try store.reserved("A", "B") == [10, 5, 3])
        #expect(try store.ledger.verify().problems == [])
    }

    @Test func ofALotThatIsNotThereNothingIsHeld() throws {
        let store = try makeStore()
        guard case .notGranted(let shortages) = try store.refusal(lots: [("C", 1)]) else {
            Issue.record("a lot that is not there was held")
            return
        }
        #expect(shortages[0].reason == .insufficientStock && shortages[0].available == 0)
        let partial = try store.hold(lots: [("C", 1), ("B", 9)], isPartial: true)
        #expect(partial.lines.map(\.quantity) == [0, 3] && partial.lines.map(\.lot) == ["C", "B"])
    }

    @Test func whatIsReleasedOrRunsOutIsFreeInItsLot() throws {
        let store = try makeStore()
        let hold = try store.hold(lots: [("A", 5), ("B", 1)])
        #expect(try store.reserved("A", "B") == [6, 5, 1])
        _ = try store.change(hold, .release([LineQuantity(lineID: 1, quantity: 2)]))
        #expect(try store.reserved("A", "B") == [4, 3, 1])
        #expect(try store.ledger.verify().problems == [])
        let short = try store.hold(lots: [("A", 2)], ttlSeconds: 10)
        store.nowNanoseconds += 20 * 1_000_000_000
        _ = try store.publish(Make.heartbeat("h"))
        let again = try store.change(short, .commit([], reacquires: true, orderReference: "O-1"))
        #expect(again.number != short.number && again.lines[0].lot == "A")
        #expect(try store.reserved("A", "B")[1] ?? 0 >= 2)
        #expect(try store.ledger.verify().problems == [])
    }

    @Test func aShipmentTakesFromTheLineOfItsLotFirst() throws {
        let store = try makeStore()
        let hold = try store.hold(lots: [("", 2), ("B", 2), ("A", 2)])
        _ = try store.publish(shipment("s1", hold, "A", 3))
        var lines = try store.reservation(hold.number).lines
        #expect(lines.map(\.fulfilled) == [1, 0, 2])
        _ = try store.publish(shipment("s2", hold, "", 2))
        lines = try store.reservation(hold.number).lines
        #expect(lines.map(\.fulfilled) == [2, 1, 2])
        #expect(try store.reserved("A", "B") == [1, 0, 1])
        #expect(try store.onHand("A", "B") == [5, 2, 3])
        #expect(try store.ledger.verify().problems == [])
    }

    @Test func anOrderCancelledOfOneLotKeepsTheOthers() throws {
        let store = try makeStore()
        let hold = try store.hold(lots: [("A", 2), ("B", 2)])
        _ = try store.publish(
            Make.event("c", .orderCancelled) { ($0.lot, $0.hold.reservationID) = ("A", hold.id) })
        #expect(try store.reserved("A", "B") == [2, 0, 2])
    }

    /// A figure of a lot says which holds on it its `allocated` contains, and one without a lot leaves those alone.
    @Test func eachFigureNamesTheHoldsItContains() throws {
        let store = try makeStore()
        let hold = try store.hold(lots: [("A", 2), ("", 2)])
        func figure(_ id: String, _ lot: String, at seconds: Int64, contains lines: [UInt32]) -> InventoryEvent {
            Make.event(id, .positionSnapshot, at: seconds) {
                $0.lot = lot
                $0.snapshot.touched = BucketSet(.allocated)
                $0.snapshot.values[.allocated] = 2
                $0.contains = lines.map { ContainedHold(reservationID: hold.id, lineID: $0, quantity: 2) }
            }
        }
        func contained() throws -> [Int64] { try store.reservation(hold.number).lines.map(\.contained) }
        // Nobody tells what is allocated of the lot, so the figure without one may contain both.
        _ = try store.publish(figure("1", "", at: 0, contains: [1, 2]))
        #expect(try contained() == [2, 2])
        _ = try store.publish(figure("2", "A", at: 1, contains: [1, 2]))
        #expect(try contained() == [2, 2])
        #expect(try store.lot("A")?.buckets[.allocated] == 0)
        _ = try store.publish(figure("3", "", at: 2, contains: []))
        #expect(try contained() == [2, 0])
        _ = try store.change(hold, .release([]))
        #expect(try store.lot("A")?.buckets[.releasing] == 2)
        #expect(try store.position("S", "WH1")?.buckets[.releasing] == 2)
        _ = try store.publish(figure("4", "A", at: 3, contains: []))
        #expect(try store.lot("A")?.buckets[.releasing] == 0)
        #expect(try store.ledger.verify().problems == [])
    }

    @Test func anErpThatWouldAssignAnotherLotIsNotAskedForOne() throws {
        let erps = ErpDirectory(
            terms: [ErpTerms(name: "e", takesCommits: false, allowsPartialRelease: true, takesLots: false)],
            locations: ["WH1": "e"])
        let store = try makeStore(erps: erps)
        #expect(
            try store.refusal(lots: [("A", 1)])
                == .invalidField(path: "lines[0].lot", reason: "the ERP e of WH1 cannot hold a lot"))
        #expect(try store.reserved("A") == [0, 0])
        // Elsewhere it can be held.
        _ = try store.publish(
            Make.event("w", .cycleCount) { ($0.lot, $0.location, $0.quantity) = ("A", "WH2", 4) })
        let hold = try store.hold(lots: [("A", 4)])
        #expect(hold.lines[0].erp == "")
        #expect(try store.reserved("A", at: "WH2") == [4, 4])
    }
}
