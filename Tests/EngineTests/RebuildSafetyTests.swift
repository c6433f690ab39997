import Foundation
import Inventory
import Ledger
import Testing

@testable import Engine

/// What an operator is told before he switches, and what keeps a rebuild from selling what is not there.
@Suite struct RebuildSafetyTests {
    private func count(_ id: String, _ lot: String, _ units: Int64, at seconds: Int64 = 0) -> InventoryEvent {
        Make.event(id, .cycleCount, at: seconds) { ($0.lot, $0.quantity) = (lot, units) }
    }

    // MARK: What is looked at before a switch

    @Test func positionsThatRiseFallOrAreOnOneSideAreToldApart() throws {
        let store = try TestStore()
        for (sku, units) in [("FALLS", Int64(9)), ("GONE", 4), ("RISES", 5), ("SAME", 3)] {
            _ = try store.publish(Make.snapshot("\(sku)", sku: sku, at: -100, onHand: units))
        }
        let id = try store.startRebuild().id
        for (sku, units) in [("FALLS", Int64(8)), ("NEW", 2), ("NONE", 0), ("RISES", 7), ("SAME", 3)] {
            _ = try store.replay(id, [Make.snapshot("r-\(sku)", sku: sku, at: -100, onHand: units)])
        }
        let found = try #require(try store.finish(id).differences)
        #expect((found.positions, found.missing, found.added, found.rising) == (5, 1, 2, 2))
        #expect(found.examples.map(\.sku) == ["RISES", "NEW", "FALLS", "GONE", "NONE"])
        #expect(found.examples[0].running == 5 && found.examples[0].beside == 7)
        #expect(found.examples[1].running == nil && found.examples[3].beside == nil)
        #expect(found.timeNanoseconds == TestStore.now)
    }

    @Test func suppliesThatDifferCountThoughTheBucketsDoNot() throws {
        let store = try TestStore()
        let opening = Make.snapshot("1", at: -100, onHand: 1)
        func supply(_ id: String, _ units: Int64) -> InventoryEvent {
            Make.event(id, .supplyUpdated, at: -50) {
                ($0.quantity, $0.supply.id, $0.supply.quantity) = (nil, "PO-1", units)
                $0.supply.expectedAtNanoseconds = TestStore.now
            }
        }
        for event in [opening, supply("2", 10)] { #expect(try store.publish(event).outcome == .applied) }
        let id = try store.startRebuild().id
        _ = try store.replay(id, [opening, supply("2", 10)])
        #expect(try store.compared().positions == 0)
        _ = try store.replay(
            id, [Make.event("3", .supplyCancelled, at: -40) { ($0.quantity, $0.supply.id) = (nil, "PO-1") }])
        #expect(try store.compared().positions == 1)
    }

    @Test func nothingSwitchesByItselfAndNobodyUnawaresWhereMoreWouldBeSold() throws {
        let store = try TestStore()
        _ = try store.publish(Make.snapshot("1", at: -100, onHand: 10))
        // Nobody's past has it.
        let order = Make.event("2", .allocationCreated, at: -50) { ($0.quantity, $0.reference) = (7, "o") }
        _ = try store.publish(order)
        let id = try store.startRebuild(switchesWhenReady: true).id
        _ = try store.replay(id, [Make.snapshot("1", at: -100, onHand: 10)])
        let ready = try store.finish(id)
        #expect(ready.state == .ready && ready.needsAcceptance && ready.differences?.rising == 1)
        #expect(throws: EngineError.rebuildDiffers(ready)) {
            try store.rebuild(.switchTo(id: id, TestStore.decision))
        }
        #expect(try store.position("S", "WH1")?.sellable == 3)
        let switched = try store.rebuild(.switchTo(id: id, TestStore.decision, acceptsDifferences: true))
        #expect(switched.state == .switched)
        #expect(try store.position("S", "WH1")?.sellable == 10)
    }

