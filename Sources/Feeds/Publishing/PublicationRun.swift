internal import Engine
internal import Inventory
internal import Logging
internal import Synchronization

/// How a run ended.
enum PublicationEnd: Sendable {
    case cancelled
    case failed(FeedFailure)
    /// The receiver wants no more; its answer.
    case gone(String)
}

/// A publication at work from a stored cursor on, until it fails, is paused or cancelled. Once. Any thread.
final class PublicationRun: FigureReader {
    private struct State {
        var queue: PublicationQueue
        /// The cursor on disk; nil: none that could be gone on from.
        var stored: FigureToken?
        /// To be stored before anything more is sent.
        var caution: FigureToken?
        /// On its way to the disk.
        var storing: FigureToken?
        var nextStoreNanoseconds: Int64 = 0
        /// Whether something was acknowledged that the stored cursor does not tell of.
        var owesStore = false
        var watchIsFull = false
        var end: PublicationEnd?
        /// The alarm that is set.
        var alarmNanoseconds = Int64.max
    }

    /// A cursor is a commit: at most so often. What was acknowledged since comes again after a crash.
    private static let storeNanoseconds: Int64 = 250 * .perMillisecond
    private static let storeAgainNanoseconds: Int64 = 5 * .perSecond

    private let settings: PublicationSettings
    private let target: any PublicationTarget
    private let port: PublicationPort
    private let tally: PublicationTally
    private let state: Mutex<State>
    private let watch = Mutex<(any FigureWatch)?>(nil)
    private let signals: AsyncStream<Void>
    private let signaller: AsyncStream<Void>.Continuation

    init(
        _ settings: PublicationSettings, target: any PublicationTarget, port: PublicationPort,
        tally: PublicationTally
    ) {
        self.settings = settings
        self.target = target
        self.port = port
        self.tally = tally
        state = Mutex(State(queue: PublicationQueue(inFlightMax: settings.inFlightMax)))
        (signals, signaller) = AsyncStream.makeStream(bufferingPolicy: .bufferingNewest(1))
    }

    // MARK: For those who look on

    var waiting: Int { state.withLock { $0.queue.count } }
    var retrying: Int { state.withLock { $0.queue.retrying } }
    var ageNanoseconds: Int64 { state.withLock { $0.queue.ageNanoseconds(port.clock.monotonicNow()) } }
    /// Whether the receiver is waited for.
    var isHeldUp: Bool { state.withLock { $0.queue.receiverFailures > 0 || $0.end != nil } }

    func tellAgain(_ line: PublicationLine) { watch.withLock { $0 }?.tellAgain(line) }

    // MARK: The watch's side

    func take(_ message: ToldMessage) {
        let now = port.clock.monotonicNow()
        state.withLock { state in
            state.queue.take(message, nowNanoseconds: now)
            if let stored = state.caution ?? state.storing ?? state.stored, !stored.toldStale, !message.figures.isEmpty,
                message.hasStale || message.termsDigest != stored.termsDigest
            {
                state.caution = stored.cautious
            }
        }
        signaller.yield()
    }

    var hasRoom: Bool {
        state.withLock { state in
            if state.queue.hasRoom { return true }
            state.watchIsFull = true
            return false
        }
    }

    func ended(_ failure: FeedFailure) { finish(.failed(failure)) }

    private func finish(_ end: PublicationEnd) {
        state.withLock { $0.end = $0.end ?? end }
        signaller.yield()
    }

    // MARK: The work

    /// - Parameter owed: lines to be told again at once.
    func run(owed: [PublicationLine]) async -> PublicationEnd {
        do throws(FeedFailure) {
            try begin(owed)
        } catch {
            return .failed(error)
        }
        defer { leaveWatch() }
        return await withDiscardingTaskGroup(returning: PublicationEnd.self) { group in
            defer { group.cancelAll() }
            var signals = signals.makeAsyncIterator()
            while !Task.isCancelled {
                if let end = state.withLock({ $0.end }) { return end }
                startWork(in: &group)
                _ = await signals.next()
            }
            return .cancelled
        }
    }

    /// The watch knows us as well: without this both would stay for ever, with all that waits.
    private func leaveWatch() {
        let left = watch.withLock { watch in
            defer { watch = nil }
            return watch
        }
        left?.cancel()
    }

    private func begin(_ owed: [PublicationLine]) throws(FeedFailure) {
        let progress = try port.progress(settings.id)
        let isOurs = progress?.target == settings.targetDigest
        let token = isOurs ? progress?.token ?? "" : ""
        let stored = port.figures.token(token)
        state.withLock { $0.stored = stored }
        if let stored { tally.setAcknowledged(stored.sequence) }
        let watch = try port.figures.watch(settings.question, after: token, self)
        self.watch.withLock { $0 = watch }
        for line in owed { watch.tellAgain(line) }
    }

    /// Begins what can be begun now, and sees to being woken when there is more.
    private func startWork(in group: inout DiscardingTaskGroup) {
        let now = port.clock.monotonicNow()
        while let delivery = state.withLock({ $0.caution == nil ? $0.queue.next(now) : nil }) {
            group.addTask { await self.deliver(delivery) }
        }
        if let token = state.withLock({ Self.tokenToStore(&$0, now) }) {
            group.addTask { await self.store(token) }
        }
        let (alarm, wakes) = state.withLock { state -> (Int64?, Bool) in
            let wakes = state.watchIsFull && state.queue.pending <= PublicationQueue.linesMax / 2
            if wakes { state.watchIsFull = false }
            // While a cursor is to be stored first nothing is sent, and its end wakes us.
            var next = state.caution == nil ? state.queue.wakeNanoseconds(now) ?? .max : .max
            if state.caution != nil || state.owesStore, state.storing == nil {
                next = min(next, state.nextStoreNanoseconds)
            }
            // One that is set already rings early enough.
            guard next < .max, next < state.alarmNanoseconds || state.alarmNanoseconds <= now else {
                return (nil, wakes)
            }
            state.alarmNanoseconds = next
            return (max(0, next - now), wakes)
        }
        if wakes { watch.withLock { $0 }?.wake() }
        if let alarm { port.alarm.ring(afterNanoseconds: alarm) { [signaller] in signaller.yield() } }
    }

