import Testing

@testable import Inventory

private struct MemoryPending: PendingSequences {
    var kept: [UInt64: (WallNanoseconds, WallNanoseconds)] = [:]

    mutating func insert(
        _ sequence: UInt64, occurredAtNanoseconds: WallNanoseconds, receivedAtNanoseconds: WallNanoseconds
    ) -> Bool {
        if kept[sequence] != nil { return false }
        kept[sequence] = (occurredAtNanoseconds, receivedAtNanoseconds)
        return true
    }

    mutating func remove(_ sequence: UInt64) -> (
        occurredAtNanoseconds: WallNanoseconds, receivedAtNanoseconds: WallNanoseconds
    )? {
        kept.removeValue(forKey: sequence).map { (occurredAtNanoseconds: $0.0, receivedAtNanoseconds: $0.1) }
    }

    mutating func removeAll() { kept = [:] }
}

private struct Feed {
    var progress = SourceProgress()
    var pending = MemoryPending()

    mutating func observe(
        _ sequence: UInt64?, at occurredAt: WallNanoseconds?, now: WallNanoseconds = 1_000, isHeartbeat: Bool = false,
        isReading: Bool = false
    ) {
        progress.observe(
            sequence: sequence, occurredAtNanoseconds: occurredAt, receivedAtNanoseconds: now, isHeartbeat: isHeartbeat,
            isReading: isReading, pending: &pending)
    }
}

@Suite struct SourceProgressTests {
    @Test func aSourceThatDoesNotCountVouchesWithItsNewestEvent() {
        var feed = Feed()
        feed.observe(nil, at: 50)
        feed.observe(nil, at: 40)
        #expect(feed.progress.watermarkNanoseconds == 50)
        #expect(feed.progress.nextSequence == nil)
    }

    @Test func aFigureThatWasReadVouchesForNoOther() {
        var erp = Feed()
        erp.observe(nil, at: 50, isReading: true)
        #expect(erp.progress.watermarkNanoseconds == 0)
        #expect(erp.progress.newestOccurredAtNanoseconds == 50)
        erp.observe(nil, at: 40, isHeartbeat: true)
        #expect(erp.progress.watermarkNanoseconds == 40)
    }

    @Test func nobodyVouchesForTheFuture() {
        var feed = Feed()
        feed.observe(nil, at: 1_300, now: 1_000)
        #expect(feed.progress.watermarkNanoseconds == 1_000)
        #expect(feed.progress.newestOccurredAtNanoseconds == 1_300)
    }

    @Test func aGapHoldsBackTheWatermarkUntilItCloses() {
        var feed = Feed()
        feed.observe(10, at: 100)
        feed.observe(11, at: 110)
        feed.observe(13, at: 130, now: 500)
        feed.observe(14, at: 140, now: 600)
        #expect(feed.progress.watermarkNanoseconds == 110)
        #expect(feed.progress.pendingCount == 2)
        #expect(feed.progress.gapSinceNanoseconds == 500)
        #expect(feed.progress.newestOccurredAtNanoseconds == 140)
        feed.observe(12, at: 120, now: 700)
        #expect(feed.progress.watermarkNanoseconds == 140)
        #expect(feed.progress.nextSequence == 15)
        #expect(feed.progress.pendingCount == 0)
        #expect(feed.progress.gapSinceNanoseconds == nil)
        #expect(feed.progress.lateFillers == 1)
        #expect(feed.pending.kept.isEmpty)
    }

    @Test func aKeptSequenceVouchesForTheTimeOfItsReceipt() {
        var feed = Feed()
        feed.observe(1, at: 100)
        feed.observe(3, at: 900, now: 700)
        feed.observe(2, at: 200, now: 800)
        #expect(feed.progress.watermarkNanoseconds == 700)
    }

    @Test func aFurtherGapIsWaitedForAnew() {
        var feed = Feed()
        feed.observe(1, at: 100)
        feed.observe(3, at: 130, now: 500)
        feed.observe(5, at: 150, now: 600)
        feed.observe(2, at: 120, now: 900)
        #expect(feed.progress.nextSequence == 4)
        #expect(feed.progress.watermarkNanoseconds == 130)
        #expect(feed.progress.gapSinceNanoseconds == 900)
    }

    @Test func whatCameBeforeTheFirstIsALateFiller() {
        var feed = Feed()
        feed.observe(10, at: 100)
        feed.observe(4, at: 900)
        #expect(feed.progress.watermarkNanoseconds == 100)
        #expect(feed.progress.nextSequence == 11)
        #expect(feed.progress.lateFillers == 1)
        #expect(feed.progress.gapSinceNanoseconds == nil)
    }