    @Test func nothingSwitchesByItselfWhereEventsAreMissing() throws {
        let store = try TestStore()
        let id = try store.startRebuild(switchesWhenReady: true).id
        _ = try store.replay(
            id, [Make.adjustment("1", location: "NOWHERE", by: 1), Make.adjustment("2", location: "NOWHERE", by: 1)])
        let ready = try store.finish(id)
        #expect(ready.state == .ready)
        let refused = try #require(ready.allRefusals.reasons.first)
        #expect((refused.name, refused.events) == ("UNKNOWN_LOCATION", 2))
        #expect(refused.example == "a 1: UNKNOWN_LOCATION: location: no location is called NOWHERE")
        #expect(throws: EngineError.rebuildDiffers(ready)) {
            try store.rebuild(.switchTo(id: id, TestStore.decision))
        }
    }

    /// As many lots of S as there is room for. Each has a journal while figures are made anew, so none makes room.
    private func fillLots(_ store: TestStore, _ id: String, at location: String) throws {
        let lots = (0..<Limits.lotsPerPositionMax).map { number in
            Make.event("l\(number)", .receiptPosted, at: -100) { ($0.location, $0.lot) = (location, "L\(number)") }
        }
        #expect(try store.replay(id, lots).allSatisfy { $0.outcome == .applied })
    }

    @Test func whatOnlyTheRunningFiguresTakeWhileItIsReadyIsCounted() throws {
        let store = try TestStore()
        _ = try store.publish(Make.snapshot("1", at: -100, onHand: 1_000))
        let id = try store.startRebuild().id
        try fillLots(store, id, at: "WH1")
        // As many in the whole, and more in each lot.
        let ready = try store.finish(id)
        #expect(ready.allRefusals.isEmpty && ready.risingPositions == 1)
        #expect(try store.publish(count("more", "MORE", 1)).outcome == .applied)
        let rebuild = try #require(store.engine.board.state.rebuild)
        #expect(rebuild.refusals.reasons.map(\.name) == ["OUT_OF_RANGE"])
    }

    @Test func itIsComparedAgainWhileItIsReady() throws {
        let store = try TestStore()
        let id = try store.startRebuild().id
        _ = try store.finish(id)
        #expect(try store.publish(Make.snapshot("1", onHand: 3)).outcome == .applied)
        #expect(try store.rebuild(.compared(id: id, store.compared())).differences?.positions == 0)
        _ = try store.rebuild(.abandon(id: id, TestStore.decision))
        #expect(throws: EngineError.rebuildNotFound(id)) {
            try store.rebuild(.compared(id: id, RebuildDifferences()))
        }
    }

    @Test func aPartOfAnEventThatThereIsNoRoomForCounts() throws {
        let store = try TestStore()
        let id = try store.startRebuild().id
        try fillLots(store, id, at: "WH2")
        let transfer = Make.event("t", .transferShipped, at: -50) {
            ($0.lot, $0.toLocation, $0.reference) = ("MORE", "WH2", "T1")
        }
        #expect(try store.replay(id, [transfer])[0].outcome == .applied)
        let rebuild = try #require(store.engine.board.state.rebuild)
        #expect(rebuild.steps[0].refused == 0 && rebuild.refusals.reasons.map(\.name) == ["OUT_OF_RANGE"])
        #expect(rebuild.refusals.reasons[0].example.hasPrefix("a t: OUT_OF_RANGE: lot: "))
    }

    @Test func whatIsOverOfThePastIsForgottenRightAfterTheSwitch() throws {
        let store = try TestStore { $0.horizonNanoseconds = 100 * .perSecond }
        let id = try store.startRebuild().id
        let past = (0..<50).flatMap { number -> [InventoryEvent] in
            [(InventoryEventKind.allocationCreated, "c"), (.allocationReleased, "r")].map { kind, name in
                Make.event("\(name)\(number)", kind, at: -5_000) { $0.reference = "o\(number)" }
            }
        }
        _ = try store.replay(id, past)
        _ = try store.finish(id)
        _ = try store.rebuild(.switchTo(id: id, TestStore.decision, acceptsDifferences: true))
        try store.deleteRows()
        #expect(try store.ledgerState().references == 50)
        for number in 0..<30 {
            _ = try store.publish(Make.event("n\(number)", .allocationCreated) { $0.reference = "new" })
        }
        #expect(try store.ledgerState().references < 5)
    }

    // MARK: Repairs

    /// Finds 4 where there are 10; the variance is number 1.
    private func compare(_ store: TestStore) throws {
        let record = Reconciliation(
            id: "c", requestID: "r", erp: "erp", createTimeNanoseconds: TestStore.now, actor: "ops", reason: "")
        _ = try store.reconcile(.start(record))
        let page = ComparisonPage(
            reconciliationID: "c",
            figures: [ErpPosition(sku: "S", location: "WH1", onHand: 4, allocated: 0, contains: [])],
            askedWallNanoseconds: TestStore.now, askedLedgerNanoseconds: TestStore.now + 1,
            askedSequence: try store.ledgerState().sequence, cursor: "S", end: .succeeded)
        _ = try store.reconcile(.compare(page))
    }

    private func repair(_ store: TestStore) throws {
        let repair = VarianceRepair(numbers: [1], actor: "ops", reason: "", requestID: "", validateOnly: false)
        _ = try store.reconcile(.repair(repair))
        #expect(try store.position("S", "WH1")?.buckets[.onHand] == 4)
    }

    @Test(arguments: [false, true])
    func aRepairOfTheRunningFiguresIsMadeToTheOthersToo(isReady: Bool) throws {
        let store = try TestStore()
        _ = try store.publish(Make.snapshot("1", at: -100, onHand: 10))
        try compare(store)
        let id = try store.startRebuild().id
        // A mended mapping: what left since belongs to this place, and is in the ERP's figure.
        let past = [Make.snapshot("1", at: -100, onHand: 10), Make.adjustment("moved", at: -10, by: -3)]
        if isReady {
            _ = try store.replay(id, past)
            #expect(try store.finish(id).differingPositions == 1)
        }
        try repair(store)
        _ = try store.publish(Make.adjustment("2", at: 1, by: 1))
        if !isReady {
            #expect(store.engine.board.state.rebuild?.repairsWaiting == 1)
            try store.reopen()
            _ = try store.replay(id, past)
            #expect(try store.finish(id).differingPositions == 0)
        }
        #expect(try store.besidePosition("S", "WH1")?.buckets[.onHand] == 5)
        #expect(try store.compared().positions == 0)
        #expect(try store.ledger.verify().problems == [])
    }

    @Test func repairsOfARebuildThatIsGivenUpAreForgotten() throws {
        let store = try TestStore()
        _ = try store.publish(Make.snapshot("1", at: -100, onHand: 10))
        try compare(store)
        let first = try store.startRebuild().id
        try repair(store)
        #expect(try store.rebuild(.abandon(id: first, TestStore.decision)).repairsWaiting == 1)
        try store.deleteRows()
        let second = try store.startRebuild().id
        #expect(try store.finish(second).positions == 0)
    }

    // MARK: Dead letters

    private func letters(_ store: TestStore) throws -> [DeadLetter] {
        let reader = try store.ledger.makeReader()
        try reader.renew()
        var found: [DeadLetter] = []
        try reader.forEachDeadLetter(tenant: store.engine.tenantNumber) { letter in
            found.append(letter)
            return true
        }
        return found
    }

    private func discardAll(_ store: TestStore) throws {
        let letters = try letters(store).map { DeadLetterWish.Letter(id: $0.id) }
        let wish = DeadLetterWish(kind: .discard, letters: letters, actor: "ann", reason: "resent", requestID: "r")
        _ = try store.step(.dealWithDeadLetters(tenant: store.engine.tenantNumber, wish))
    }

    /// An event at a location that nobody knows, and the same message once its mapping is mended.
    private func poison(_ id: String) -> (IncomingEvent, mended: IncomingEvent) {
        let came = TestStore.incoming(Make.adjustment(id, location: "NOWHERE", at: -10, by: 5))
        return (came, IncomingEvent(event: Make.adjustment(id, at: -10, by: 5), original: came.original))
    }

    private func replay(_ store: TestStore, _ id: String, _ event: IncomingEvent) throws -> EventResult? {
        let reply = try store.step(.rebuild(tenant: store.engine.tenantNumber, .take(id: id, step: 0, [event])))
        guard case .published(let results, _) = reply else { throw TestFailure.unexpectedReply }
        return results.first
    }

    @Test func whatWasDiscardedDoesNotComeBack() throws {
        let store = try TestStore()
        let (came, mended) = poison("p")
        let resent = Make.adjustment("p2", at: -10, by: 5)
        #expect(try store.publish([came])[0].outcome == .deadLettered)
        try discardAll(store)
        _ = try store.publish(resent)
        try store.reopen()
        let id = try store.startRebuild().id
        let left = try #require(try replay(store, id, mended))
        #expect(left.outcome == .duplicate && left.reason.hasPrefix("DISCARDED"))
        #expect(try store.replay(id, [resent])[0].outcome == .applied)
        #expect(try store.besidePosition("S", "WH1")?.buckets[.onHand] == 5)
        #expect(try store.finish(id).allRefusals.isEmpty)
    }

    @Test func whatWasSentOnceMoreAsItIsAfterItsDiscardComesBack() throws {
        let store = try TestStore()
        let (came, mended) = poison("p")
        _ = try store.publish([came])
        try discardAll(store)
        #expect(try store.publish([mended])[0].outcome == .applied)
        let id = try store.startRebuild().id
        #expect(try replay(store, id, mended)?.outcome == .applied)
    }

    @Test func whatMayHaveTakenEffectComesBackThoughALetterOfItWasDiscarded() throws {
        let store = try TestStore { $0.horizonNanoseconds = 100 * .perSecond }
        let old = Make.adjustment("old", at: -500, by: 5)
        _ = try store.publish(old)
        _ = try store.publish(Make.snapshot("1", at: 0, onHand: 10))
        for number in 0..<20 { _ = try store.publish(Make.adjustment("n\(number)", by: 1)) }
        // Read again, and forgotten by then; and one that is read otherwise.
        #expect(try store.publish(old).reason.hasPrefix("TOO_OLD"))
        let other = IncomingEvent(
            event: Make.snapshot("1", location: "WH2", onHand: 10),
            original: TestStore.incoming(Make.snapshot("1", at: 0, onHand: 10)).original)
        #expect(try store.publish([other])[0].reason.hasPrefix("ID_REUSED"))
        try discardAll(store)
        let id = try store.startRebuild().id
        #expect(try store.replay(id, [old])[0].outcome == .applied)
        #expect(try replay(store, id, other)?.outcome == .applied)
    }

    @Test func whatIsDiscardedAfterARebuildTookItInIsTold() throws {
        let store = try TestStore()
        let (came, mended) = poison("p")
        _ = try store.publish(Make.snapshot("1", onHand: 10))
        _ = try store.publish([came])
        let id = try store.startRebuild().id
        #expect(try replay(store, id, mended)?.outcome == .applied)
        try discardAll(store)
        #expect(store.engine.board.state.rebuild?.refusals.reasons.map(\.name) == ["DISCARDED"])
    }

    @Test func discardsAreForgottenAfterAWhile() throws {
        let store = try TestStore()
        let (came, mended) = poison("p")
        _ = try store.publish([came])
        try discardAll(store)
        store.nowNanoseconds += 91 * 24 * 3_600 * .perSecond
        _ = try store.publish([poison("q").0])
        try discardAll(store)
        let id = try store.startRebuild().id
        #expect(try replay(store, id, mended)?.outcome == .applied)
        #expect(try replay(store, id, poison("q").mended)?.outcome == .applied, "it was older than the horizon")
    }

    @Test func whatTheRunningFiguresRefuseIsToldToBothOnceItsLetterIsTriedAgain() throws {
        let store = try TestStore { $0.horizonNanoseconds = 100 * .perSecond }
        _ = try store.publish(Make.snapshot("1", onHand: 10))
        let id = try store.startRebuild().id
        #expect(try store.publish(Make.adjustment("old", at: -9_000, by: 5)).outcome == .deadLettered)
        #expect(try store.besidePosition("S", "WH1") == nil)
        #expect(try store.finish(id).allRefusals.isEmpty)
    }

    // MARK: Lots

    @Test(arguments: [false, true])
    func anErpThatKnowsNoLotsDoesNotCountBesideThemInEitherOrder(isReadFirst: Bool) throws {
        let store = try TestStore()
        var figure = Make.snapshot("read-1", source: "erp-1", at: -1, onHand: 100)
        figure.snapshot.touched.insert(BucketSet(.allocated))
        figure.snapshot.values[.allocated] = 30
        let reading = IncomingEvent(event: figure, original: [1], contentType: .erpReading)
        let lot = TestStore.incoming(count("a", "A", 60))
        let results = try (isReadFirst ? [reading, lot] : [lot, reading]).map { try store.publish([$0])[0] }
        #expect(results[1].reason.hasPrefix("LOT_NOT_SUPPORTED: "))
        #expect(results[1].outcome == (isReadFirst ? .applied : .deadLettered))
        let position = try #require(try store.position("S", "WH1"))
        #expect((position.buckets[.onHand], position.buckets[.allocated], position.sellable) == (60, 0, 60))
        // What is late goes on from there.
        _ = try store.publish(Make.adjustment("late", at: -5, by: -7))
        _ = try store.publish(Make.adjustment("later", at: 5, by: -2))
        #expect(try store.position("S", "WH1")?.buckets[.onHand] == (isReadFirst ? 58 : 51))
        #expect(try store.publish([reading])[0].outcome == (isReadFirst ? .duplicate : .deadLettered))
        #expect(try store.ledger.verify().problems == [])
    }

    @Test func whatContainsOurHoldsContainsNoneOnceItDoesNotCount() throws {
        let store = try TestStore()
        _ = try store.publish(Make.snapshot("0", at: -10, onHand: 50))
        let hold = try store.hold("S", 4)
        var figure = Make.snapshot("read-1", source: "erp-1", at: -1, onHand: 100)
        figure.snapshot.touched.insert(BucketSet(.allocated))
        figure.snapshot.values[.allocated] = 6
        figure.contains = [ContainedHold(reservationID: hold.id, lineID: 1, quantity: 4)]
        _ = try store.publish([IncomingEvent(event: figure, original: [1], contentType: .erpReading)])
        #expect(try store.position("S", "WH1")?.contained == 4)
        _ = try store.publish(count("a", "A", 60))
        let position = try #require(try store.position("S", "WH1"))
        #expect((position.contained, position.sellable, position.buckets[.reserved]) == (0, 56, 4))
        #expect(try store.ledger.verify().problems == [])
    }

    @Test func aCountByHandAfterTheReadingStaysBesideTheLots() throws {
        let store = try TestStore()
        let reading = Make.snapshot("read-1", source: "erp-1", at: -10, onHand: 100)
        _ = try store.publish([IncomingEvent(event: reading, original: [1], contentType: .erpReading)])
        _ = try store.publish(Make.snapshot("counted", at: -5, onHand: 20))
        _ = try store.publish(count("a", "A", 60))
        #expect(try store.position("S", "WH1")?.buckets[.onHand] == 80)
    }

    @Test func aReadingThatTheRunningFiguresRefuseIsNotTakenInBeforeItsLotsAreToldAgain() throws {
        let store = try TestStore()
        _ = try store.publish(count("a", "A", 60, at: -100))
        let id = try store.startRebuild().id
        let reading = Make.snapshot("read-1", source: "erp-1", onHand: 100)
        let told = try store.publish([IncomingEvent(event: reading, original: [1], contentType: .erpReading)])
        #expect(told[0].outcome == .deadLettered)
        _ = try store.replay(id, [count("a", "A", 60, at: -100)])
        #expect(try store.finish(id).differingPositions == 0)
        #expect(try store.besidePosition("S", "WH1")?.buckets[.onHand] == 60)
    }
}
