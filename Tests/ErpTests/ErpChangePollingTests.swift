import Engine
import Inventory
import Synchronization
import Testing

@testable import Erp

@Suite struct ErpChangePollingTests {
    private let erp = ScriptedErp()
    private let published = PublishedFigures()

    private func begin(at position: ErpChangePosition? = nil, overlap: Int64 = 60) async throws -> ErpChangePolling {
        try await ErpChangePolling.begin(
            at: position, of: erp, ErpPositionReading(erp: erp, source: "erp", locations: ["WH1", "WH2"]),
            overlapNanoseconds: overlap * .perSecond, wallNanoseconds: published.now, publish: published.publish)
    }

    /// As after a restart: what was stored is all that is left, in its own words.
    private func resume(overlap: Int64 = 60) async throws -> ErpChangePolling {
        let position = ErpChangePosition(try #require(published.position?.text))
        #expect(position != nil)
        return try await begin(at: position, overlap: overlap)
    }

    private func polled(_ polling: inout ErpChangePolling) async throws -> [String] {
        try await polling.poll(publish: published.publish)
        return published.take()
    }

    @Test func withoutAPositionAllIsReadOnceAndThenOnlyWhatChanges() async throws {
        erp.move(1, at: 100, "A", 5)
        erp.move(2, at: 101, "B", 7, location: "WH2")
        var polling = try await begin()
        #expect(published.take() == ["A=5", "B=7"])
        #expect(published.position?.timeNanoseconds == 101 * .perSecond)
        #expect(try await polled(&polling) == [])
        erp.move(3, at: 102, "B", 1, location: "WH2")
        #expect(try await polled(&polling) == ["B=8"])
        #expect(try await polled(&polling) == [] && erp.state.withLock { $0.wholeReadings } == 1)
    }

    @Test func erpWithoutAnyChangeIsPolledFromItsFirst() async throws {
        var polling = try await begin()
        #expect(published.position?.text == "- 0")
        erp.move(1, at: 100, "A", 5)
        #expect(try await polled(&polling) == ["A=5"])
        var again = try await resume()
        #expect(try await polled(&again) == [])
    }

    @Test func changeIsActedUponOnceThoughTheOverlapTellsItAgain() async throws {
        var polling = try await begin()
        for record in 1...5 { erp.move(Int64(record), at: 100, "A", 1) }
        #expect(try await polled(&polling) == ["A=5"], "five moves, one reading")
        for second in [130, 159, 160, 161, 400] as [Int64] {
            erp.move(second, at: second, "B\(second)", 1)
            #expect(try await polled(&polling) == ["B\(second)=1"])
        }
    }

    @Test func changeThatIsCommittedLateIsFoundWithinTheOverlapAndNotBeyondIt() async throws {
        var polling = try await begin()
        erp.move(1, at: 200, "A", 1)
        _ = try await polled(&polling)
        erp.move(2, at: 141, "LATE", 1)
        #expect(try await polled(&polling) == ["LATE=1"])
        #expect(published.position?.timeNanoseconds == 200 * .perSecond)
        erp.move(3, at: 139, "TOO-LATE", 1)
        #expect(try await polled(&polling) == [])
    }

    @Test func recordThatIsChangedAgainIsAnotherChange() async throws {
        var polling = try await begin()
        erp.move(1, at: 100, "A", 3)
        #expect(try await polled(&polling) == ["A=3"])
        erp.move(1, at: 101, "A", -1)
        #expect(try await polled(&polling) == ["A=2"])
        var again = try await resume()
        #expect(try await polled(&again) == [], "its former time is forgotten there as well")
    }

    @Test func restartActsUponNothingTwiceAndForgetsNothing() async throws {
        var first = try await begin()
        for record in 1...20 as ClosedRange<Int64> {
            erp.move(record, at: 100 + record, "A\(record)", record)
            _ = try await polled(&first)
        }
        var second = try await resume()
        #expect(try await polled(&second) == [])
        erp.move(21, at: 125, "NEW", 1)
        var third = try await resume()
        #expect(try await polled(&third) == ["NEW=1"])
        // One that came within the overlap while nobody asked: which it was is not known, so all of it is read.
        erp.move(22, at: 66, "LATE", 1)
        var fourth = try await resume()
        let read = try await polled(&fourth)
        #expect(read.contains("LATE=1") && read.count == 22)
        #expect(try await polled(&fourth) == [])
        var fifth = try await resume()
        #expect(try await polled(&fifth) == [])
    }

    @Test func changeWhileItIsReadIsReadAgainByTheNextPoll() async throws {
        var polling = try await begin()
        erp.move(1, at: 100, "A", 5)
        let erp = erp
        erp.state.withLock { $0.duringReading = { erp.move(2, at: 101, "A", -2) } }
        #expect(try await polled(&polling) == ["A=5"])
        #expect(try await polled(&polling) == ["A=3"])
        #expect(try await polled(&polling) == [])
    }

    @Test(arguments: [true, false]) func whatFailedIsReadAgainAfterItIsBegunAnew(isErp: Bool) async throws {
        var polling = try await begin()
        erp.move(1, at: 100, "A", 5)
        if isErp {
            erp.state.withLock { $0.failure = .notSent("away") }
        } else {
            published.state.withLock { $0.failure = .notSent("full") }
        }
        await #expect(throws: ErpFailure.self) { try await polling.poll(publish: published.publish) }
        #expect(published.take() == [])
        erp.state.withLock { $0.failure = nil }
        published.state.withLock { $0.failure = nil }
        var again = try await resume()
        #expect(try await polled(&again) == ["A=5"])
    }

    @Test func pollThatCameToItsEndVouchesForTheTimeItBegan() async throws {
        erp.move(1, at: 100, "A", 5)
        var polling = try await begin()
        let read = try #require(published.heardNanoseconds)
        _ = published.take()
        let began = published.now()
        try await polling.poll(publish: published.publish)
        #expect(published.heardNanoseconds == began + 1 && began > read, "nothing has changed")
        erp.move(2, at: 101, "A", 1)
        _ = published.take()
        erp.state.withLock { $0.failure = .notSent("away") }
        await #expect(throws: ErpFailure.self) { try await polling.poll(publish: published.publish) }
        #expect(published.heardNanoseconds == nil)
    }

    @Test func manyChangesAreTakenPageByPageAndGoOnWhereTheyStopped() async throws {
        var polling = try await begin()
        for record in 1...2_500 as ClosedRange<Int64> {
            erp.move(record, at: 100 + record / 900, "A\(record % 250)", 1)
        }
        let (erp, published) = (erp, published)
        #expect(try await polled(&polling).count == 750, "250 skus in each of three pages")
        #expect(erp.takeReadings().allSatisfy { $0.count <= ErpPositionReading.skusPerPage })
        for record in 3_001...5_000 as ClosedRange<Int64> { erp.move(record, at: 200, "B\(record)", 1) }
        erp.state.withLock { $0.duringReading = { published.state.withLock { $0.failure = .notSent("full") } } }
        await #expect(throws: ErpFailure.self) { try await polling.poll(publish: published.publish) }
        published.state.withLock { $0.failure = nil }
        var again = try await resume()
        #expect(try await polled(&again).count == 2_000)
        var third = try await resume()
        #expect(try await polled(&third) == [])
    }

    @Test func onlyTheChangedPlacesAreRead() async throws {
        erp.move(1, at: 100, "A", 5)
        erp.move(2, at: 100, "A", 7, location: "WH2")
        erp.move(3, at: 100, "A", 9, location: "WH3")
        var polling = try await begin()
        #expect(published.take().sorted() == ["A=5", "A=7"])
        erp.move(4, at: 101, "A", 1, location: "WH2")
        erp.move(5, at: 101, "A", 1, location: "WH3")
        #expect(try await polled(&polling) == ["A=8"])
    }

    @Test func erpWhoseClockIsFarFromOursIsNoTrouble() async throws {
        for second in [1, 9_000_000_000] as [Int64] {
            let erp = ScriptedErp()
            var polling = try await ErpChangePolling.begin(
                at: nil, of: erp, ErpPositionReading(erp: erp, source: "erp", locations: ["WH1"]),
                overlapNanoseconds: 60 * .perSecond, wallNanoseconds: published.now, publish: published.publish)
            erp.move(1, at: second, "A", 5)
            #expect(try await polled(&polling) == ["A=5"])
            let event = published.state.withLock { $0.nowNanoseconds }
            #expect(event < 1_800_000_001 * .perSecond, "a figure's time is ours")
        }
    }

    @Test func positionIsReadAsItWasWritten() {
        for position in [
            ErpChangePosition(timeNanoseconds: 0, digest: 0),
            ErpChangePosition(timeNanoseconds: 1_763_692_800_123_456_000, digest: .max),
        ] {
            #expect(ErpChangePosition(position.text) == position)
        }
        for text in ["", "2026-11-21T03:00:00Z", "yesterday 1", "- x", "- 1 2"] {
            #expect(ErpChangePosition(text) == nil, "\(text)")
        }
    }
}

@Suite struct ErpReadTurnsTests {
    private func turns(_ change: (inout ErpCallPolicy) -> Void) -> ErpTurns {
        var policy = ErpCallPolicy()
        change(&policy)
        return ErpTurns(name: "e", capabilities: EmbeddedErp.capabilities, policy: policy)
    }

