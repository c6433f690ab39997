public import Engine
public import Inventory
internal import Synchronization

/// Drains the outbox of one ERP: at least once, in order for each reservation, within the ERP's limits. It decides nothing
/// about holds: what an ERP answers goes to the writer, and the writer's commit takes the write out of the outbox.
public final class ErpDispatcher: Sendable {
    public let name: String
    public let adapter: any ErpAdapter
    private let policy: ErpCallPolicy
    private let outbox: ErpOutbox
    private let engine: EngineThread
    private let tenant: TenantNumber
    private let clock: LedgerClock
    private let alarm: AlarmClock
    private let locationName: @Sendable (LocationNumber) -> String
    private let wake: AsyncStream<Void>
    private let waker: AsyncStream<Void>.Continuation
    private let state = Mutex(State())

    private struct State {
        var breaker = CircuitBreaker()
        var callsInFlight = 0
        /// Holds that one call may take: half after a call without an answer, one more after each that had one. A batch
        /// that takes the ERP longer than the deadline would else be sent again and again. Nil: as many as it can.
        var batchMax: Int?
        var nextCallNanoseconds: Int64 = 0
        /// For when the loop is woken though nothing arrives.
        var timerNanoseconds: Int64?
        var lastError = ""
    }

    /// - Parameter locationName: our location's id by its number; empty for one that is not there any more.
    public init(
        name: String, adapter: any ErpAdapter, policy: ErpCallPolicy, outbox: ErpOutbox, engine: EngineThread,
        tenant: TenantNumber, clock: LedgerClock, alarm: AlarmClock,
        locationName: @escaping @Sendable (LocationNumber) -> String
    ) {
        self.name = name
        self.adapter = adapter
        self.policy = policy
        self.outbox = outbox
        self.engine = engine
        self.tenant = tenant
        self.clock = clock
        self.alarm = alarm
        self.locationName = locationName
        (wake, waker) = AsyncStream.makeStream(bufferingPolicy: .bufferingNewest(1))
    }

    /// There may be something to send. Any thread; cheap.
    public func notify() { waker.yield() }

    /// Drains until the task is cancelled. A call under way is left to its deadline; what it did is found out after the next
    /// start.
    public func run() async {
        await withDiscardingTaskGroup { group in
            var signals = wake.makeAsyncIterator()
            while !Task.isCancelled {
                while let call = begin() {
                    group.addTask { await self.perform(call) }
                }
                schedule()
                _ = await signals.next()
            }
            group.cancelAll()
        }
    }

    /// How it does, for operators and for channels that tighten.
    public var condition: ErpCondition {
        let (breaker, inFlight, lastError) = state.withLock { ($0.breaker.state, $0.callsInFlight, $0.lastError) }
        let name = self.name
        let (count, oldest) = outbox.withState { ($0.count(of: name), $0.oldest(of: name)?.createTimeNanoseconds) }
        var reason = ""
        if breaker != .closed { reason = "BREAKER_OPEN: \(lastError)" }
        if isInMaintenance { reason = "MAINTENANCE" }
        return ErpCondition(
            name: name, unavailableReason: reason, writesWaiting: count,
            oldestWriteAgeNanoseconds: oldest.map { max(0, clock.nowNanoseconds - $0) }, callsInFlight: inFlight)
    }

    private var isInMaintenance: Bool {
        let now = wallClockNanoseconds()
        return policy.maintenance.contains { $0.contains(now) }
    }

    // MARK: Which call is next

    private enum Call {
        case writes([ErpWork])
        /// The ERP failed and nothing waits for it: is it back?
        case probe
    }

    /// The next call that may be begun; nil: none now.
    private func begin() -> Call? {
        guard !isInMaintenance else { return nil }
        let now = clock.nowNanoseconds
        let capabilities = adapter.capabilities
        return state.withLock { state -> Call? in
            guard state.callsInFlight < policy.callsInFlightMax, now >= state.nextCallNanoseconds else { return nil }
            let batchMax = state.batchMax ?? capabilities.batchMax
            let admitted = state.breaker.admits(batchMax, nowNanoseconds: now)
            guard admitted > 0 else { return nil }
            let name = self.name
            let works = outbox.withState {
                $0.take(
                    erp: name, limit: admitted, isIdempotent: capabilities.isIdempotent, nowNanoseconds: now)
            }
            guard !works.isEmpty || state.breaker.state != .closed else { return nil }
            state.breaker.begin()
            state.callsInFlight += 1
            if policy.callsPerSecond > 0 { state.nextCallNanoseconds = now + .perSecond / policy.callsPerSecond }
            return works.isEmpty ? .probe : .writes(works)
        }
    }

