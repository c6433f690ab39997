import Inventory
import Ledger
import Testing

@testable import Engine

/// A store with 10 of S at WH1 by source `a`, which has told everything up to now, and a comparison of the ERP `erp`.
private struct Comparing {
    let store: TestStore
    let record: Reconciliation

    init(_ id: String = "c-1", _ change: (inout EngineSettings) -> Void = { _ in }) throws {
        store = try TestStore(change)
        _ = try store.publish(Make.snapshot("1", at: -10, onHand: 10))
        _ = try store.publish(Make.heartbeat("h", at: 0))
        record = Reconciliation(
            id: id, requestID: "r-\(id)", erp: "erp", createTimeNanoseconds: TestStore.now, actor: "ops", reason: "")
        _ = try store.reconcile(.start(record))
    }

    /// Compares one figure; answers with the record.
    @discardableResult
    func compare(
        onHand: Int64, allocated: Int64 = 0, contains: [ContainedHold] = [], id: String? = nil,
        askedSequence: UInt64? = nil, asked: WallNanoseconds = TestStore.now, end: ReconciliationState? = nil
    ) throws -> Reconciliation {
        let page = ComparisonPage(
            reconciliationID: id ?? record.id,
            figures: [
                ErpPosition(sku: "S", location: "WH1", onHand: onHand, allocated: allocated, contains: contains)
            ],
            askedWallNanoseconds: asked, askedLedgerNanoseconds: asked + 1,
            askedSequence: try askedSequence ?? store.ledgerState().sequence, cursor: "S", end: end)
        guard case .reconciliation(let kept) = try store.reconcile(.compare(page)) else {
            throw TestFailure.unexpectedReply
        }
        return kept
    }

    func repair(_ numbers: UInt64..., validateOnly: Bool = false) throws -> [VarianceOutcome] {
        let repair = VarianceRepair(
            numbers: numbers, actor: "ops", reason: "counted", requestID: "q", validateOnly: validateOnly)
        guard case .repaired(let outcomes) = try store.reconcile(.repair(repair)) else {
            throw TestFailure.unexpectedReply
        }
        return outcomes
    }

    /// Oldest first.
    var variances: [Variance] {
        get throws {
            let reader = try store.ledger.makeReader()
            try reader.renew()
            var all: [Variance] = []
            try reader.forEachVarianceBackwards(tenant: store.engine.tenantNumber) { _, variance in
                all.insert(variance, at: 0)
                return true
            }
            return all
        }
    }
}

extension TestStore {
    func reconcile(_ command: ReconciliationCommand) throws -> ReconciliationReply {
        switch try step(.reconcile(tenant: engine.tenantNumber, command)) {
        case .reconciliation(let reply, _): return reply
        case .failed(let error): throw error
        default: throw TestFailure.unexpectedReply
        }
    }
}

@Suite struct ReconciliationTests {
    @Test func equalFiguresLeaveNoVariance() throws {
        let comparing = try Comparing()
        let kept = try comparing.compare(onHand: 10, end: .succeeded)
        #expect((kept.compared, kept.variances, kept.state) == (1, 0, .succeeded))
        #expect(try comparing.variances == [])
    }

    @Test func whatNeitherAHoldNorALateEventExplainsIsDrift() throws {
        let comparing = try Comparing()
        try comparing.compare(onHand: 7)
        let variance = try #require(try comparing.variances.first)
        #expect((variance.cause, variance.bucket, variance.ours, variance.theirs) == (.drift, "on_hand", 10, 7))
        // The next comparison finds the same one, not another.
        try comparing.compare(onHand: 7)
        #expect(try comparing.variances.count == 1)
    }

    @Test func figuresOfASourceThatMayLagAreDriftOnlyWhenTheyAreFoundAgain() throws {
        let comparing = try Comparing()
        let late = TestStore.now + 2 * Limits.reconciliationLagNanoseconds
        try comparing.compare(onHand: 7, asked: late)
        #expect(try comparing.variances.map(\.cause) == [.lag])
        try comparing.compare(onHand: 7, asked: late)
        #expect(try comparing.variances.map(\.cause) == [.drift])
    }