    @Test func readsShareThePlacesAndTheRateOfCalls() {
        var turns = turns {
            $0.callsInFlightMax = 1
            $0.callsPerSecond = 10
        }
        var isWaiting = false
        #expect(turns.beginRead(&isWaiting, nowNanoseconds: 0) == .begun && turns.callsInFlight == 1)
        guard case .later = turns.beginRead(&isWaiting, nowNanoseconds: .perSecond) else {
            Issue.record("one at a time")
            return
        }
        #expect(isWaiting && turns.readsWaiting == 1)
        turns.endRead()
        #expect(turns.beginRead(&isWaiting, nowNanoseconds: .perSecond) == .begun && turns.readsWaiting == 0)
        turns.endRead()
        let tenth: Int64 = .perSecond / 10
        #expect(turns.beginRead(&isWaiting, nowNanoseconds: .perSecond) == .later(nanoseconds: tenth))
        turns.leave(&isWaiting)
        #expect(turns.readsWaiting == 0)
    }

    @Test func openBreakerRefusesReadsAndTheyDoNotTouchIt() {
        var turns = turns { $0.failuresMax = 1 }
        var outbox = ErpOutboxState()
        _ = turns.end([], .failure(.notSent("away")), outbox, nowNanoseconds: 0, jitter: 0)
        var isWaiting = false
        let refused = turns.beginRead(&isWaiting, nowNanoseconds: 0)
        #expect(refused == .refused("BREAKER_OPEN: not sent: away") && !isWaiting)
        let later = turns.policy.probeMinNanoseconds
        guard case .probe? = turns.begin(&outbox, nowNanoseconds: later) else {
            Issue.record("it is tried")
            return
        }
        _ = turns.end([], .success([]), outbox, nowNanoseconds: later, jitter: 0)
        #expect(turns.beginRead(&isWaiting, nowNanoseconds: later) == .begun)
    }
}
