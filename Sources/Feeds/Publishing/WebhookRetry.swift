public import Inventory

/// What follows an attempt to deliver to a webhook. A pure function of the answer, the failures so far, and the clock.
public struct WebhookRetry: Sendable, Equatable {
    /// The pause after the first failure; it doubles with each further one.
    public var firstPauseNanoseconds: Int64 = .perSecond
    /// The longest pause of our own making.
    public var longestPauseNanoseconds: Int64 = 3_600 * .perSecond
    /// How long after a message's first attempt the last one may begin; what a receiver asks us to wait comes on top.
    public var lifetimeNanoseconds: Int64 = 24 * 3_600 * .perSecond

    public init() {}

    /// What came of an attempt.
    public enum Answer: Sendable, Equatable {
        /// An HTTP status, and what its `Retry-After` names, if anything.
        case status(Int, retryAfter: RetryAfter?)
        /// No answer: not connected, broken off, or too late.
        case none
    }

    /// `Retry-After` (RFC 9110, section 10.2.3).
    public enum RetryAfter: Sendable, Equatable {
        case nanoseconds(Int64)
        case at(WallNanoseconds)
    }

    public enum Step: Sendable, Equatable {
        /// 2xx: the receiver has it.
        case done
        /// Again, not before this time.
        case retry(notBeforeNanoseconds: WallNanoseconds)
        /// 410: the receiver wants no more; the publication pauses until somebody resumes it.
        case pause
        /// Its time is over: it becomes a dead letter.
        case giveUp
    }

    /// The next step.
    ///
    /// Any other status, a redirect among them, is a failure: who moved says so to the operator, not to the sender, and a
    /// redirect could lead a signed message to another's address.
    ///
    /// - Parameters:
    ///   - failures: failed attempts, this one among them; 1 or more where the answer is one.
    ///   - firstAttemptNanoseconds: when the message was first attempted.
    ///   - jitter: 0 up to 1, drawn for each step: a half of the pause is left to it, so that many messages that failed
    ///     together do not come back together.
    public func step(
        after answer: Answer, failures: Int, firstAttemptNanoseconds: WallNanoseconds, nowNanoseconds: WallNanoseconds,
        jitter: Double
    ) -> Step {
        switch answer {
        case .status(200...299, _): return .done
        case .status(410, _): return .pause
        case .status, .none: break
        }
        let pause = pauseNanoseconds(failures: failures)
        let drawn = pause / 2 + Int64(Double(pause - pause / 2) * min(max(jitter, 0), 1))
        let next = nowNanoseconds.addingClamped(drawn)
        if next > firstAttemptNanoseconds.addingClamped(lifetimeNanoseconds) { return .giveUp }
        // Who asked us to wait gets the message afterwards, also where its time is over by then.
        let earliest = nowNanoseconds.addingClamped(answer.waitNanoseconds(fromNanoseconds: nowNanoseconds))
        return .retry(notBeforeNanoseconds: max(earliest, next))
    }

    /// Without jitter: 1 s, 2 s, 4 s … 1 h.
    func pauseNanoseconds(failures: Int) -> Int64 {
        let doublings = max(0, failures - 1)
        guard doublings < 62, firstPauseNanoseconds <= longestPauseNanoseconds >> doublings else {
            return longestPauseNanoseconds
        }
        return firstPauseNanoseconds << doublings
    }
}

extension WebhookRetry.Answer {
    /// How long the receiver asks to be left alone, counted from a moment: 0 to a day. Only 429 and 503 can ask.
    func waitNanoseconds(fromNanoseconds now: WallNanoseconds) -> Int64 {
        switch self {
        case .status(429, let after?), .status(503, let after?): after.waitNanoseconds(fromNanoseconds: now)
        case .status, .none: 0
        }
    }
}

extension WebhookRetry.RetryAfter {
    /// A receiver that asks for more is tried after a day all the same.
    static let longestNanoseconds: Int64 = 86_400 * .perSecond

    fileprivate func waitNanoseconds(fromNanoseconds now: WallNanoseconds) -> Int64 {
        let wait =
            switch self {
            case .nanoseconds(let pause): pause
            case .at(let time): time > now ? time - now : 0
            }
        return min(max(0, wait), Self.longestNanoseconds)
    }
}

extension Int64 {
    fileprivate func addingClamped(_ other: Int64) -> Int64 {
        let (sum, overflow) = addingReportingOverflow(other)
        return overflow ? .max : sum
    }
}
