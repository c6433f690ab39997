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
    let clock: LedgerClock
    let alarm: AlarmClock
    private let locationName: @Sendable (LocationNumber) -> String
    private let wake: AsyncStream<Void>
    private let waker: AsyncStream<Void>.Continuation
    private let state: Mutex<State>

    private struct State {
        var turns: ErpTurns
        /// For when the loop is woken though nothing arrives.
        var timerNanoseconds: WallNanoseconds?
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
        state = Mutex(State(turns: ErpTurns(name: name, capabilities: adapter.capabilities, policy: policy)))
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
        let turns = state.withLock { $0.turns }
        let name = self.name
        let (count, oldest) = outbox.withState { ($0.count(of: name), $0.oldest(of: name)?.createTimeNanoseconds) }
        var reason = ""
        if turns.breaker.state != .closed { reason = "BREAKER_OPEN: \(turns.lastError)" }
        if isInMaintenance { reason = "MAINTENANCE" }
        return ErpCondition(
            name: name, unavailableReason: reason, writesWaiting: count,
            oldestWriteAgeNanoseconds: oldest.map { max(0, clock.nowNanoseconds - $0) },
            callsInFlight: turns.callsInFlight)
    }

    var isInMaintenance: Bool {
        let now = wallClockNanoseconds()
        return policy.maintenance.contains { $0.contains(now) }
    }

    // MARK: Which call is next

    private func begin() -> ErpTurns.Call? {
        guard !isInMaintenance else { return nil }
        let now = clock.nowNanoseconds
        return withTurns { $0.begin(&$1, nowNanoseconds: now) }
    }

    /// Has the loop woken when the next write or probe is due. At most one timer that matters is pending.
    private func schedule() {
        let now = clock.nowNanoseconds
        let isInMaintenance = isInMaintenance
        let timer = state.withLock { state -> WallNanoseconds? in
            let turns = state.turns
            guard var next = outbox.withState({ turns.nextCallNanoseconds($0, nowNanoseconds: now) }) else {
                return nil
            }
            next = isInMaintenance ? now + 5 * .perSecond : max(next, now + .perMillisecond)
            if let pending = state.timerNanoseconds, pending <= next, pending > now { return nil }
            state.timerNanoseconds = next
            return next
        }
        guard let timer else { return }
        alarm.ring(afterNanoseconds: timer - now) { [waker] in waker.yield() }
    }

    // MARK: One call

    private func perform(_ call: ErpTurns.Call) async {
        switch call {
        case .probe: await probe()
        case .writes(let works): await send(works)
        }
        waker.yield()
    }

    var deadline: ContinuousClock.Instant { .now + .nanoseconds(policy.deadlineNanoseconds) }

    private func probe() async {
        var result: Result<[ErpReply], ErpFailure> = .success([])
        do throws(ErpFailure) { try await adapter.checkHealth(deadline: deadline) } catch { result = .failure(error) }
        _ = end([], result)
    }

    private func send(_ all: [ErpWork]) async {
        let (works, unsent) = outbox.withState { ErpTurns.parted(all, $0) }
        await conclude(unsent.map(ErpTurns.Verdict.neverAsked))
        guard !works.isEmpty else {
            let now = clock.nowNanoseconds
            return state.withLock { $0.turns.abandon(nowNanoseconds: now) }
        }
        let result: Result<[ErpReply], ErpFailure>
        do throws(ErpFailure) { result = .success(try await ask(works)) } catch { result = .failure(error) }
        await conclude(end(works, result))
    }

    private func end(_ works: [ErpWork], _ result: Result<[ErpReply], ErpFailure>) -> [ErpTurns.Verdict] {
        let now = clock.nowNanoseconds
        let jitter = Double.random(in: 0..<1)
        return withTurns { $0.end(works, result, $1, nowNanoseconds: now, jitter: jitter) }
    }

    func withReads<Result: Sendable>(_ body: (inout ErpTurns) -> Result) -> Result {
        state.withLock { body(&$0.turns) }
    }

    /// Both locks, always in this order.
    private func withTurns<Result: Sendable>(
        _ body: @Sendable (inout ErpTurns, inout ErpOutboxState) -> Result
    ) -> Result {
        state.withLock { state in
            let turns = state.turns
            let (changed, result) = outbox.withState { outbox in
                var turns = turns
                let result = body(&turns, &outbox)
                return (turns, result)
            }
            state.turns = changed
            return result
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

    /// The ledger takes in what it has to hear of, in one commit; then each write waits for what is next.
    private func conclude(_ all: [ErpTurns.Verdict]) async {
        guard !all.isEmpty else { return }
        let outcomes = all.compactMap(\.outcome)
        var verdicts = all
        if !outcomes.isEmpty,
            case .failed(let error) = await engine.submit(.takeErpOutcomes(tenant: tenant, outcomes))
        {
            let now = clock.nowNanoseconds
            for index in verdicts.indices where verdicts[index].answer != nil {
                verdicts[index].lose("\(error)", nowNanoseconds: now)
            }
        }
        let now = clock.nowNanoseconds
        outbox.withState { [verdicts] outbox in
            for verdict in verdicts { outbox.finish(verdict, nowNanoseconds: now) }
        }
    }
}