    /// Has the loop woken when the next write or probe is due. At most one timer that matters is pending.
    private func schedule() {
        let now = clock.nowNanoseconds
        let name = self.name
        var due = outbox.withState { $0.nextAttemptNanoseconds(of: name, nowNanoseconds: now) }
        let timer = state.withLock { state -> Int64? in
            if case .open(let until) = state.breaker.state { due = until }
            if state.callsInFlight >= policy.callsInFlightMax || state.breaker.state == .probing { due = nil }
            guard var next = due else { return nil }
            next = max(next, state.nextCallNanoseconds, now + .perMillisecond)
            if isInMaintenance { next = now + 5 * .perSecond }
            if let pending = state.timerNanoseconds, pending <= next, pending > now { return nil }
            state.timerNanoseconds = next
            return next
        }
        guard let timer else { return }
        alarm.ring(afterNanoseconds: timer - now) { [waker] in waker.yield() }
    }

    // MARK: One call

    private func perform(_ call: Call) async {
        defer {
            state.withLock { $0.callsInFlight -= 1 }
            waker.yield()
        }
        switch call {
        case .probe: await probe()
        case .writes(let works): await send(works)
        }
    }

    private func probe() async {
        do throws(ErpFailure) {
            try await adapter.checkHealth(deadline: deadline)
            state.withLock { $0.breaker.succeed() }
        } catch {
            fail(error)
        }
    }

    private var deadline: ContinuousClock.Instant { .now + .nanoseconds(policy.deadlineNanoseconds) }

    private func fail(_ failure: ErpFailure) {
        let now = clock.nowNanoseconds
        state.withLock { state in
            state.lastError = failure.description
            state.breaker.fail(policy, nowNanoseconds: now)
        }
    }

    private func send(_ all: [ErpWork]) async {
        var works = all
        if works[0].kind == .release {
            // What was never asked for need not be let go.
            let outbox = self.outbox
            let unsent = works.filter { work in outbox.withState { $0.isNeverSent(work) } }
            works.removeAll { unsent.contains($0) }
            await tell(unsent.map { Telling(work: $0, answer: .notFound) })
            guard !works.isEmpty else {
                let now = clock.nowNanoseconds
                return state.withLock { $0.breaker.abandon(nowNanoseconds: now) }
            }
        }
        do throws(ErpFailure) {
            let replies = try await ask(works)
            let batchMax = adapter.capabilities.batchMax
            state.withLock { state in
                state.breaker.succeed()
                state.batchMax = state.batchMax.flatMap { $0 + 1 < batchMax ? $0 + 1 : nil }
            }
            var told: [Telling] = []
            for (index, work) in works.enumerated() {
                let reply = index < replies.count ? replies[index] : .retry("no reply")
                if let telling = take(reply, to: work) { told.append(telling) }
            }
            await tell(told)
        } catch {
            fail(error)
            if case .noAnswer = error { state.withLock { $0.batchMax = max(1, works.count / 2) } }
            var told: [Telling] = []
            for work in works {
                if let telling = take(error, to: work) { told.append(telling) }
            }
            await tell(told)
        }
    }

    private func ask(_ works: [ErpWork]) async throws(ErpFailure) -> [ErpReply] {
        let holds = works.map(hold)
        return switch works[0].kind {
        case .reserve: try await adapter.reserve(holds, deadline: deadline)
        case .release: try await adapter.release(holds, deadline: deadline)
        case .commit: try await adapter.commit(holds, deadline: deadline)
        case .lookUp: try await adapter.lookUp(holds, deadline: deadline)
        }
    }

    private func hold(_ work: ErpWork) -> ErpHold {
        ErpHold(
            reservationID: work.reservationID, channel: work.channel, customer: work.customer,
            orderReference: work.orderReference, allowsPartial: work.allowsPartial,
            lines: work.lines.map {
                ErpHoldLine(
                    lineID: $0.lineID, sku: $0.sku, location: locationName($0.location), quantity: $0.quantity)
            },
            erpReference: work.erpReference)
    }

