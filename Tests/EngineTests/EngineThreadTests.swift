import Engine
import Inventory
import Synchronization
import Testing

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

    /// An engine that nothing else refers to, over the store's ledger.
    private func freshEngine(_ store: TestStore) throws -> sending Engine {
        try Engine.open(
            ledger: store.ledger, tenantName: "demo", settings: EngineSettings(), seed: TestStore.seed,
            time: EngineTime(wallNanoseconds: TestStore.now, ledgerNanoseconds: TestStore.now))
    }
}
