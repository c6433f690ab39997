import Inventory
import Ledger
import Testing

@testable import Engine

private func told(
    _ id: String, _ quantity: Int64, at seconds: Int64 = 0, supply: String = "PO1", expected: Int64 = 1_000,
    _ change: (inout InventoryEvent) -> Void = { _ in }
) -> InventoryEvent {
    Make.event(id, .supplyUpdated, at: seconds) {
        $0.quantity = nil
        $0.supply = NamedSupply(
            id: supply, quantity: quantity, expectedAtNanoseconds: TestStore.now + expected * 1_000_000_000)
        change(&$0)
    }
}

private func cancelled(_ id: String, at seconds: Int64 = 0, supply: String = "PO1") -> InventoryEvent {
    Make.event(id, .supplyCancelled, at: seconds) { $0.supply.id = supply }
}

private func received(
    _ id: String, _ units: Int64, at seconds: Int64 = 0, supply: String = "PO1",
    _ change: (inout InventoryEvent) -> Void = { _ in }
) -> InventoryEvent {
    Make.event(id, .receiptPosted, at: seconds) {
        $0.quantity = units
        $0.supply.id = supply
        change(&$0)
    }
}

extension TestStore {
    /// What is kept of the supplies of S, by location and id.
    fileprivate func supplies() throws -> [String: SupplyLine] {
        let reader = try ledger.makeReader()
        try reader.renew()
        var found: [String: SupplyLine] = [:]
        try reader.forEachSupply(tenant: engine.tenantNumber, sku: "S") { location, id, line throws(LedgerError) in
            found["\(engine.board.state.directory.location(location)?.id ?? "?") \(id)"] = line
            return true
        }
        return found
    }

    fileprivate func open(_ supply: String = "PO1") throws -> Int64? { try supplies()["WH1 \(supply)"]?.open }
    fileprivate func incoming() throws -> Int64? { try position("S", "WH1")?.buckets[.incoming] }
}

@Suite struct EventSupplyTests {
    @Test func aSupplyMakesItsSkuKnownAndIsReceivedBitByBit() throws {
        let store = try TestStore()
        #expect(try store.publish(told("1", 10)).outcome == .applied)
        #expect(try store.position("S", "WH1")?.sellable == 0)
        #expect(try store.publish(received("2", 4, at: 1)).outcome == .applied)
        #expect(try store.open() == 6)
        #expect(try store.position("S", "WH1")?.buckets[.onHand] == 4)
        #expect(try store.incoming() == 0)
        #expect(try store.ledgerState().supplies == 1)
        #expect(try store.ledger.verify().problems == [])
    }

    @Test func aReceiptBeforeItsSupplyIsKnownWaitsForIt() throws {
        let store = try TestStore()
        #expect(try store.publish(received("r", 4, at: 1)).outcome == .buffered)
        #expect(try store.position("S", "WH1")?.buckets[.onHand] == 4)
        #expect(try store.incoming() == -4)
        #expect(store.source("a")?.buffered == 1)
        #expect(try store.publish(told("f", 10)).outcome == .applied)
        #expect(try store.open() == 6 && store.incoming() == 0)
    }

    @Test func theNewestFigureCountsAndAnOlderOneIsSuperseded() throws {
        let store = try TestStore()
        _ = try store.publish(told("1", 10, at: -5))
        #expect(try store.publish(told("2", 8, at: -1, expected: 2_000)).outcome == .applied)
        #expect(try store.publish(told("3", 99, at: -3)).outcome == .superseded)
        #expect(try store.supplies()["WH1 PO1"]?.dated?.timeNanoseconds == TestStore.now + 2_000 * 1_000_000_000)
        #expect(try store.publish(cancelled("4")).outcome == .applied)
        #expect(try store.open() == 0)
        #expect(try store.publish(told("5", 99, at: -2)).outcome == .superseded)
        #expect(store.source("a")?.superseded == 2)
    }

    @Test func aFigureOfTheUndatedIsRebasedUnderReceiptsThatNobodyToldOf() throws {
        let store = try TestStore()
        _ = try store.publish(received("r", 4, at: 1))
        var figure = Make.snapshot("f", at: 0, onHand: 10)
        figure.snapshot.touched.insert(BucketSet(.incoming))
        figure.snapshot.values[.incoming] = 20
        _ = try store.publish(figure)
        #expect(try store.incoming() == 16 && store.position("S", "WH1")?.buckets[.onHand] == 14)
        _ = try store.publish(told("t", 9))
        #expect(try store.incoming() == 20 && store.open() == 5)
    }