    @Test func anEventSinceTheFiguresWereAskedForIsLag() throws {
        let comparing = try Comparing()
        let asked = try comparing.store.ledgerState().sequence
        _ = try comparing.store.publish(Make.adjustment("2", by: 2))
        try comparing.compare(onHand: 10, askedSequence: asked)
        #expect(try comparing.variances.map(\.cause) == [.lag])
    }

    @Test func aHoldThatTheErpIsStillToHearOfIsInFlight() throws {
        let store = try TestStore(
            erps: ErpDirectory(
                terms: [ErpTerms(name: "erp", takesCommits: false, allowsPartialRelease: true)], locations: [:],
                defaultName: "erp"))
        _ = try store.publish(Make.snapshot("1", at: -10, onHand: 10))
        _ = try store.hold("S", 4)
        let record = Reconciliation(
            id: "c-1", requestID: "r", erp: "erp", createTimeNanoseconds: TestStore.now, actor: "", reason: "")
        _ = try store.reconcile(.start(record))
        _ = try store.reconcile(
            .compare(
                ComparisonPage(
                    reconciliationID: "c-1",
                    figures: [ErpPosition(sku: "S", location: "WH1", onHand: 10, allocated: 4, contains: [])],
                    askedWallNanoseconds: TestStore.now, askedLedgerNanoseconds: TestStore.now + 1,
                    askedSequence: try store.ledgerState().sequence)))
        let reader = try store.ledger.makeReader()
        try reader.renew()
        let variance = try #require(try reader.variance(tenant: store.engine.tenantNumber, number: 1))
        #expect((variance.cause, variance.bucket, variance.theirs) == (.holdInFlight, "allocated", 4))
    }

    @Test func holdsOfOursInTheFiguresAreNoDifference() throws {
        let comparing = try Comparing()
        let hold = try comparing.store.hold("S", 4)
        let contains = [ContainedHold(reservationID: hold.id, lineID: 0, quantity: 4)]
        let kept = try comparing.compare(onHand: 10, allocated: 4, contains: contains)
        #expect(kept.variances == 0)
    }

    /// There may be more that ran out than one commit ends.
    @Test func aHoldThatRanOutIsNoneThoughItHasYetToBeEnded() throws {
        let comparing = try Comparing { $0.expiriesPerCommitMax = 1 }
        let holds = try (3...4).map { try comparing.store.hold("S", $0) }
        comparing.store.nowNanoseconds += 3_600 * .perSecond
        let contains = [ContainedHold(reservationID: holds[1].id, lineID: 0, quantity: 4)]
        let kept = try comparing.compare(onHand: 10, allocated: 4, contains: contains)
        #expect(kept.variances == 1)
        #expect(try comparing.variances.map { [$0.ours, $0.theirs] } == [[0, 4]])
    }

    @Test func whatAgreesAgainIsResolved() throws {
        let comparing = try Comparing()
        try comparing.compare(onHand: 7)
        _ = try comparing.store.publish(Make.adjustment("2", by: -3))
        try comparing.compare(onHand: 7)
        #expect(try comparing.variances.map(\.state) == [.resolved])
        try comparing.compare(onHand: 6)
        #expect(try comparing.variances.map(\.state) == [.resolved, .open])
    }

