internal import Engine
internal import Inventory

/// Every decision about one ERP's calls, without the calls, threads and clocks: what is asked next, and what comes of an
/// answer. A plain value, so that the dispatcher and a simulator run the same.
struct ErpTurns: Sendable {
    enum Call: Sendable {
        case writes([ErpWork])
        /// The ERP failed and nothing waits for it: is it back?
        case probe
    }

    /// What is done about one write after its call.
    struct Verdict: Sendable {
        var work: ErpWork
        /// The ledger takes it in before the call is over; nil: it need not hear of it.
        var answer: ErpAnswer?
        var ending: ErpOutboxState.Ending
        var error = ""
        /// When the ERP is asked again, where that is not at once.
        var retryAtNanoseconds: WallNanoseconds?

        var outcome: ErpOutcome? {
            answer.map { answer in
                ErpOutcome(
                    number: work.number, erp: work.erp, kind: work.kind, answer: answer, correlationID: work.erp,
                    shippedWhenAsked: Dictionary(
                        work.lines.map { ($0.lineID, $0.fulfilled) }, uniquingKeysWith: { first, _ in first }))
            }
        }

        /// What was never asked for need not be let go.
        static func neverAsked(_ work: ErpWork) -> Verdict {
            Verdict(work: work, answer: .notFound, ending: .notThere)
        }

        /// The ledger could not take the answer in, so it is lost: the ERP is asked again.
        mutating func lose(_ reason: String, nowNanoseconds: WallNanoseconds) {
            self = Verdict(
                work: work, ending: .unknown, error: "the answer could not be stored: \(reason)",
                retryAtNanoseconds: nowNanoseconds + .perSecond)
        }
    }

    let name: String
    let capabilities: ErpCapabilities
    let policy: ErpCallPolicy
    private(set) var breaker = CircuitBreaker()
    var callsInFlight = 0
    private(set) var lastError = ""
    /// Reads that could not begin at once.
    var readsWaiting = 0
    /// A read that waits goes before the next write, and a write before the next read.
    var wasWrite = false
    /// Holds that one call may take: half after a call without an answer, one more after each that had one. A batch that
    /// takes the ERP longer than the deadline would else be sent again and again.
    private var batchMax: Int
    var nextCallNanoseconds: WallNanoseconds = 0

    init(name: String, capabilities: ErpCapabilities, policy: ErpCallPolicy) {
        self.name = name
        self.capabilities = capabilities
        self.policy = policy
        batchMax = capabilities.batchMax
    }

    // MARK: Which call is next

    /// The next call that may be begun; nil: none now.
    mutating func begin(_ outbox: inout ErpOutboxState, nowNanoseconds now: WallNanoseconds) -> Call? {
        guard callsInFlight < policy.callsInFlightMax, now >= nextCallNanoseconds else { return nil }
        guard readsWaiting == 0 || !wasWrite else { return nil }
        let admitted = breaker.admits(batchMax, nowNanoseconds: now)
        guard admitted > 0 else { return nil }
        let works = outbox.take(
            erp: name, limit: admitted, isIdempotent: capabilities.isIdempotent, nowNanoseconds: now)
        guard !works.isEmpty || breaker.state != .closed else { return nil }
        breaker.begin()
        wasWrite = true
        take(now)
        return works.isEmpty ? .probe : .writes(works)
    }

    /// When `begin` may have a call though nothing new arrives and no call ends; nil: not by itself.
    func nextCallNanoseconds(_ outbox: ErpOutboxState, nowNanoseconds now: WallNanoseconds) -> WallNanoseconds? {
        guard callsInFlight < policy.callsInFlightMax else { return nil }
        switch breaker.state {
        case .probing: return nil
        case .open(let until): return max(until, nextCallNanoseconds)
        case .closed:
            return outbox.nextAttemptNanoseconds(of: name, nowNanoseconds: now).map { max($0, nextCallNanoseconds) }
        }
    }

    mutating func take(_ now: WallNanoseconds) {
        callsInFlight += 1
        if policy.callsPerSecond > 0 { nextCallNanoseconds = now + .perSecond / policy.callsPerSecond }
    }

