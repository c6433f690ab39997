import Inventory
import Ledger
import Testing

@testable import Engine

extension TestStore {
    /// A store whose location OWNED is told of by `wms`, the lots included in its figures.
    static func withLotsIncluded() throws -> TestStore {
        var seed = TestStore.seed
        seed.sources = [SourceTerms(id: "wms", lots: .included), SourceTerms(id: "erp", order: .sequence)]
        return try TestStore(seed: seed)
    }

    func lot(_ lot: String, _ location: String = "WH1") throws -> Position? {
        let reader = try ledger.makeReader()
        try reader.renew()
        guard let number = engine.board.state.directory.number(of: location) else { return nil }
        return try reader.lot(tenant: engine.tenantNumber, sku: "S", location: number, lot: lot)
    }

    /// `on_hand` of the position, then of each lot.
    func onHand(_ lots: String..., at location: String = "WH1") throws -> [Int64?] {
        [try position("S", location)?.buckets[.onHand]]
            + (try lots.map { try lot($0, location)?.buckets[.onHand] })
    }
}

private func count(
    _ id: String, _ lot: String, _ units: Int64, at seconds: Int64 = 0,
    _ change: (inout InventoryEvent) -> Void = { _ in }
) -> InventoryEvent {
    Make.event(id, .cycleCount, at: seconds) {
        $0.lot = lot
        $0.quantity = units
        change(&$0)
    }
}

private func receipt(
    _ id: String, _ lot: String, _ units: Int64, at seconds: Int64 = 0,
    _ change: (inout InventoryEvent) -> Void = { _ in }
) -> InventoryEvent {
    Make.event(id, .receiptPosted, at: seconds) {
        $0.lot = lot
        $0.quantity = units
        change(&$0)
    }
}

private func owned(_ event: InventoryEvent) -> InventoryEvent {
    var event = event
    event.source = "wms"
    event.location = "OWNED"
    return event
}

@Suite struct EventLotTests {
    @Test func aPositionIsWhatBelongsToNoLotAndAllItsLots() throws {
        let store = try TestStore()
        _ = try store.publish(count("1", "A", 5))
        #expect(try store.onHand("A") == [5, 5])
        // A count of what belongs to no lot leaves the lots as they are, and they it.
        _ = try store.publish(count("2", "", 10, at: 1))
        _ = try store.publish(count("3", "B", 7, at: 2))
        _ = try store.publish(receipt("4", "A", 2, at: 3))
        _ = try store.publish(Make.adjustment("5", at: 4, by: -1))
        #expect(try store.onHand("A", "B") == [23, 7, 7])
        _ = try store.publish(count("6", "A", 0, at: 5))
        #expect(try store.onHand("A", "B") == [16, 0, 7])
        let position = try #require(try store.position("S", "WH1"))
        #expect(position.isSplit && position.authoritativeTimeNanoseconds == TestStore.now + 5_000_000_000)
        #expect(try store.ledgerState().lots == 2)
        #expect(try store.ledger.verify().problems == [])
    }

    @Test func aFigureThatComesLateIsRebasedInItsOwnLotAlone() throws {
        let store = try TestStore()
        _ = try store.publish(receipt("1", "A", 3, at: -5))
        _ = try store.publish(receipt("2", "B", 4, at: -5))
        _ = try store.publish(receipt("3", "", 9, at: -5))
        #expect(try store.publish(count("4", "A", 50, at: -10)).outcome == .applied)
        #expect(try store.onHand("A", "B") == [66, 53, 4])
        _ = try store.publish(count("5", "", 20, at: -10))
        #expect(try store.onHand("A", "B") == [86, 53, 4])
        _ = try store.publish(count("6", "A", 1))
        #expect(try store.publish(receipt("7", "A", 8, at: -1)).outcome == .superseded)
        #expect(try store.onHand("A", "B") == [34, 1, 4])
        #expect(try store.ledger.verify().problems == [])
    }