    // MARK: The cursor

    private static func tokenToStore(_ state: inout State, _ now: Int64) -> FigureToken? {
        guard state.storing == nil, now >= state.nextStoreNanoseconds else { return nil }
        let token: FigureToken
        if let caution = state.caution {
            token = caution
        } else if let acknowledged = state.queue.acknowledged, acknowledged != state.stored,
            state.owesStore || acknowledged.termsDigest != state.stored?.termsDigest
                || acknowledged.toldStale != state.stored?.toldStale
        {
            token = acknowledged
        } else {
            return nil
        }
        state.owesStore = false
        state.storing = token
        return token
    }

    private func store(_ token: FigureToken) async {
        var progress = PublicationProgress(publication: settings.id)
        progress.target = settings.targetDigest
        progress.token = token.text
        progress.sequence = token.sequence
        let stored: Bool
        do throws(FeedFailure) {
            try await port.store(.acknowledge(progress))
            stored = true
        } catch {
            tally.note("its cursor was not stored: \(error)", at: port.clock.now(), isFailure: false)
            stored = false
        }
        let now = port.clock.monotonicNow()
        state.withLock { state in
            state.storing = nil
            state.nextStoreNanoseconds = now + (stored ? Self.storeNanoseconds : Self.storeAgainNanoseconds)
            guard stored else { return state.owesStore = true }
            state.stored = token
            // The next figures may leave at once.
            if state.caution == token { state.caution = nil }
        }
        if stored { tally.setAcknowledged(token.sequence) }
        signaller.yield()
    }

    // MARK: Deliveries

    private func deliver(_ delivery: PublicationQueue.Delivery) async {
        let event = PublishedEvent(
            delivery.figure, publication: settings.id, channel: settings.question.channel,
            typePrefix: settings.typePrefix)
        switch await target.send(event) {
        case .delivered:
            tally.countTold()
            await settle(event.line)
            state.withLock { state in
                state.queue.acknowledge(delivery)
                state.owesStore = true
            }
        case .refused(let answer, let words):
            if Task.isCancelled { return }
            await refuse(delivery, event, answer, words)
        }
        signaller.yield()
    }

    /// The dead letters of a line whose newest figure is acknowledged are none any more.
    private func settle(_ line: PublicationLine) async {
        let letters = tally.takeOwed(line)
        guard !letters.isEmpty else { return }
        do throws(FeedFailure) {
            try await port.store(.settle(letters: letters))
        } catch {
            // They stay listed, and may be replayed again.
            tally.note("a dead letter that was told stays: \(error)", at: port.clock.now(), isFailure: false)
        }
    }

    private func refuse(
        _ delivery: PublicationQueue.Delivery, _ event: PublishedEvent, _ answer: WebhookRetry.Answer, _ words: String
    ) async {
        let (now, wall) = (port.clock.monotonicNow(), port.clock.now())
        tally.note(words, at: wall, isFailure: true)
        // Times are counted by the monotonic clock; only `Retry-After` may name one of the wall clock.
        let step = settings.retry.step(
            after: answer, failures: delivery.failures + 1,
            firstAttemptNanoseconds: wall - (now - delivery.firstAttemptNanoseconds), nowNanoseconds: wall,
            jitter: port.clock.chance())
        let gate = state.withLock { state in
            now + Self.gateNanoseconds(state.queue.receiverFailures, answer, wall, settings.retry, port.clock.chance())
        }
        switch step {
        case .done: break
        case .pause: finish(.gone(words))
        case .retry(let time):
            state.withLock { state in
                state.queue.fail(
                    delivery, answer.fault, notBeforeNanoseconds: now + max(0, time - wall), gateNanoseconds: gate, now)
            }
        case .giveUp:
            let isKept = await keep(event, words)
            state.withLock { state in
                if isKept {
                    state.queue.giveUp(delivery, answer.fault, gateNanoseconds: gate)
                    state.owesStore = true
                } else {
                    state.queue.fail(
                        delivery, answer.fault, notBeforeNanoseconds: now + 60 * .perSecond, gateNanoseconds: gate, now)
                }
            }
        }
    }

    private func keep(_ event: PublishedEvent, _ words: String) async -> Bool {
        let message = UndeliveredMessage(
            publication: settings.id, id: event.id, sku: event.line.sku, location: event.line.location, reason: words,
            original: event.body)
        do throws(FeedFailure) {
            try await port.store(.giveUp(message))
        } catch {
            tally.note("a message could not be given up: \(error)", at: port.clock.now(), isFailure: false)
            return false
        }
        _ = tally.takeOwed(event.line)
        tally.countGivenUp()
        return true
    }

    /// How long nobody is sent anything: by what the receiver says, else longer with each failure in a row.
    private static func gateNanoseconds(
        _ failures: Int, _ answer: WebhookRetry.Answer, _ wall: WallNanoseconds, _ retry: WebhookRetry, _ chance: Double
    ) -> Int64 {
        let pause = min(PublicationQueue.gateNanosecondsMax, retry.pauseNanoseconds(failures: failures + 1))
        let drawn = pause / 2 + Int64(Double(pause / 2) * min(max(chance, 0), 1))
        return max(drawn, answer.waitNanoseconds(fromNanoseconds: wall))
    }
}
