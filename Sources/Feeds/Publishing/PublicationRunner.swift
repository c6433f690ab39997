internal import Engine
internal import Inventory
internal import Logging
internal import Synchronization

/// One publication: begins it anew when it failed, leaves it alone while it is paused, and knows how it does. Any thread.
final class PublicationRunner: Sendable {
    private struct State {
        var pause: PublicationPause?
        /// Nil while it is paused or the server stops.
        var attempts: Task<Void, Never>?
        var run: PublicationRun?
        /// Since when nothing is told (monotonic clock); nil: it is.
        var idleSinceNanoseconds: Int64?
    }

    let settings: PublicationSettings
    private let target: any PublicationTarget
    private let port: PublicationPort
    private let logger: Logger
    private let tally = PublicationTally()
    private let state: Mutex<State>
    private let resumed: AsyncStream<Void>
    private let resumer: AsyncStream<Void>.Continuation

    init(
        _ settings: PublicationSettings, target: any PublicationTarget, port: PublicationPort,
        logger: Logger
    ) {
        self.settings = settings
        self.target = target
        self.port = port
        self.logger = logger
        // Only shown: a run asks for it again, and fails if there is none to be had.
        let progress = (try? port.progress(settings.id)).flatMap { $0 }
        state = Mutex(State(pause: progress?.pause, idleSinceNanoseconds: port.clock.monotonicNow()))
        (resumed, resumer) = AsyncStream.makeStream(bufferingPolicy: .bufferingNewest(1))
        if let progress, progress.target == settings.targetDigest { tally.setAcknowledged(progress.sequence) }
    }

    /// Runs the publication until the task is cancelled.
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
        await target.shutDown()
    }

    func pause(_ pause: PublicationPause) {
        let attempts = state.withLock { state in
            state.pause = pause
            return state.attempts
        }
        attempts?.cancel()
    }

    func resume() {
        state.withLock { $0.pause = nil }
        resumer.yield()
    }

    /// Whether it can tell of the line, and has room for one more that is to be told again.
    func canTellAgain(_ line: PublicationLine) -> Bool {
        settings.question.isAbout(line) && tally.hasRoomForOwed
    }

    /// The letter stays until a figure of its line is acknowledged.
    func tellAgain(_ line: PublicationLine, letter: String) {
        tally.owe(line, letter)
        state.withLock { $0.run }?.tellAgain(line)
    }

    var condition: PublicationCondition {
        let now = port.clock.monotonicNow()
        let (pause, run, idleSince) = state.withLock { ($0.pause, $0.run, $0.idleSinceNanoseconds) }
        let counts = tally.counts
        let isRunning = run.map { !$0.isHeldUp } ?? false
        let retrying = run?.retrying ?? 0
        let many =
            retrying < PublicationCondition.manyRetrying ? "" : "; \(retrying) lines were refused and are tried again"
        return PublicationCondition(
            id: settings.id, channel: settings.question.channel, kind: target.kind,
            state: pause != nil ? .paused : isRunning ? .running : .failed, target: target.text,
            acknowledgedSequence: counts.acknowledgedSequence, waiting: run?.waiting ?? 0, retrying: retrying,
            ageNanoseconds: max(run?.ageNanoseconds ?? 0, idleSince.map { now - $0 } ?? 0), told: counts.told,
            failed: counts.failed, givenUp: counts.givenUp, lastError: counts.lastError + many,
            lastErrorNanoseconds: counts.lastErrorNanoseconds, pauseReason: pause?.reason ?? "")
    }

    // MARK: Runs

    private func runUntilCancelled() async {
        var backoff = FeedBackoff()
        while !Task.isCancelled {
            let begin = port.clock.monotonicNow()
            let run = PublicationRun(settings, target: target, port: port, tally: tally)
            state.withLock { state in
                state.run = run
                state.idleSinceNanoseconds = nil
            }
            let end = await run.run(owed: tally.owed)
            let now = port.clock.monotonicNow()
            state.withLock { state in
                state.run = nil
                state.idleSinceNanoseconds = now
            }
            let failure: FeedFailure
            switch end {
            case .cancelled: return
            case .failed(let reason): failure = reason
            case .gone(let words):
                do throws(FeedFailure) {
                    return try await pauseByReceiver(words)
                } catch {
                    failure = error
                }
            }
            tally.note(failure.description, at: port.clock.now(), isFailure: false)
            let delay = backoff.delayNanoseconds(afterRunning: now - begin, chance: port.clock.chance())
            logger.warning(
                "a publication failed and begins anew",
                metadata: [
                    "publication": "\(settings.id)", "reason": "\(failure)", "after_ms": "\(delay / .perMillisecond)",
                ])
            await port.clock.sleep(delay)
        }
    }

    private func pauseByReceiver(_ words: String) async throws(FeedFailure) {
        let actor = UndeliveredMessage.source(of: settings.id)
        let pause = PublicationPause(reason: words, actor: actor, timeNanoseconds: port.clock.now())
        try await port.store(
            .decide(
                PublicationDecision(
                    publication: settings.id, channel: settings.question.channel, action: .pause, reason: words,
                    actor: actor)))
        state.withLock { $0.pause = pause }
        logger.warning(
            "a publication is paused by its receiver",
            metadata: ["publication": "\(settings.id)", "reason": "\(words)"]
        )
    }
}
