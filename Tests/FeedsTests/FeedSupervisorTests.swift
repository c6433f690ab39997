import Engine
import Inventory
import Logging
import Synchronization
import Testing

@testable import Feeds

@Suite(.timeLimit(.minutes(5))) struct FeedSupervisorTests {
    private let clock = FakeClock()
    private let server = RecordingServer()

    private func supervisor(_ feeds: [any Feed], pauses: [String: FeedPause] = [:]) -> FeedSupervisor {
        FeedSupervisor(feeds, pauses: pauses, clock: clock.feedClock, logger: silent) { server.port($0) }
    }

    private func running(_ supervisor: FeedSupervisor, _ body: () async throws -> Void) async rethrows {
        let task = Task { await supervisor.run() }
        defer { task.cancel() }
        try await body()
        task.cancel()
        await task.value
    }

    private func pause(_ id: String) -> FeedPause {
        FeedPause(feed: id, reason: "stocktaking", actor: "me", timeNanoseconds: 1)
    }

    private func event(_ id: String) -> IncomingEvent {
        IncomingEvent(
            event: InventoryEvent(
                id: id, source: "wms", kind: .sourceHeartbeat, occurredAtNanoseconds: 1, bodyDigest: 0), original: [])
    }

    @Test func pausesBetweenAttemptsDoubleFromOneSecondToSixtyAndBeginAnewAfterAMinuteOfSuccess() {
        var backoff = FeedBackoff()
        func delay(_ ran: Int64 = 0, chance: Double = 1) -> Double {
            Double(backoff.delayNanoseconds(afterRunning: ran * .perSecond, chance: chance)) / 1e9
        }
        #expect((0..<8).map { _ in delay() } == [1, 2, 4, 8, 16, 32, 60, 60])
        #expect(delay(59) == 60 && delay(chance: 0) == 30 && delay(60) == 1 && delay() == 2)
        backoff = FeedBackoff()
        #expect(delay(chance: 0) == 0.5)
    }

    @Test func failedFeedBeginsAnewAndItsNeighbourNeverNotices() async {
        let bad = ScriptedFeed("bad") { (run, port) async throws(FeedFailure) in
            if run <= 2 { throw FeedFailure("the broker is away") }
            await untilCancelled(port)
        }
        let good = ScriptedFeed("good")
        let supervisor = supervisor([bad, good])
        await running(supervisor) {
            await eventually { clock.slept.count == 1 }
            #expect(supervisor.condition(of: "bad")?.state == .waiting)
            #expect(supervisor.condition(of: "bad")?.lastError == "the broker is away")
            clock.advance(.perSecond - 1)
            #expect(bad.runs == 1)
            clock.advance(1)
            await eventually { clock.slept.count == 2 }
            clock.advance(2 * .perSecond)
            await eventually { bad.runs == 3 && supervisor.condition(of: "bad")?.state == .running }
            #expect(supervisor.condition(of: "bad")?.restarts == 2 && supervisor.condition(of: "bad")?.errors == 2)
            #expect(good.runs == 1 && supervisor.condition(of: "good")?.state == .running)
        }
    }

    @Test func feedThatEndsByItselfIsBegunAnew() async {
        let feed = ScriptedFeed("short") { _, _ in }
        let supervisor = supervisor([feed])
        await running(supervisor) {
            await eventually { clock.slept.count == 1 }
            #expect(supervisor.condition(of: "short")?.lastError == "it ended by itself")
        }
    }

    @Test func pausedFeedIsEndedTakesNothingAndGoesOnWhenResumed() async throws {
        let kept = Mutex<FeedPort?>(nil)
        let feed = ScriptedFeed("f") { run, port in
            kept.withLock { $0 = port }
            await untilCancelled(port)
        }
        // The port knows the feed.
        defer { kept.withLock { $0 = nil } }
        let supervisor = supervisor([feed])
        await running(supervisor) {
            await eventually { kept.withLock { $0 != nil } }
            supervisor.pause("f", pause("f"))
            await eventually { supervisor.condition(of: "f")?.state == .paused }
            #expect(supervisor.condition(of: "f")?.pauseReason == "stocktaking")
            await #expect(throws: FeedFailure("is paused")) {
                guard let port = kept.withLock({ $0 }) else { return }
                _ = try await port.publish([self.event("1")], nil)
            }
            #expect(server.events.isEmpty)
            supervisor.resume("f")
            await eventually { feed.runs == 2 }
            #expect(supervisor.condition(of: "f")?.state == .running)
        }
    }

    @Test func feedPausedBeforeTheStartDoesNotRunUntilResumed() async {
        let feed = ScriptedFeed("f")
        let supervisor = supervisor([feed], pauses: ["f": pause("f")])
        await running(supervisor) {
            clock.advance(10 * .perSecond)
            await Task.yield()
            #expect(feed.runs == 0 && supervisor.condition(of: "f")?.lagNanoseconds == 10 * .perSecond)
            supervisor.resume("f")
            await eventually { feed.runs == 1 }
        }
    }

    @Test func resumeDuringTheBackoffOfAPausedFeedDoesNotWaitForIt() async {
        let feed = ScriptedFeed("f") { (run, port) async throws(FeedFailure) in
            if run == 1 { throw FeedFailure("no") }
            await untilCancelled(port)
        }
        let supervisor = supervisor([feed])
        await running(supervisor) {
            await eventually { clock.slept.count == 1 }
            supervisor.pause("f", pause("f"))
            supervisor.resume("f")
            await eventually { feed.runs == 2 }
        }
    }

    @Test func lagIsWhatWaitsAndAtLeastTheTimeThatTheFeedDoesNotWork() async {
        let kept = Mutex<FeedPort?>(nil)
        let feed = ScriptedFeed("f") { _, port in
            kept.withLock { $0 = port }
            await untilCancelled(port)
        }
        // The port knows the feed.
        defer { kept.withLock { $0 = nil } }
        let supervisor = supervisor([feed])
        await running(supervisor) {
            await eventually { kept.withLock { $0 != nil } }
            guard let port = kept.withLock({ $0 }) else { return }
            let now = clock.feedClock.now()
            #expect(supervisor.condition(of: "f")?.lagNanoseconds == nil)
            port.report(FeedBacklog(waiting: 3, oldestNanoseconds: now - 5 * .perSecond))
            #expect(supervisor.condition(of: "f")?.lagNanoseconds == 5 * .perSecond)
            port.report(FeedBacklog(waiting: 3))
            #expect(supervisor.condition(of: "f")?.lagNanoseconds == nil)
            _ = try? await port.publish(
                [event("1")], FeedPosition(feed: "f", text: "7", timeNanoseconds: now - 2 * .perSecond))
            #expect(supervisor.condition(of: "f")?.lagNanoseconds == 2 * .perSecond)
            #expect(supervisor.condition(of: "f")?.position?.text == "7")
            port.report(FeedBacklog(waiting: 0))
            #expect(supervisor.condition(of: "f")?.lagNanoseconds == 0)
            supervisor.pause("f", pause("f"))
            clock.advance(9 * .perSecond)
            #expect(supervisor.condition(of: "f")?.lagNanoseconds == 9 * .perSecond)
            supervisor.resume("f")
            await eventually { feed.runs == 2 }
            #expect(supervisor.condition(of: "f")?.lagNanoseconds == 9 * .perSecond)
            port.report(FeedBacklog(waiting: 0))
            #expect(supervisor.condition(of: "f")?.lagNanoseconds == 0)
        }
    }

    @Test func batchThatIsNotTakenAndEndsTheRunIsOneError() async {
        server.state.withLock { $0.before = { (_) throws(FeedFailure) in throw FeedFailure("the store is full") } }
        let feed = ScriptedFeed("f") { (_, port) async throws(FeedFailure) in
            _ = try await port.publish([self.event("1")], nil)
        }
        let supervisor = supervisor([feed])
        await running(supervisor) {
            await eventually { clock.slept.count == 1 }
            #expect(supervisor.condition(of: "f")?.errors == 1)
        }
    }

    @Test func replayCountsWhatBecameOfItStoresNoPositionAndRunsOnceAtATime() async throws {
        let feed = ScriptedReplay { (start, port) async throws(FeedFailure) in
            #expect(start == .position("a"))
            port.report(FeedBacklog(waiting: 1))
            let position = FeedPosition(feed: "replayed", text: "b")
            _ = try await port.publish([self.event("1"), self.event("2")], position)
            _ = try await port.publish([self.event("1")], position)
            await untilCancelled(port)
        }
        let news = Mutex<[FeedReplayNews]>([])
        let supervisor = supervisor([feed, ScriptedFeed("pushed")])
        try await running(supervisor) {
            #expect(throws: FeedReplayRefusal.feedNotFound) {
                try supervisor.replay("none", from: .time(0)) { _ in }
            }
            #expect(throws: FeedReplayRefusal.notReplayable) {
                try supervisor.replay("pushed", from: .time(0)) { _ in }
            }
            let replay = try supervisor.replay("replayed", from: .position("a")) { one in
                news.withLock { $0.append(one) }
            }
            await eventually { news.withLock { $0.count } == 2 }
            #expect(throws: FeedReplayRefusal.running) {
                try supervisor.replay("replayed", from: .time(0)) { _ in }
            }
            replay.cancel()
            await eventually { news.withLock { $0.count } == 3 }
            var progress = FeedReplayProgress()
            progress.events = 3
            progress.outcomes = [.applied: 2, .duplicate: 1]
            progress.position = "b"
            progress.waiting = 1
            #expect(news.withLock { $0.last } == .ended(progress, FeedFailure("was ended early")))
            #expect(server.state.withLock { $0.positions } == [])
            _ = try supervisor.replay("replayed", from: .position("a")) { _ in }
        }
    }
}