    @Test func onlyWhoOwnsWhatIsToComeTellsOfItAndAnybodyReceives() throws {
        let store = try TestStore()
        let refused = try store.publish(told("1", 10) { $0.location = "OWNED" })
        #expect(refused.reason == "NOT_OWNER: source: a does not own incoming of OWNED")
        let owned = told("2", 10) {
            $0.location = "OWNED"
            $0.source = "wms"
        }
        #expect(try store.publish(owned).outcome == .applied)
        // Ordered by sequence, and told without one: a supply has its place by time.
        let counted = told("3", 7) {
            $0.location = "COUNTED"
            $0.source = "erp"
        }
        #expect(try store.publish(counted).outcome == .applied)
        #expect(try store.supplies().mapValues(\.open) == ["OWNED PO1": 10, "COUNTED PO1": 7])
    }

    /// Nobody owns what is to come at WH1, and its feed tells of a time more than a horizon ago.
    @Test func whatAFeedFarBehindCancelledOrReceivedIsKeptForItsOwnHorizon() throws {
        let store = try TestStore { $0.horizonNanoseconds = 1_000 * .perSecond }
        let past: Int64 = -5_000
        _ = try store.publish(told("1", 10, at: past))
        _ = try store.publish(cancelled("2", at: past + 2))
        _ = try store.publish(received("3", 4, at: past + 2, supply: "PO2"))
        for second in Int64(3)...20 {
            _ = try store.publish(told("\(second)-", 1, at: past + second, supply: "PO\(second)"))
        }
        #expect(try store.publish(told("4", 99, at: past + 1)).outcome == .superseded)
        _ = try store.publish(told("5", 9, at: past + 1, supply: "PO2"))
        #expect(try store.open() == 0 && store.open("PO2") == 5)
        // Once its feed is a horizon further, no event can be about them any more.
        for second in Int64(1_100)...1_150 {
            _ = try store.publish(told("\(second)-", 1, at: past + second, supply: "PO\(second)"))
        }
        #expect(try store.open() == nil && store.open("PO2") == 5)
        #expect(try store.ledger.verify().problems == [])
    }