    /// Parts a call's works into those to be sent and those that were never asked for and need not be let go.
    static func parted(_ works: [ErpWork], _ outbox: ErpOutboxState) -> (sent: [ErpWork], unsent: [ErpWork]) {
        guard works[0].kind == .release else { return (works, []) }
        return (works.filter { !outbox.isNeverSent($0) }, works.filter { outbox.isNeverSent($0) })
    }

    // MARK: A call ended

    /// It had nothing to ask after all.
    mutating func abandon(nowNanoseconds: WallNanoseconds) {
        callsInFlight -= 1
        breaker.abandon(nowNanoseconds: nowNanoseconds)
    }

    /// The ERP answered, or did not. One verdict for each work, in order.
    ///
    /// - Parameter jitter: 0 up to 1.
    mutating func end(
        _ works: [ErpWork], _ result: Result<[ErpReply], ErpFailure>, _ outbox: ErpOutboxState,
        nowNanoseconds now: WallNanoseconds, jitter: Double
    ) -> [Verdict] {
        callsInFlight -= 1
        switch result {
        case .success(let replies):
            batchMax = min(batchMax + 1, capabilities.batchMax)
            breaker.succeed()
            return works.enumerated().map { index, work in
                let retryAt = retryTime(work, outbox, nowNanoseconds: now, jitter: jitter)
                return verdict(on: index < replies.count ? replies[index] : .retry("no reply"), work, outbox, retryAt)
            }
        case .failure(let failure):
            lastError = failure.description
            if case .noAnswer = failure { batchMax = max(1, works.count / 2) }
            breaker.fail(policy, nowNanoseconds: now)
            return works.map { work in
                verdict(on: failure, work, retryTime(work, outbox, nowNanoseconds: now, jitter: jitter), now)
            }
        }
    }

    private func verdict(
        on reply: ErpReply, _ work: ErpWork, _ outbox: ErpOutboxState, _ retryAt: WallNanoseconds
    ) -> Verdict {
        switch reply {
        case .answer(.notFound):
            let settles = outbox.settlesAtNanoseconds(
                work, latestEffectNanoseconds: Int64(capabilities.latestEffectSeconds) * .perSecond)
            guard let settles else { return Verdict(work: work, answer: .notFound, ending: .notThere) }
            return Verdict(
                work: work, ending: .unknown, error: "not found; what was sent may still take effect",
                retryAtNanoseconds: settles)
        case .answer(let answer): return Verdict(work: work, answer: answer, ending: .answered)
        case .retry(let text):
            return Verdict(work: work, ending: .neverSent, error: text, retryAtNanoseconds: retryAt)
        case .failed(let text): return Verdict(work: work, ending: .failed, error: text)
        }
    }

    private func verdict(
        on failure: ErpFailure, _ work: ErpWork, _ retryAt: WallNanoseconds, _ now: WallNanoseconds
    ) -> Verdict {
        switch failure {
        case .notSent(let text):
            return Verdict(work: work, ending: .neverSent, error: text, retryAtNanoseconds: retryAt)
        case .misconfigured(let text):
            return Verdict(
                work: work, ending: .neverSent, error: text, retryAtNanoseconds: now + policy.pauseMaxNanoseconds)
        case .noAnswer(let text):
            return Verdict(
                work: work, answer: work.kind == .reserve ? .unknown : nil, ending: .unknown, error: text,
                retryAtNanoseconds: retryAt)
        }
    }

    private func retryTime(
        _ work: ErpWork, _ outbox: ErpOutboxState, nowNanoseconds now: WallNanoseconds, jitter: Double
    ) -> WallNanoseconds {
        let key = ErpOutboxState.Key(number: work.number, erp: work.erp)
        return now + policy.pauseNanoseconds(attempts: outbox.writes[key]?.attempts ?? 1, jitter: jitter)
    }
}

extension ErpOutboxState {
    /// A call is over, and what the ledger had to hear of it is in the ledger.
    mutating func finish(_ verdict: ErpTurns.Verdict, nowNanoseconds: WallNanoseconds) {
        finish(
            verdict.work, verdict.ending, error: verdict.error, retryAtNanoseconds: verdict.retryAtNanoseconds,
            nowNanoseconds: nowNanoseconds)
    }
}
