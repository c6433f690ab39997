import HotTable
import Inventory
import Ledger
import Testing

@testable import Engine

@Suite struct RebuildTests {
    @Test func figuresThatWentWrongAreRightAfterTheSwitchAndHoldsAreKept() throws {
        let store = try TestStore()
        let past = [
            Make.snapshot("1", at: -100, onHand: 10), Make.adjustment("2", at: -90, by: 5),
            Make.snapshot("3", location: "WH2", at: -80, onHand: 7),
        ]
        for event in past { _ = try store.publish(event) }
        _ = try store.publish(Make.adjustment("wrong", source: "typo", at: -70, by: 1_000))
        let hold = try store.hold("S", 12)
        let rebuild = try store.startRebuild()
        #expect(rebuild.state == .filling && store.engine.board.state.rebuild == rebuild)
        #expect(try store.replay(rebuild.id, past).allSatisfy { $0.outcome == .applied })
        #expect(try store.publish(Make.adjustment("4", at: -60, by: -1)).outcome == .applied)
        let later = try store.hold("S", 1)
        let ready = try store.finish(rebuild.id)
        #expect(ready.state == .ready && ready.positions == 2 && ready.differingPositions == 1)
        #expect((ready.steps[0].taken, ready.published, ready.allRefusals.events) == (3, 1, 0))
        #expect(try store.position("S", "WH1")?.buckets[.onHand] == 1_014)
        #expect(try store.ledger.verify().problems == [])
        #expect(try store.rebuild(.switchTo(id: rebuild.id, TestStore.decision)).state == .switched)
        let position = try #require(try store.position("S", "WH1"))
        #expect((position.buckets[.onHand], position.buckets[.reserved]) == (14, 13))
        #expect(try store.reservation(hold.number) == hold && store.reservation(later.number) == later)
        #expect(try store.ledger.verify().problems == [])
        try store.deleteRows()
        #expect(try store.ledgerState().positions == 2 && store.ledgerState().holds == 2)
        #expect(try store.ledger.verify().problems == [])
        // The figures go on as any others do.
        try store.reopen()
        #expect(try store.publish(past[0]).outcome == .duplicate)
        _ = try store.publish(Make.adjustment("5", at: 0, by: 6))
        #expect(try store.position("S", "WH1")?.sellable == 7)
    }