    @Test func anAppliedRepairMovesTheBucketAndIsAudited() throws {
        let comparing = try Comparing()
        try comparing.compare(onHand: 7)
        #expect(try comparing.repair(1, validateOnly: true) == [VarianceOutcome(number: 1, state: .applied)])
        #expect(try comparing.store.position("S", "WH1")?.buckets[.onHand] == 10)
        #expect(try comparing.repair(1) == [VarianceOutcome(number: 1, state: .applied)])
        #expect(try comparing.store.position("S", "WH1")?.buckets[.onHand] == 7)
        #expect(
            try comparing.repair(1, 9) == [
                VarianceOutcome(number: 1, state: .applied, reason: "VARIANCE_CLOSED"),
                VarianceOutcome(number: 9, state: nil, reason: "VARIANCE_NOT_FOUND"),
            ])
        var actions: [AuditAction] = []
        let reader = try comparing.store.ledger.makeReader()
        try reader.renew()
        try reader.forEachAuditEntry(AuditEntry.self, tenant: comparing.store.engine.tenantNumber) { _, entry in
            actions.append(entry.action)
            return true
        }
        #expect(actions.suffix(2) == [.startReconciliation, .applyVariances])
        // What comes late is put in its place, and the next figure of the source has the last word.
        _ = try comparing.store.publish(Make.adjustment("late", at: -5, by: 1))
        #expect(try comparing.store.position("S", "WH1")?.buckets[.onHand] == 8)
        _ = try comparing.store.publish(Make.snapshot("new", at: 5, onHand: 20))
        #expect(try comparing.store.position("S", "WH1")?.buckets[.onHand] == 20)
        #expect(try comparing.store.ledger.verify().problems == [])
    }

    @Test func aFigureThatHasChangedSinceIsLeftAlone() throws {
        let comparing = try Comparing()
        try comparing.compare(onHand: 7)
        _ = try comparing.store.publish(Make.adjustment("2", by: 1))
        #expect(try comparing.repair(1) == [VarianceOutcome(number: 1, state: .open, reason: "FIGURE_CHANGED")])
        #expect(try comparing.store.position("S", "WH1")?.buckets[.onHand] == 11)
    }

    @Test func bothFiguresOfAPositionAreRepairedThoughHoldsComeAndGo() throws {
        let comparing = try Comparing()
        try comparing.compare(onHand: 7, allocated: 2)
        #expect(try comparing.variances.map(\.bucket) == ["on_hand", "allocated"])
        _ = try comparing.store.hold("S", 1)
        let outcomes = try comparing.repair(1, 2)
        #expect(outcomes.map(\.reason) == ["", ""])
        let buckets = try #require(try comparing.store.position("S", "WH1")).buckets
        #expect((buckets[.onHand], buckets[.allocated], buckets[.reserved]) == (7, 2, 1))
        #expect(try comparing.store.ledger.verify().problems == [])
    }

    @Test func oneComparisonOfAnErpRunsAtATimeAndARepeatedRequestIsTheSameOne() throws {
        let comparing = try Comparing()
        var other = comparing.record
        other.id = "c-2"
        guard case .reconciliation(let same) = try comparing.store.reconcile(.start(other)) else {
            throw TestFailure.unexpectedReply
        }
        #expect(same.id == "c-1")
        other.requestID = "another"
        #expect(throws: EngineError.reconciliationRunning(erp: "erp")) {
            try comparing.store.reconcile(.start(other))
        }
        try comparing.compare(onHand: 10, end: .failed)
        _ = try comparing.store.reconcile(.start(other))
        #expect(throws: EngineError.reconciliationNotFound("c-1")) { try comparing.compare(onHand: 10) }
    }

    @Test func goodsWithoutAHoldLeaveAVariance() throws {
        let comparing = try Comparing()
        let hold = try comparing.store.hold("S", 2)
        let event = Make.event("s1", .shipmentConfirmed) {
            $0.quantity = 5
            $0.hold.reservationID = hold.id
        }
        _ = try comparing.store.publish(event)
        let variance = try #require(try comparing.variances.first)
        #expect((variance.cause, variance.ours, variance.theirs) == (.shippedWithoutHold, 2, 5))
        #expect((variance.reservationID, variance.eventID, variance.state) == (hold.id, "s1", .open))
        #expect(try comparing.repair(1) == [VarianceOutcome(number: 1, state: .applied)])
    }
}
