internal import Synchronization

/// One channel's throttle: read units and reservations per second with burst, and calls in flight. Lives as long as the
/// channel, over all versions of its policy, so that a change of policy gives no new burst. Any thread may call
/// anything.
public final class Throttle: Sendable {
    private let reads = Meter()
    private let reservations = Meter()
    /// 0: unlimited. The terms are read one by one: a call during a change may see some of each version.
    private let callsInFlightMax = Atomic<Int64>(0)
    private let calls = Atomic<Int64>(0)

    public init(_ terms: ThrottleTerms) {
        update(terms)
    }

    /// Takes over the terms of another version of the policy, checked before by `ChannelPolicy.check`.
    public func update(_ terms: ThrottleTerms) {
        reads.update(unitsPerSecond: terms.readUnitsPerSecond, burst: terms.readUnitsBurst)
        reservations.update(unitsPerSecond: terms.reservationsPerSecond, burst: terms.reservationsBurst)
        callsInFlightMax.store(terms.callsInFlightMax, ordering: .relaxed)
    }

    /// Takes read units, or none at all and leaves no trace. `nowNanoseconds`: a clock that does not jump, 0 or more.
    public func admit(units: Int64, nowNanoseconds: Int64) -> Admission {
        reads.admit(units: units, nowNanoseconds: nowNanoseconds)
    }

    /// Takes one reservation call, or leaves no trace; never `neverFits`. The clock is that of `admit`.
    public func admitReservation(nowNanoseconds: Int64) -> Admission {
        reservations.admit(units: 1, nowNanoseconds: nowNanoseconds)
    }

    /// Counts a call in, unless the most are in flight. Each true is followed by one `leave`.
    public func tryEnter() -> Bool {
        let most = callsInFlightMax.load(ordering: .relaxed)
        var current = calls.load(ordering: .relaxed)
        while most == 0 || current < most {
            let (exchanged, original) = calls.weakCompareExchange(
                expected: current, desired: current + 1, ordering: .relaxed)
            if exchanged { return true }
            current = original
        }
        return false
    }

    /// Ends a call that entered.
    public func leave() {
        let before = calls.wrappingSubtract(1, ordering: .relaxed).oldValue
        precondition(before > 0, "a call left that had not entered")
    }

    public var callsInFlight: Int64 { calls.load(ordering: .relaxed) }
}

/// A rate with burst, shared by all threads; see `GenericCellRate`.
private struct Meter: ~Copyable, Sendable {
    /// Nanoseconds. The only word that callers contend for.
    private let arrival = Atomic<Int64>(0)
    /// 0: unlimited.
    private let unitsPerSecond = Atomic<Int64>(0)
    private let burst = Atomic<Int64>(1)

    /// - Parameter burst: 0: one second's worth.
    func update(unitsPerSecond: Int64, burst: Int64) {
        self.burst.store(max(1, burst > 0 ? burst : unitsPerSecond), ordering: .relaxed)
        self.unitsPerSecond.store(unitsPerSecond, ordering: .relaxed)
    }

    func admit(units: Int64, nowNanoseconds: Int64) -> Admission {
        let rate = unitsPerSecond.load(ordering: .relaxed)
        if rate == 0 { return .admitted }
        let cell = GenericCellRate(unitsPerSecond: rate, burst: burst.load(ordering: .relaxed))
        var current = arrival.load(ordering: .relaxed)
        while true {
            var next = current
            let admission = cell.admit(units: units, arrival: &next, nowNanoseconds: nowNanoseconds)
            guard admission == .admitted else { return admission }
            // Relaxed: the word guards nothing but itself.
            let (exchanged, original) = arrival.weakCompareExchange(
                expected: current, desired: next, ordering: .relaxed)
            if exchanged { return .admitted }
            current = original
        }
    }
}
