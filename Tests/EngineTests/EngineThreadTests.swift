import Engine
import Inventory
import Synchronization
import Testing

/// Has so many batches before the writer as one stream may, until it ran out of them.
private final class FloodingCaller: Sendable {
    private static let unansweredMax = 8

    private struct State {
        var left: Int
        var unanswered = 0
        var isInLine = false
        var isStopped = false
    }

    private let thread: EngineThread
    private let batch: EngineCommand
    private let state: Mutex<State>

    init(_ thread: EngineThread, _ batch: EngineCommand, batchesMax: Int) {
        self.thread = thread
        self.batch = batch
        state = Mutex(State(left: batchesMax))
    }

    var isExhausted: Bool { state.withLock { $0.left == 0 } }

    func stop() { state.withLock { $0.isStopped = true } }

    func fill() {
        while state.withLock({ state in
            guard state.left > 0, state.unanswered < Self.unansweredMax, !state.isInLine, !state.isStopped else {
                return false
            }
            state.left -= 1
            state.unanswered += 1
            state.isInLine = true
            return true
        }) {
            let place = thread.submitInLine(
                batch,
                whenQueued: {
                    self.state.withLock { $0.isInLine = false }
                    self.fill()
                },
                completion: { _ in
                    self.state.withLock { $0.unanswered -= 1 }
                    self.fill()
                })
            if place == nil { state.withLock { $0.isInLine = false } }
        }
    }
}

@Suite struct EngineThreadTests {
    @Test func everyCallerIsAnsweredOnceAfterItsCommit() throws {
        let store = try TestStore()
        let thread = EngineThread(settings: EngineSettings(), clock: LedgerClock(persistedNanoseconds: 0))
        let tenant = store.engine.tenantNumber
        let answered = Atomic<Int>(0)
        // The thread adds the real clock.
        let wallSeconds = (wallClockNanoseconds() - TestStore.now) / 1_000_000_000
        thread.start(engine: try freshEngine(store)) { _ in }
        for index in 0..<200 {
            let event = TestStore.incoming(Make.adjustment("\(index)", at: wallSeconds, by: 1))
            let refusal = thread.submit(.publish(tenant: tenant, events: [event])) { reply in
                if case .published(let results, _) = reply, results[0].outcome == .applied {
                    answered.add(1, ordering: .relaxed)
                }
            }
            #expect(refusal == nil)
        }
        thread.stop()
        #expect(answered.load(ordering: .relaxed) == 200)
        #expect(try store.position("S", "WH1")?.buckets[.onHand] == 200)
    }

    @Test func aFullQueueRefusesAndAStoppedOneSaysSo() throws {
        let store = try TestStore()
        var settings = EngineSettings()
        settings.queueWeightMax = 2
        let thread = EngineThread(settings: settings, clock: LedgerClock(persistedNanoseconds: 0))
        let tenant = store.engine.tenantNumber
        let event = TestStore.incoming(Make.adjustment("1", by: 1))
        // Not started: nothing is taken out.
        #expect(thread.submit(.publish(tenant: tenant, events: [event, event])) { _ in } == nil)
        #expect(thread.submit(.publish(tenant: tenant, events: [event])) { _ in } == .queueFull)
        thread.start(engine: try freshEngine(store)) { _ in }
        thread.stop()
        #expect(thread.submit(.publish(tenant: tenant, events: [event])) { _ in } == .stopping)
    }

    /// Notes what its callers are told, of a queue with room for one of them.
    private final class Listener: Sendable {
        let thread: EngineThread
        let command: EngineCommand
        private let notes = Notes()

        init(_ store: TestStore) {
            var settings = EngineSettings()
            settings.queueWeightMax = 1
            thread = EngineThread(settings: settings, clock: LedgerClock(persistedNanoseconds: 0))
            command = .publish(
                tenant: store.engine.tenantNumber, events: [TestStore.incoming(Make.adjustment("1", by: 1))])
        }

        var told: [String] { notes.texts.withLock { $0 } }

        func submit(_ name: String) -> PlaceInLine? {
            thread.submitInLine(command, whenQueued: { [notes] in notes.add("\(name) queued") }) { [notes] reply in
                if case .failed(.stopping) = reply {
                    notes.add("\(name) refused")
                } else {
                    notes.add("\(name) answered")
                }
            }
        }

        /// By itself: what is queued must not hold on to the queue.
        private final class Notes: Sendable {
            let texts = Mutex<[String]>([])

            func add(_ text: String) { texts.withLock { $0.append(text) } }
        }
    }

    @Test func whoStandsInLineIsToldWhenItComesIn() throws {
        let store = try TestStore()
        let listener = Listener(store)
        // Not started: nothing is taken out.
        #expect(listener.submit("first") == nil)
        let place = try #require(listener.submit("second"))
        #expect(listener.submit("third") != nil)
        listener.thread.leave(place)
        listener.thread.start(engine: try freshEngine(store)) { _ in }
        // Behind all of them.
        _ = listener.thread.submitAndWait(listener.command)
        listener.thread.stop()
        #expect(listener.told == ["third queued", "first answered", "third answered"])
    }

    @Test func whoStandsInLineIsRefusedWhenTheServerStops() throws {
        let listener = Listener(try TestStore())
        #expect(listener.submit("first") == nil && listener.submit("second") != nil)
        listener.thread.stop()
        #expect(listener.submit("third") == nil)
        #expect(listener.told == ["second refused", "third refused"])
    }

    /// Callers who keep more before the writer than its lane holds, and refill it on its own thread.
    @Test func ourOwnFeedIsServedAmongFiveCallersWhoNeverLeaveAGap() async throws {
        let store = try TestStore()
        var settings = EngineSettings()
        settings.queueWeightMax = 20
        settings.groupWeightMax = 2
        let thread = EngineThread(settings: settings, clock: LedgerClock(persistedNanoseconds: 0))
        let batch = EngineCommand.publish(
            tenant: store.engine.tenantNumber, events: [TestStore.incoming(Make.adjustment("1", by: 1))])
        let callers = (0..<5).map { _ in FloodingCaller(thread, batch, batchesMax: 200_000) }
        for caller in callers { caller.fill() }
        thread.start(engine: try freshEngine(store)) { _ in }
        var answered = 0
        while answered < 10 {
            guard case .published = await thread.submit(batch) else { break }
            answered += 1
        }
        for caller in callers { caller.stop() }
        thread.stop()
        #expect(answered == 10)
        for caller in callers { #expect(!caller.isExhausted, "a caller had to run out before the feed was served") }
    }

    /// An engine that nothing else refers to, over the store's ledger.
    private func freshEngine(_ store: TestStore) throws -> sending Engine {
        try Engine.open(
            ledger: store.ledger, tenantName: "demo", settings: EngineSettings(), seed: TestStore.seed,
            time: EngineTime(wallNanoseconds: TestStore.now, ledgerNanoseconds: TestStore.now))
    }
}