    @Test func badSuppliesAreNamed() throws {
        let store = try TestStore()
        let most = Limits.quantityMax
        let table: [(InventoryEvent, String)] = [
            (told("1", 1, supply: ""), "INVALID_FIELD: supply.id: is required"),
            (told("2", -1), "INVALID_FIELD: supply.quantity: 0 to \(most), is -1"),
            (
                told("3", 1) { $0.supply.backordered = most + 1 },
                "INVALID_FIELD: supply.backordered: 0 to \(most), is \(most + 1)"
            ),
            (told("4", 1) { $0.supply.expectedAtNanoseconds = 0 }, "INVALID_FIELD: supply.expected_at: is required"),
            (cancelled("5", supply: ""), "INVALID_FIELD: supply.id: is required"),
            (told("6", 1) { $0.lot = "L" }, "LOT_NOT_SUPPORTED: lot: supplies are not split by lot"),
            (told("7", 1) { $0.location = "X" }, "UNKNOWN_LOCATION: location: no location is called X"),
        ]
        for (event, reason) in table { #expect(try store.publish(event).reason == reason) }
        #expect(try store.supplies().isEmpty && store.position("S", "WH1") == nil)
    }

    @Test func supplyBeyondTheBoundIsADeadLetterAndItsGoodsComeInAllTheSame() throws {
        let store = try TestStore()
        let most = Limits.suppliesPerPositionMax
        _ = try store.publish((0..<most).map { TestStore.incoming(told("t\($0)", 1, supply: "PO-\($0)")) })
        let problem = "OUT_OF_RANGE: supply.id: at most \(most) are kept of one position"
        let refused = try store.publish(told("x", 1, supply: "one more"))
        #expect(refused.outcome == .deadLettered && refused.reason == problem)
        let goods = try store.publish(received("y", 3, supply: "one more"))
        #expect(goods.outcome == .applied && goods.reason == problem)
        #expect(try store.position("S", "WH1")?.buckets[.onHand] == 3)
        #expect(try store.incoming() == -3)
        #expect(try store.publish(told("z", 5, at: 1, supply: "PO-7")).outcome == .applied)
    }

    @Test func closedSuppliesAreForgottenBeyondTheHorizonAndOpenOnesNever() throws {
        let store = try TestStore()
        _ = try store.publish(
            [told("1", 5), told("2", 5, supply: "open"), received("3", 5, at: 1)].map(TestStore.incoming))
        // Anybody may tell of it there, and who is silent keeps it for two horizons.
        store.nowNanoseconds += 2 * Limits.horizonNanoseconds + 10_000_000_000
        for index in 0..<4 {
            _ = try store.publish(
                told("n\(index)", 0, at: (store.nowNanoseconds - TestStore.now) / 1_000_000_000, supply: "N\(index)"))
        }
        #expect(try store.supplies()["WH1 PO1"] == nil)
        #expect(try store.open("open") == 5)
        #expect(try store.ledger.verify().problems == [])
    }

    @Test func suppliesOutliveARestartAndABackup() throws {
        let store = try TestStore()
        _ = try store.publish(
            [told("1", 10), received("2", 3, at: 1), received("3", 1, supply: "later")].map(TestStore.incoming))
        let copy = try TestStore(backupOf: store)
        #expect(try copy.supplies() == store.supplies())
        _ = try copy.publish(told("4", 6, at: -1, supply: "later"))
        #expect(try copy.open() == 7 && copy.open("later") == 5)
        #expect(try copy.incoming() == 0)
        #expect(try copy.ledger.verify().problems == [])
    }

    @Test func reasonCodesAreThoseOfTheConfiguration() throws {
        var seed = TestStore.seed
        seed.reasonCodes = ["COUNT"]
        let store = try TestStore(seed: seed)
        #expect(try store.publish(Make.adjustment("1", by: 1)).outcome == .applied)
        for (index, kind) in [InventoryEventKind.returnReceived, .adjustment, .statusChanged].enumerated() {
            let result = try store.publish(
                Make.event("x\(index)", kind) {
                    $0.reason = "WEATHER"
                    $0.toStatus = .damaged
                })
            #expect(result.reason == "INVALID_FIELD: reason: WEATHER is not among the configured codes")
        }
        // Where the reason is nobody's business, and where none is given.
        #expect(try store.publish(Make.event("y", .receiptPosted) { $0.reason = "WEATHER" }).outcome == .applied)
        #expect(try store.publish(Make.event("z", .returnReceived)).outcome == .applied)
        _ = try store.step(.seed(tenant: store.engine.tenantNumber, CatalogueSeed()))
        #expect(try store.publish(Make.event("w", .returnReceived) { $0.reason = "WEATHER" }).outcome == .applied)
    }

    /// Any order, repetition and grouping of figures and receipts gives one state.
    @Test(arguments: 0..<20)
    func anyOrderGivesOneState(round: UInt64) throws {
        let seed = 0x5A91_0000 + round
        var random = SeededRandom(seed: seed)
        var events: [InventoryEvent] = []
        for index in 0..<40 {
            let at = -Int64.random(in: 0..<12, using: &random)
            let units = Int64.random(in: 1...9, using: &random)
            let supply = ["P", "Q", "R"].randomElement(using: &random)!
            switch Int.random(in: 0..<5, using: &random) {
            case 0: events.append(told("\(index)", units, at: at, supply: supply, expected: units * 100))
            case 1 where supply != "R": events.append(cancelled("\(index)", at: at, supply: supply))
            case 2:
                var figure = Make.snapshot("\(index)", at: at, onHand: 50)
                figure.occurredAtNanoseconds += Int64(index)
                figure.snapshot.touched.insert(BucketSet(.incoming))
                figure.snapshot.values[.incoming] = units
                events.append(figure)
            default: events.append(received("\(index)", units, at: at, supply: supply))
            }
        }
        func state(_ arranged: [InventoryEvent]) throws -> (Buckets?, [String: SupplyLine]) {
            let store = try TestStore()
            var rest = arranged[...]
            while !rest.isEmpty {
                let count = Int.random(in: 1...6, using: &random)
                _ = try store.publish(rest.prefix(count).map { TestStore.incoming($0) })
                rest = rest.dropFirst(count)
            }
            #expect(try store.ledger.verify().problems == [])
            return (try store.position("S", "WH1")?.buckets, try store.supplies())
        }
        let inOrder = try state(events)
        let disordered = try state((events + events.shuffled(using: &random).prefix(20)).shuffled(using: &random))
        #expect(inOrder == disordered, "seed \(seed)")
    }
}