    @Test func aDeadLetterIsAccountedForButVouchesForNothing() {
        var feed = Feed()
        feed.observe(1, at: 100)
        feed.observe(2, at: nil)
        #expect(feed.progress.watermarkNanoseconds == 100)
        #expect(feed.progress.nextSequence == 3)
        feed.observe(4, at: nil)
        feed.observe(3, at: 130)
        #expect(feed.progress.watermarkNanoseconds == 130)
        #expect(feed.progress.nextSequence == 5)
        feed.observe(.max, at: nil)
        #expect(feed.progress.pendingCount == 0)
    }

    @Test func aCountingSourceVouchesWithoutASequenceOnlyByAHeartbeatAndWithoutAGap() {
        var feed = Feed()
        feed.observe(1, at: 100)
        feed.observe(nil, at: 200)
        #expect(feed.progress.watermarkNanoseconds == 100)
        feed.observe(nil, at: 210, isHeartbeat: true)
        #expect(feed.progress.watermarkNanoseconds == 210)
        feed.observe(3, at: 300)
        feed.observe(nil, at: 310, isHeartbeat: true)
        #expect(feed.progress.watermarkNanoseconds == 210)
    }

    @Test func tooManyPendingStayAGapUntilReconciled() {
        var feed = Feed()
        feed.observe(1, at: 100)
        for sequence in 3...(Limits.pendingSequencesMax + 3) { feed.observe(sequence, at: 200, now: 500) }
        #expect(feed.progress.pendingCount == Limits.pendingSequencesMax)
        #expect(feed.progress.pendingOverflowed)
        feed.observe(2, at: 150, now: 600)
        #expect(feed.progress.pendingCount == 0)
        #expect(feed.progress.status(nowNanoseconds: 600) == .gap)
        feed.progress.reconciled(known: [], nowNanoseconds: 600, pending: &feed.pending)
        #expect(feed.progress.status(nowNanoseconds: 600) == .live)
        feed.observe(90_000, at: 700)
        #expect(feed.progress.nextSequence == 90_001)
        #expect(feed.progress.watermarkNanoseconds == 700)
    }

    @Test func aWholeReadingEndsTheGapsItKnewOfAndNoYoungerOne() {
        var feed = Feed()
        feed.observe(1, at: 100)
        for sequence: UInt64 in [3, 4, 6] { feed.observe(sequence, at: 200, now: 500) }
        feed.observe(8, at: 700, now: 900)
        feed.progress.reconciled(known: [3, 4, 6], nowNanoseconds: 1_000, pending: &feed.pending)
        #expect(feed.progress.nextSequence == 7)
        #expect(feed.progress.watermarkNanoseconds == 200)
        #expect(feed.progress.pendingCount == 1)
        #expect(feed.progress.gapSinceNanoseconds == 1_000)
        feed.observe(7, at: 650, now: 1_100)
        #expect(feed.progress.nextSequence == 9)
        #expect(feed.progress.gapSinceNanoseconds == nil)
        #expect(feed.progress.watermarkNanoseconds == 700)
    }

    @Test func theStatusIsToldAtTheTimeOfReading() {
        var feed = Feed()
        #expect(feed.progress.status(nowNanoseconds: 5_000) == .neverSeen)
        feed.observe(1, at: 1_000)
        #expect(feed.progress.status(nowNanoseconds: 5_000) == .live)
        #expect(feed.progress.status(nowNanoseconds: 5_000, staleAfterNanoseconds: 4_000) == .live)
        #expect(feed.progress.status(nowNanoseconds: 5_001, staleAfterNanoseconds: 4_000) == .stale)
        feed.observe(3, at: 1_000, now: 6_000)
        #expect(feed.progress.status(nowNanoseconds: 6_100, gapWaitNanoseconds: 100) == .live)
        #expect(feed.progress.status(nowNanoseconds: 6_101, gapWaitNanoseconds: 100) == .gap)
    }

    @Test func anyOrderOfAnUnbrokenCountVouchesForTheSame() {
        let seed = makeTestSeed()
        var random = SplitMix64(seed: seed)
        for _ in 0..<1_000 {
            let count = UInt64.random(in: 1...30, using: &random)
            var feed = Feed()
            feed.observe(0, at: 1)
            for sequence in (1...count).shuffled(using: &random) { feed.observe(sequence, at: Int64(sequence) * 7) }
            #expect(feed.progress.watermarkNanoseconds == Int64(count) * 7, "seed \(seed)")
            #expect(feed.progress.nextSequence == count + 1, "seed \(seed)")
            #expect(feed.progress.pendingCount == 0 && feed.pending.kept.isEmpty, "seed \(seed)")
        }
    }
}
