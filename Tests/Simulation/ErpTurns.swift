import Engine
@testable import Erp
import Inventory

/// Every decision of an ERP's dispatcher, without its calls, threads and clocks: what is asked next, and what comes of
/// an answer. The twin of `ErpDispatcher.begin`, `send` and `take`.
struct ErpTurns {
    enum Call {
        case writes([ErpWork])
        /// The ERP failed and nothing waits for it: is it back?
        case probe
    }

    /// What is done about one write after its call.
    enum Verdict: Sendable {
        /// The ledger takes the answer in; then the write waits for what is next.
        case tell(ErpAnswer, error: String, retryAt: WallNanoseconds?)
        /// The ledger hears nothing.
        case finish(String, isUnknown: Bool, isFailed: Bool, neverSent: Bool, retryAt: WallNanoseconds?)
    }

    let name: String
    let capabilities: ErpCapabilities
    let policy: ErpCallPolicy
    private(set) var breaker = CircuitBreaker()
    private(set) var callsInFlight = 0

    init(name: String, capabilities: ErpCapabilities, policy: ErpCallPolicy) {
        self.name = name
        self.capabilities = capabilities
        self.policy = policy
    }

    /// The next call that may be begun; nil: none now.
    mutating func begin(_ outbox: inout ErpOutboxState, now: WallNanoseconds) -> Call? {
        guard callsInFlight < policy.callsInFlightMax else { return nil }
        let admitted = breaker.admits(capabilities.batchMax, nowNanoseconds: now)
        guard admitted > 0 else { return nil }
        let works = outbox.take(
            erp: name, limit: admitted, isIdempotent: capabilities.isIdempotent, nowNanoseconds: now)
        guard !works.isEmpty || breaker.state != .closed else { return nil }
        breaker.begin()
        callsInFlight += 1
        return works.isEmpty ? .probe : .writes(works)
    }

    /// Parts a call's works into those to be sent and those that were never asked for and need not be let go.
    func parted(_ works: [ErpWork], _ outbox: ErpOutboxState) -> (sent: [ErpWork], unsent: [ErpWork]) {
        guard works[0].kind == .release else { return (works, []) }
        return (works.filter { !outbox.isNeverSent($0) }, works.filter { outbox.isNeverSent($0) })
    }

    // MARK: A call ended

    mutating func abandon(now: WallNanoseconds) {
        callsInFlight -= 1
        breaker.abandon(nowNanoseconds: now)
    }

    mutating func succeed() {
        callsInFlight -= 1
        breaker.succeed()
    }

    mutating func fail(now: WallNanoseconds) {
        callsInFlight -= 1
        breaker.fail(policy, nowNanoseconds: now)
    }

    func verdict(
        on reply: ErpReply, to work: ErpWork, _ outbox: ErpOutboxState, now: WallNanoseconds, jitter: Double
    ) -> Verdict {
        switch reply {
        case .answer(.notFound):
            let settles = outbox.settlesAtNanoseconds(
                work, latestEffectNanoseconds: Int64(capabilities.latestEffectSeconds) * .perSecond)
            guard let settles else { return .tell(.notFound, error: "", retryAt: nil) }
            return .finish(
                "not found; what was sent may still take effect", isUnknown: true, isFailed: false, neverSent: false,
                retryAt: settles)
        case .answer(let answer): return .tell(answer, error: "", retryAt: nil)
        case .retry(let text):
            return .finish(
                text, isUnknown: false, isFailed: false, neverSent: true,
                retryAt: retryTime(work, outbox, now: now, jitter: jitter))
        case .failed(let text):
            return .finish(text, isUnknown: false, isFailed: true, neverSent: true, retryAt: nil)
        }
    }

    func verdict(
        on failure: ErpFailure, to work: ErpWork, _ outbox: ErpOutboxState, now: WallNanoseconds, jitter: Double
    ) -> Verdict {
        let retryAt = retryTime(work, outbox, now: now, jitter: jitter)
        switch failure {
        case .notSent(let text):
            return .finish(text, isUnknown: false, isFailed: false, neverSent: true, retryAt: retryAt)
        case .misconfigured(let text):
            return .finish(
                text, isUnknown: false, isFailed: false, neverSent: true, retryAt: now + policy.pauseMaxNanoseconds)
        case .noAnswer(let text):
            guard work.kind == .reserve else {
                return .finish(text, isUnknown: true, isFailed: false, neverSent: false, retryAt: retryAt)
            }
            return .tell(.unknown, error: text, retryAt: retryAt)
        }
    }

    private func retryTime(
        _ work: ErpWork, _ outbox: ErpOutboxState, now: WallNanoseconds, jitter: Double
    ) -> WallNanoseconds {
        let key = ErpOutboxState.Key(number: work.number, erp: work.erp)
        return now + policy.pauseNanoseconds(attempts: outbox.writes[key]?.attempts ?? 1, jitter: jitter)
    }
}
