/// What a throttle says to a request for units.
public enum Admission: Sendable, Equatable {
    case admitted
    /// The same request fits after so many nanoseconds, if nothing else comes in between. Never 0.
    case retryAfter(nanoseconds: Int64)
    /// More than can ever come at once.
    case neverFits(burst: Int64)
}

/// The generic cell rate algorithm (ITU-T I.371) as arithmetic: whatever the times of asking, the units admitted within
/// any span are at most rate × span + burst.
///
/// Its whole state is one number, the theoretical arrival time: when all units admitted so far are paid for. The interval
/// of one unit is rounded up to whole nanoseconds, so that the bound holds exactly.
public struct GenericCellRate: Sendable, Equatable {
    public let intervalNanoseconds: Int64
    /// Units that may come at once.
    public let burst: Int64

    /// Both 1 to `Limits.readUnitsMax`.
    public init(unitsPerSecond: Int64, burst: Int64) {
        precondition((1...Limits.readUnitsMax).contains(unitsPerSecond))
        precondition((1...Limits.readUnitsMax).contains(burst))
        intervalNanoseconds = (Int64.perSecond + unitsPerSecond - 1) / unitsPerSecond
        self.burst = burst
    }

    /// Decides on `units` (0 or more) at `nowNanoseconds` of any clock that starts before 2100 (nanoseconds, 0 or more).
    /// The arrival time is moved only when they are admitted.
    public func admit(units: Int64, arrival: inout Int64, nowNanoseconds: Int64) -> Admission {
        precondition(units >= 0)
        if units > burst { return .neverFits(burst: burst) }
        let next = max(arrival, nowNanoseconds) + units * intervalNanoseconds
        let tooEarly = next - nowNanoseconds - burst * intervalNanoseconds
        if tooEarly > 0 { return .retryAfter(nanoseconds: tooEarly) }
        arrival = next
        return .admitted
    }
}