    /// Replayed and live events, holds made, shipped, released and run out, restarts between any two commits: what is switched
    /// to is what one delivery of every event gives, with every hold.
    @Test(arguments: 0..<20)
    func anyInterleavingGivesTheStateOfOneDelivery(round: UInt64) throws {
        let seed = 0x4EB1_0000 + round
        var random = SeededRandom(seed: seed)
        let store = try TestStore()
        let expected = try TestStore()
        func event(_ id: Int, _ at: ClosedRange<Int64>) -> InventoryEvent {
            let (sku, location) = (
                ["S", "T"].randomElement(using: &random)!, ["WH1", "WH2"].randomElement(using: &random)!
            )
            let (source, time) = (["a", "b"].randomElement(using: &random)!, Int64.random(in: at, using: &random))
            switch Int.random(in: 0..<6, using: &random) {
            case 0:
                return Make.snapshot(
                    "\(id)", source: source, sku: sku, location: location, at: time,
                    onHand: .random(in: 50...500, using: &random))
            case 1:
                return Make.event(
                    "\(id)", [.allocationCreated, .allocationReleased].randomElement(using: &random)!, at: time
                ) {
                    ($0.sku, $0.location, $0.source, $0.reference) = (sku, location, source, "order-\(id % 5)")
                    $0.quantity = .random(in: 1...5, using: &random)
                }
            case 2:
                return Make.event(
                    "\(id)", [.transferShipped, .transferReceived].randomElement(using: &random)!, at: time
                ) {
                    ($0.sku, $0.location, $0.toLocation) = (sku, "WH1", "WH2")
                    ($0.source, $0.reference, $0.quantity) = (
                        source, "transfer-\(id % 5)", .random(in: 1...5, using: &random)
                    )
                }
            case 3:
                return Make.event("\(id)", .receiptPosted, at: time) {
                    ($0.sku, $0.location, $0.source, $0.supply.id) = (sku, location, source, "po-\(id % 3)")
                    $0.quantity = .random(in: 1...9, using: &random)
                }
            default:
                return Make.adjustment(
                    "\(id)", source: source, sku: sku, location: location, at: time,
                    by: .random(in: -20...20, using: &random))
            }
        }
        let opening = ["S", "T"].flatMap { sku in
            ["WH1", "WH2"].map { Make.snapshot("open-\(sku)-\($0)", sku: sku, location: $0, at: -900, onHand: 5_000) }
        }
        let past = opening + (0..<60).map { event($0, -800 ... -100) }
        for event in past { _ = try store.publish(event) }
        _ = try store.publish(Make.adjustment("wrong", source: "typo", at: -500, by: 333))
        var holds: [Reservation] = []
        func changeHolds() throws {
            switch Int.random(in: 0..<4, using: &random) {
            case 0, 1:
                holds.append(
                    try store.hold(
                        ["S", "T"].randomElement(using: &random)!, Int64(holds.count) % 7 + 1, order: "o\(holds.count)")
                )
            case 2:
                guard let hold = holds.randomElement(using: &random) else { return }
                let wish = ReservationChangeWish(
                    number: hold.number, epoch: hold.epoch, expectedVersion: nil, kind: .release([]))
                let id = "release-\(hold.number)"
                _ = try store.step(
                    .change(
                        tenant: store.engine.tenantNumber, wish,
                        RequestIdentity(requestID: id, bodyDigest: 1, correlationID: id)))
            default: store.nowNanoseconds += 200 * .perSecond
            }
        }
        for _ in 0..<20 { try changeHolds() }
        let id = try store.startRebuild().id
        var replayed = past.shuffled(using: &random)[...]
        var live: [InventoryEvent] = []
        var isCopied = false
        while !replayed.isEmpty || live.count < 60 || !isCopied {
            switch Int.random(in: 0..<6, using: &random) {
            case 0 where !isCopied: isCopied = try store.rebuild(.copyHolds(id: id)).hasAllHolds
            case 1, 2:
                let batch = replayed.prefix(.random(in: 1...8, using: &random))
                _ = try store.replay(id, Array(batch))
                replayed = replayed.dropFirst(batch.count)
            case 3:
                var new = event(1_000 + live.count, -90 ... -1)
                if let hold = holds.randomElement(using: &random), Bool.random(using: &random) {
                    new = Make.event("\(1_000 + live.count)", .shipmentConfirmed, at: -50) {
                        ($0.sku, $0.location) = (hold.lines[0].sku, "WH1")
                        ($0.hold.reservationID, $0.quantity) = (hold.id, 1)
                    }
                }
                live.append(new)
                // A source may tell twice, or tell again of what is in the past.
                _ = try store.publish([new, past.randomElement(using: &random)!, new].map { TestStore.incoming($0) })
            case 4: try changeHolds()
            default: try store.reopen()
            }
        }
        let ready = try store.finish(id)
        #expect(ready.allRefusals.isEmpty && ready.steps[0].refused == 0, "seed \(seed)")
        #expect(try store.ledger.verify().problems == [], "seed \(seed)")
        var before: [[Int64]] = []
        for sku in ["S", "T"] {
            for place in ["WH1", "WH2"] {
                let (running, beside) = (try store.position(sku, place), try store.besidePosition(sku, place))
                before.append([running?.buckets[.reserved] ?? 0, running?.contained ?? 0])
                #expect(running?.channelHolds == beside?.channelHolds, "seed \(seed)")
            }
        }
        _ = try store.rebuild(.switchTo(id: id, TestStore.decision))
        for event in past + live { _ = try expected.publish(event) }
        var place = 0
        for sku in ["S", "T"] {
            for location in ["WH1", "WH2"] {
                let position = try #require(try store.position(sku, location))
                var wanted = try #require(try expected.position(sku, location)).buckets
                wanted[.reserved] = before[place][0]
                #expect(
                    position.buckets == wanted && position.contained == before[place][1],
                    "seed \(seed), \(sku) at \(location)")
                place += 1
            }
        }
        try store.reopen()
        try store.deleteRows()
        #expect(try store.ledger.verify().problems == [], "seed \(seed)")
        #expect(try store.ledgerState().positions == 4, "seed \(seed)")
    }

    @Test func whatAnErpsFigureContainsOfOurHoldsIsTakenOutOfTheSameFigureAgain() throws {
        let store = try TestStore()
        _ = try store.publish(Make.snapshot("1", at: -200, onHand: 10))
        let hold = try store.hold("S", 4)
        let figure = Make.event("2", .positionSnapshot, at: -100) {
            $0.quantity = nil
            $0.snapshot = StockEffect(isAbsolute: true, touched: BucketSet(.onHand).union(BucketSet(.allocated)))
            ($0.snapshot.values[.onHand], $0.snapshot.values[.allocated]) = (10, 6)
            $0.contains = [ContainedHold(reservationID: hold.id, lineID: 1, quantity: 4)]
        }
        _ = try store.publish(figure)
        let before = try #require(try store.position("S", "WH1"))
        #expect(before.buckets[.allocated] == 2 && before.contained == 4)
        let id = try store.startRebuild().id
        // In either order: the figure before the holds are there, and what is older than it after.
        _ = try store.replay(id, [figure])
        _ = try store.rebuild(.copyHolds(id: id))
        _ = try store.replay(id, [Make.snapshot("1", at: -200, onHand: 10)])
        var after = try #require(try store.besidePosition("S", "WH1"))
        #expect(after.buckets == before.buckets && after.contained == 4)
        // A new figure is told to both.
        var next = figure
        (next.id, next.occurredAtNanoseconds) = ("3", TestStore.now)
        next.snapshot.values[.allocated] = 5
        next.contains[0].quantity = 3
        next.bodyDigest = 9
        _ = try store.publish(next)
        after = try #require(try store.besidePosition("S", "WH1"))
        #expect(after.buckets[.allocated] == 2 && after.contained == 3)
        #expect(try store.finish(id).differingPositions == 0)
        #expect(try store.ledger.verify().problems == [])
    }

    @Test func aPositionWhoseLotsDifferIsCountedThoughItsSumIsTheSame() throws {
        let store = try TestStore()
        func count(_ id: String, _ lot: String, _ units: Int64, sku: String = "S") -> InventoryEvent {
            Make.event(id, .cycleCount, at: -100) { ($0.lot, $0.quantity, $0.sku) = (lot, units, sku) }
        }
        let past = [count("1", "A", 6), count("2", "B", 4), count("3", "A", 6, sku: "T")]
        for event in past { _ = try store.publish(event) }
        for (id, lot, units) in [("4", "A", Int64(-1)), ("5", "B", 1)] {
            let wrong = Make.event(id, .adjustment, at: -50) {
                ($0.lot, $0.quantity, $0.reason) = (lot, units, "COUNT")
            }
            #expect(try store.publish(wrong).outcome == .applied)
        }
        // A lot of which nothing is there may be on one side only.
        _ = try store.publish(count("6", "EMPTY", 0, sku: "T"))
        let id = try store.startRebuild().id
        _ = try store.replay(id, past)
        #expect(try store.position("S", "WH1")?.buckets == store.besidePosition("S", "WH1")?.buckets)
        #expect(try store.finish(id).differingPositions == 1)
    }

    @Test func thePastIsNeverTooOldForFiguresThatHaveForgottenNothing() throws {
        let store = try TestStore { $0.horizonNanoseconds = 100 * .perSecond }
        _ = try store.publish(Make.snapshot("new", at: -10, onHand: 20))
        let id = try store.startRebuild().id
        let results = try store.replay(
            id, [Make.adjustment("b", at: -5_000, by: 1), Make.snapshot("a", at: -9_000, onHand: 3)])
        #expect(results.map(\.outcome) == [.applied, .applied])
        #expect(try store.besidePosition("S", "WH1")?.buckets[.onHand] == 4)
    }

    @Test func theFirstEventOfAnIdThatARebuildIsToldIsTheOne() throws {
        let store = try TestStore()
        _ = try store.publish(Make.snapshot("1", onHand: 3))
        let id = try store.startRebuild().id
        // What the running figures refuse is not told.
        #expect(try store.publish(Make.snapshot("1", onHand: 4)).outcome == .deadLettered)
        #expect(try store.replay(id, [Make.snapshot("1", onHand: 3)])[0].outcome == .applied)
        #expect(try store.replay(id, [Make.snapshot("1", onHand: 4)])[0].outcome == .deadLettered)
        let ready = try store.finish(id)
        #expect(ready.differingPositions == 0 && ready.allRefusals.reasons.map(\.name) == ["ID_REUSED"])
    }

    @Test func whatIsReadOtherwiseThanWhenItCameIsTheSameEventStill() throws {
        let store = try TestStore()
        let past = [Make.snapshot("s", at: -200, onHand: 100), Make.adjustment("e", at: -50, by: -60)]
        for event in past { _ = try store.publish(event) }
        let id = try store.startRebuild().id
        // The mapping was mended.
        let mended = past.map { event in
            var event = event
            event.location = "WH2"
            return event
        }
        #expect(try store.replay(id, mended).map(\.outcome) == [.applied, .applied])
        #expect(try store.replay(id, past).map(\.outcome) == [.deadLettered, .deadLettered])
        #expect(try store.besidePosition("S", "WH2")?.buckets[.onHand] == 40)
        #expect(try store.besidePosition("S", "WH1") == nil)
    }

    @Test func whatIsRefusedOfThePastIsCountedAndNotKept() throws {
        let store = try TestStore()
        let id = try store.startRebuild().id
        let results = try store.replay(
            id, [Make.snapshot("1", location: "NOWHERE", onHand: 1), Make.snapshot("2", onHand: 1)])
        #expect(results.map(\.outcome) == [.deadLettered, .applied])
        let step = try #require(store.engine.board.state.rebuild).steps[0]
        #expect((step.taken, step.refused) == (2, 1))
        #expect(try store.ledgerState().deadLetters == 0)
        #expect(store.source("a")?.applied == 0)
    }

    @Test func oneRebuildAtATimeUntilItsLastRowIsDeleted() throws {
        let store = try TestStore()
        _ = try store.publish(Make.snapshot("1", onHand: 1))
        let first = try store.startRebuild()
        #expect(throws: EngineError.rebuildRunning(first.id)) { try store.startRebuild() }
        #expect(throws: EngineError.rebuildNotReady(id: first.id, state: "filling")) {
            try store.rebuild(.switchTo(id: first.id, TestStore.decision))
        }
        #expect(throws: EngineError.rebuildNotFound("x")) { try store.rebuild(.abandon(id: "x", TestStore.decision)) }
        _ = try store.replay(first.id, [Make.snapshot("1", onHand: 1)])
        #expect(try store.rebuild(.abandon(id: first.id, TestStore.decision)).state == .abandoned)
        #expect(throws: EngineError.rebuildNotFound(first.id)) { try store.replay(first.id, []) }
        #expect(throws: EngineError.rebuildRunning(first.id)) { try store.startRebuild() }
        try store.deleteRows()
        #expect(try store.ledgerState().positions == 1)
        let second = try store.startRebuild(switchesWhenReady: true)
        #expect(try store.finish(second.id).state == .switched)
        #expect(try store.position("S", "WH1") == nil)
        #expect(try store.ledger.verify().problems == [])
        var actions: [AuditAction] = []
        let reader = try store.ledger.makeReader()
        try reader.renew()
        try reader.forEachAuditEntry(AuditEntry.self, tenant: store.engine.tenantNumber) { _, entry in
            if entry.subject.hasPrefix("rebuilds/") { actions.append(entry.action) }
            return true
        }
        #expect(actions == [.startRebuild, .abandonRebuild, .startRebuild, .switchRebuild])
    }

    @Test func aReaderAnswersFromOneOfBothWholly() throws {
        let table = try #require(HotTable(bytesMax: 1 << 20, seed: 1))
        let store = try TestStore(hotTable: table)
        let tenant = store.engine.tenantNumber
        _ = try store.publish(Make.snapshot("1", onHand: 1))
        try HotTableLoader(table: table, ledger: store.ledger, tenant: tenant).run()
        let view = try StockView(ledger: store.ledger, board: store.engine.board, tenant: tenant)
        func onHand() throws -> Int64? {
            try view.openSnapshot()
            return try view.livePositions(of: "S", ledgerNanoseconds: 0).first?.position.buckets[.onHand]
        }
        let id = try store.startRebuild().id
        _ = try store.replay(id, [Make.snapshot("other", onHand: 2)])
        _ = try store.finish(id)
        view.beginTurn()
        #expect(try onHand() == 1)
        let inbox = store.engine.board.changes.makeInbox {}
        inbox.open()
        _ = try store.rebuild(.switchTo(id: id, TestStore.decision, acceptsDifferences: true))
        #expect(inbox.take().isEverything)
        try store.deleteRows()
        // The open snapshot goes on showing what it showed, though its rows are gone by now.
        #expect(try onHand() == 1)
        view.endTurn()
        // A turn that began before the switch, and reads after it.
        #expect(try onHand() == 2)
        #expect(try unsafe #require(view.lentHotTable).takeUnretainedValue() === table)
        view.endTurn()
        view.beginTurn()
        let fresh = try unsafe #require(view.lentHotTable).takeUnretainedValue()
        #expect(fresh !== table && fresh.beginRead() == nil)
        try HotTableLoader(table: fresh, ledger: store.ledger, tenant: tenant).run()
        #expect(fresh.statistics.isComplete && fresh.statistics.positions == 1)
        _ = try store.publish(Make.adjustment("2", at: 1, by: 3))
        #expect(fresh.sequence == (try store.ledgerState().sequence) && table.sequence < fresh.sequence)
    }

    @Test func shortfallsThatComeWithTheSwitchAreTold() throws {
        let store = try TestStore()
        _ = try store.publish(Make.snapshot("1", onHand: 9))
        _ = try store.hold("S", 5)
        let id = try store.startRebuild().id
        _ = try store.replay(id, [Make.snapshot("other", onHand: 2)])
        _ = try store.finish(id)
        #expect(store.engine.board.state.rebuild?.silentShortPositions == 1)
        _ = try store.rebuild(.switchTo(id: id, TestStore.decision))
        try store.deleteRows()
        #expect(try store.ledgerState().shortPositions == 1)
        var told: [Int64] = []
        let reader = try store.ledger.makeReader()
        try reader.renew()
        try reader.forEachChange(tenant: store.engine.tenantNumber) { change in
            if case .shortfall(let units, _, _) = change.subject { told.append(units) }
            return true
        }
        #expect(told == [3])
        // Nothing more is granted of what is not there.
        #expect(throws: TestFailure.unexpectedReply) { try store.hold("S", 1) }
    }
}