    // MARK: What came of it

    /// An answer that the ledger should hear.
    private struct Telling {
        var work: ErpWork
        var answer: ErpAnswer
        var error = ""
        /// When the ERP is asked again, where that is not at once.
        var retryAt: WallNanoseconds?
    }

    /// Nil when the ledger need not hear of it.
    private func take(_ reply: ErpReply, to work: ErpWork) -> Telling? {
        switch reply {
        case .answer(.notFound):
            let latest = Int64(adapter.capabilities.latestEffectSeconds) * .perSecond
            let settles = outbox.withState { $0.settlesAtNanoseconds(work, latestEffectNanoseconds: latest) }
            guard let settles else { return Telling(work: work, answer: .notFound) }
            finish(work, "not found; what was sent may still take effect", isUnknown: true, retryAt: settles)
        case .answer(let answer): return Telling(work: work, answer: answer)
        case .retry(let text): finish(work, text, neverSent: true, retryAt: retryTime(work))
        case .failed(let text): finish(work, text, isFailed: true, neverSent: true, retryAt: nil)
        }
        return nil
    }

    private func take(_ failure: ErpFailure, to work: ErpWork) -> Telling? {
        switch failure {
        case .notSent(let text): finish(work, text, neverSent: true, retryAt: retryTime(work))
        case .misconfigured(let text):
            finish(work, text, neverSent: true, retryAt: clock.nowNanoseconds + policy.pauseMaxNanoseconds)
        case .noAnswer(let text):
            if work.kind == .reserve {
                return Telling(work: work, answer: .unknown, error: text, retryAt: retryTime(work))
            }
            finish(work, text, isUnknown: true, retryAt: retryTime(work))
        }
        return nil
    }

    /// Has the ledger take answers in, in one commit; each write goes with it, or waits for what is next.
    private func tell(_ all: [Telling]) async {
        guard !all.isEmpty else { return }
        let outcomes = all.map { telling in
            ErpOutcome(
                number: telling.work.number, erp: name, kind: telling.work.kind, answer: telling.answer,
                correlationID: name)
        }
        let reply = await submit(.takeErpOutcomes(tenant: tenant, outcomes))
        for telling in all {
            if case .failed(let failure) = reply {
                // The answer is lost for the ledger: the ERP is asked again.
                finish(
                    telling.work, "the answer could not be stored: \(failure)", isUnknown: true,
                    retryAt: clock.nowNanoseconds + .perSecond)
            } else {
                finish(
                    telling.work, telling.error, isUnknown: telling.answer == .unknown,
                    wasNotThere: telling.answer == .notFound, retryAt: telling.retryAt)
            }
        }
    }

    private func submit(_ command: EngineCommand) async -> EngineReply {
        while true {
            let reply: EngineReply? = await withCheckedContinuation { continuation in
                let refusal = engine.submit(command) { continuation.resume(returning: $0) }
                switch refusal {
                case nil: break
                case .queueFull: continuation.resume(returning: nil)
                case .some(let error): continuation.resume(returning: .failed(error))
                }
            }
            if let reply { return reply }
            await alarm.sleep(nanoseconds: 20 * .perMillisecond)
            if Task.isCancelled { return .failed(.stopping) }
        }
    }

    private func finish(
        _ work: ErpWork, _ error: String, isUnknown: Bool = false, isFailed: Bool = false, neverSent: Bool = false,
        wasNotThere: Bool = false, retryAt: WallNanoseconds?
    ) {
        let now = clock.nowNanoseconds
        outbox.withState {
            $0.finish(
                work, error: error, isUnknown: isUnknown, isFailed: isFailed, neverSent: neverSent,
                wasNotThere: wasNotThere, retryAtNanoseconds: retryAt, nowNanoseconds: now)
        }
    }

    private func retryTime(_ work: ErpWork) -> WallNanoseconds {
        let key = ErpOutboxState.Key(number: work.number, erp: work.erp)
        let attempts = outbox.withState { $0.writes[key]?.attempts ?? 1 }
        return clock.nowNanoseconds
            + policy.pauseNanoseconds(attempts: attempts, jitter: Double.random(in: 0..<1))
    }
}
