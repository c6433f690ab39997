internal import Engine
internal import Inventory
internal import Logging
internal import Synchronization

/// One feed at work: begins it anew when it failed, leaves it alone while it is paused, and knows how it does. Any thread.
final class FeedRunner: Sendable {
    fileprivate struct State {
        var pause: FeedPause?
        /// Runs the feed and begins it anew; nil while it is paused or the server stops.
        var attempts: Task<Void, Never>?
        var isRunning = false
        var position: FeedPosition?
        var backlog: FeedBacklog?
        /// Since when nothing says that it works (monotonic clock); nil: it does.
        var idleSinceNanoseconds: Int64?
        /// Of the batch that was not taken, since the attempt began.
        var batchError: String?
        var lastError = ""
        var lastErrorNanoseconds: WallNanoseconds?
        var restarts: UInt64 = 0
        var errors: UInt64 = 0
    }

    let feed: any Feed
    let replays: FeedReplays
    private let server: FeedPort
    private let clock: FeedClock
    private let logger: Logger
    private let state: Mutex<State>
    private let resumed: AsyncStream<Void>
    private let resumer: AsyncStream<Void>.Continuation

    /// - Parameter server: the feed's way to the writer.
    init(_ feed: any Feed, pause: FeedPause?, server: FeedPort, clock: FeedClock, logger: Logger) {
        self.feed = feed
        self.server = server
        self.clock = clock
        self.logger = logger
        replays = FeedReplays(feed: feed, server: server)
        // Only shown: a feed that needs its position asks for it, and fails if there is none to be had.
        let position = (try? server.lastPosition()).flatMap { $0 }
        state = Mutex(
            State(pause: pause, position: position, idleSinceNanoseconds: pause == nil ? nil : clock.monotonicNow()))
        (resumed, resumer) = AsyncStream.makeStream(bufferingPolicy: .bufferingNewest(1))
    }

    /// Runs the feed until the task is cancelled.
    func run() async {
        var signals = resumed.makeAsyncIterator()
        while !Task.isCancelled {
            let attempts = state.withLock { state in
                if state.pause == nil { state.attempts = Task { await self.runUntilCancelled() } }
                return state.attempts
            }
            guard let attempts else {
                _ = await signals.next()
                continue
            }
            await withTaskCancellationHandler {
                await attempts.value
            } onCancel: {
                attempts.cancel()
            }
            state.withLock { $0.attempts = nil }
        }
        await replays.end()
    }

    func pause(_ pause: FeedPause) {
        let now = clock.monotonicNow()
        let attempts = state.withLock { state in
            state.pause = pause
            state.idleSinceNanoseconds = state.idleSinceNanoseconds ?? now
            return state.attempts
        }
        attempts?.cancel()
    }

    func resume() {
        state.withLock { $0.pause = nil }
        resumer.yield()
    }

    var condition: FeedCondition {
        let (now, monotonicNow) = (clock.now(), clock.monotonicNow())
        return state.withLock { state in
            FeedCondition(
                id: feed.id, kind: feed.kind, sources: feed.sources,
                state: state.pause != nil ? .paused : state.isRunning ? .running : .waiting, position: state.position,
                waiting: state.backlog?.waiting ?? 0,
                lagNanoseconds: state.lagNanoseconds(now: now, monotonicNow: monotonicNow), lastError: state.lastError,
                lastErrorNanoseconds: state.lastErrorNanoseconds, restarts: state.restarts, errors: state.errors,
                pauseReason: state.pause?.reason ?? "", canReplay: feed is any ReplayableFeed)
        }
    }

    // MARK: Attempts

    private func runUntilCancelled() async {
        var backoff = FeedBackoff()
        while !Task.isCancelled {
            let begin = clock.monotonicNow()
            state.withLock { state in
                state.isRunning = true
                state.batchError = nil
            }
            let failure = await runOnce()
            let now = clock.monotonicNow()
            state.withLock { state in
                state.isRunning = false
                // One that ran for long worked for most of it, though it may have had nothing to tell.
                if now - begin >= FeedBackoff.longestNanoseconds { state.idleSinceNanoseconds = nil }
                state.idleSinceNanoseconds = state.idleSinceNanoseconds ?? now
            }
            if Task.isCancelled { return }
            note(failure, endsRun: true)
            let delay = backoff.delayNanoseconds(afterRunning: now - begin, chance: clock.chance())
            logger.warning(
                "a feed failed and begins anew",
                metadata: ["feed": "\(feed.id)", "reason": "\(failure)", "after_ms": "\(delay / .perMillisecond)"])
            await clock.sleep(delay)
            if !Task.isCancelled { state.withLock { $0.restarts += 1 } }
        }
    }

    private func runOnce() async -> FeedFailure {
        do throws(FeedFailure) {
            try await feed.run(port)
            return FeedFailure("it ended by itself")
        } catch {
            return error
        }
    }

    private func note(_ failure: FeedFailure, endsRun: Bool) {
        let now = clock.now()
        state.withLock { state in
            // A batch that was not taken mostly ends the run as well: that is one failure.
            if !endsRun || state.batchError != failure.description { state.errors += 1 }
            if !endsRun { state.batchError = failure.description }
            state.lastError = failure.description
            state.lastErrorNanoseconds = now
        }
    }

    /// What the feed is given: the server's, and what is learnt of the feed by the way.
    private var port: FeedPort {
        FeedPort(
            publish: { [self] (events, position) async throws(FeedFailure) in
                if state.withLock({ $0.pause != nil }) { throw FeedFailure("is paused") }
                let results: [EventResult]
                do throws(FeedFailure) {
                    results = try await server.publish(events, position)
                } catch {
                    note(error, endsRun: false)
                    throw error
                }
                state.withLock { state in
                    if let position { state.position = position }
                    if state.pause == nil { state.idleSinceNanoseconds = nil }
                }
                return results
            },
            lastPosition: server.lastPosition,
            report: { [self] backlog in
                state.withLock { state in
                    state.backlog = backlog
                    if state.pause == nil { state.idleSinceNanoseconds = nil }
                }
            },
            alarm: server.alarm, now: server.now)
    }
}

extension FeedRunner.State {
    /// By what waits there; while the feed does not work at least by how long that has been so.
    fileprivate func lagNanoseconds(now: WallNanoseconds, monotonicNow: Int64) -> Int64? {
        var lag: Int64?
        if let backlog {
            // What waits was written after the place reached.
            let oldest = backlog.oldestNanoseconds ?? position.map(\.timeNanoseconds) ?? 0
            lag = backlog.waiting == 0 ? 0 : oldest > 0 ? max(0, now - oldest) : nil
            if let asked = backlog.askedNanoseconds { lag = max(lag ?? 0, now - asked) }
        }
        guard let idleSinceNanoseconds else { return lag }
        return max(lag ?? 0, monotonicNow - idleSinceNanoseconds)
    }
}