    @Test func whereFiguresIncludeTheLotsTheyAreNotCountedTwice() throws {
        let store = try TestStore.withLotsIncluded()
        _ = try store.publish(owned(count("1", "", 100)))
        _ = try store.publish(owned(count("2", "A", 60)))
        _ = try store.publish(owned(count("3", "B", 40)))
        #expect(try store.onHand("A", "B", at: "OWNED") == [100, 60, 40])
        // What moves a lot moves the whole.
        _ = try store.publish(owned(receipt("4", "A", 5, at: 1)))
        #expect(try store.onHand("A", "B", at: "OWNED") == [105, 65, 40])
        // In a later figure of the whole, and not in an earlier one.
        _ = try store.publish(owned(count("5", "", 105, at: 2)))
        _ = try store.publish(owned(receipt("6", "B", 1, at: 3)))
        _ = try store.publish(owned(count("7", "", 90, at: 2)))
        #expect(try store.onHand("A", "B", at: "OWNED") == [91, 65, 41])
        #expect(try store.ledger.verify().problems == [])
    }

    @Test func whoseFiguresIncludeTheLotsMustOwnThem() throws {
        let store = try TestStore.withLotsIncluded()
        let result = try store.publish(count("1", "A", 5) { $0.source = "wms" })
        #expect(result.outcome == .deadLettered)
        #expect(
            result.reason
                == "NOT_OWNER: lot: the lots of wms are included in its figures, and it does not own on_hand of WH1")
        #expect(try store.position("S", "WH1") == nil)
    }

    @Test func anErpThatKnowsNoLotsIsNotCountedBesideThem() throws {
        let store = try TestStore()
        _ = try store.publish(count("1", "A", 5))
        let reading = IncomingEvent(
            event: Make.snapshot("2", source: "b", onHand: 5), original: [1], contentType: .erpReading)
        let result = try store.publish([reading])[0]
        #expect(result.outcome == .deadLettered && result.reason.hasPrefix("LOT_NOT_SUPPORTED: lot: "))
        #expect(try store.onHand("A") == [5, 5])
    }

    @Test func statusMovesWithinItsLot() throws {
        let store = try TestStore()
        _ = try store.publish(count("1", "A", 5))
        _ = try store.publish(
            Make.event("2", .statusChanged, at: 1) {
                $0.lot = "A"
                $0.quantity = 2
                $0.toStatus = .quarantined
            })
        #expect(try store.lot("A")?.buckets[.quarantined] == 2)
        #expect(try store.position("S", "WH1")?.sellable == 3)
    }

    @Test func aTransferCarriesItsLot() throws {
        let store = try TestStore()
        func transfer(_ id: String, _ kind: InventoryEventKind, _ lot: String, at seconds: Int64) -> InventoryEvent {
            Make.event(id, kind, at: seconds) {
                ($0.lot, $0.quantity, $0.toLocation, $0.reference) = (lot, 4, "WH2", "T1")
            }
        }
        _ = try store.publish(count("1", "A", 10, at: -10))
        _ = try store.publish(transfer("2", .transferShipped, "A", at: 0))
        _ = try store.publish(transfer("3", .transferShipped, "B", at: 0))
        #expect(try store.lot("A", "WH2")?.buckets[.inTransit] == 4)
        #expect(try store.position("S", "WH2")?.buckets[.inTransit] == 8)
        // One number, and each lot by itself.
        #expect(try store.publish(transfer("4", .transferReceived, "B", at: 1)).outcome == .applied)
        #expect(try store.position("S", "WH2")?.buckets[.inTransit] == 4)
        #expect(try store.lot("A", "WH2")?.buckets[.inTransit] == 4)
        #expect(try store.onHand("A") == [2, 6])
        #expect(try store.onHand("B", at: "WH2") == [4, 4])
        #expect(try store.publish(transfer("5", .transferReceived, "", at: 1)).outcome == .buffered)
        #expect(try store.ledger.verify().problems == [])
    }

    @Test func aReceiptOfALotLowersTheSupplyOfThePosition() throws {
        let store = try TestStore()
        _ = try store.publish(receipt("1", "A", 4) { $0.supply.id = "PO-1" })
        #expect(try store.onHand("A") == [4, 4])
        #expect(try store.position("S", "WH1")?.buckets[.incoming] == -4)
        #expect(try store.lot("A")?.buckets[.incoming] == 0)
    }

    @Test func oneLotTooManyIsADeadLetterAndAnEmptyOneMakesRoom() throws {
        let store = try TestStore()
        let most = Limits.lotsPerPositionMax
        let first = (1..<most).map { TestStore.incoming(receipt("\($0)", "L\($0)", 1)) }
        #expect(try store.publish(first).allSatisfy { $0.outcome == .applied })
        // Seen, and nothing known of it.
        _ = try store.publish(Make.event("seen", .pickConfirmed) { $0.lot = "EMPTY" })
        #expect(try store.ledgerState().lots == UInt64(most))
        #expect(try store.publish(receipt("\(most)", "L\(most)", 1)).outcome == .applied)
        #expect(try store.ledgerState().lots == UInt64(most))
        let refused = try store.publish(receipt("more", "MORE", 1))
        #expect(refused.outcome == .deadLettered)
        #expect(refused.reason == "OUT_OF_RANGE: lot: at most 1000 are kept of one position")
        // What is there already, and what belongs to no lot, goes on.
        #expect(try store.publish(receipt("again", "L7", 1)).outcome == .applied)
        #expect(try store.publish(receipt("none", "", 1)).outcome == .applied)
        let leg = try store.publish(
            Make.event("t", .transferShipped) {
                ($0.location, $0.toLocation, $0.lot, $0.reference) = ("WH2", "WH1", "MORE", "T1")
            })
        #expect(leg.outcome == .applied && leg.reason == refused.reason)
        #expect(try store.position("S", "WH1")?.buckets[.onHand] == Int64(most) + 2)
        #expect(try store.ledger.verify().problems == [])
    }

    @Test func whatIsTooOldForALotThatNobodyWritesToStaysTooOld() throws {
        let store = try TestStore { $0.horizonNanoseconds = 100 * 1_000_000_000 }
        _ = try store.publish(receipt("1", "A", 3, at: -1_000))
        _ = try store.publish(count("2", "A", 0, at: -990) { $0.source = "b" })
        // Both are silent for longer than a horizon, and the hand comes by.
        store.nowNanoseconds += 1_000 * 1_000_000_000
        for index in 0..<50 { _ = try store.publish(receipt("new-\(index)", "B", 1, at: 1_000 + Int64(index) / 10)) }
        #expect(try (store.onHand("A")[1] ?? 0) == 0 && store.onHand("B") == [50, 50])
        // Source b is as far back as ever, and what it counted is pruned.
        let late = try store.publish(count("6", "A", 9, at: -1_020) { $0.source = "b" })
        #expect(late.outcome == .deadLettered && late.reason.hasPrefix("TOO_OLD"))
        #expect(try store.ledger.verify().problems == [])
    }

    @Test func journalsOfLotsThatNobodyWritesToAreForgotten() throws {
        let store = try TestStore { $0.horizonNanoseconds = 100 * 1_000_000_000 }
        for index in 0..<50 { _ = try store.publish(receipt("old-\(index)", "A", 1, at: -1_000)) }
        store.nowNanoseconds += 1_000 * 1_000_000_000
        for index in 0..<100 { _ = try store.publish(receipt("new-\(index)", "B", 1, at: 1_000 + Int64(index) / 10)) }
        #expect(try store.onHand("A", "B") == [150, 50, 100])
        #expect(try store.ledgerState().journalEntries < 120)
        #expect(try store.ledger.verify().problems == [])
    }
}
