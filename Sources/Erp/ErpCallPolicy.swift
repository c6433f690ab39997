/// How much one ERP may be asked, and how its failures are met.
public struct ErpCallPolicy: Sendable, Equatable {
    /// How long one call may take, in nanoseconds.
    public var deadlineNanoseconds: Int64 = 10_000_000_000
    /// Calls at a time.
    public var callsInFlightMax = 4
    /// Calls a second; 0: no limit.
    public var callsPerSecond: Int64 = 0
    /// The pause after the first failure of a write; it doubles with each further one.
    public var pauseMinNanoseconds: Int64 = 100_000_000
    public var pauseMaxNanoseconds: Int64 = 60_000_000_000
    /// Failures in a row after which nothing is sent but one probe at a time.
    public var failuresMax = 5
    /// How long the breaker stays open before the first probe; it doubles with each probe that fails.
    public var probeMinNanoseconds: Int64 = 500_000_000
    public var probeMaxNanoseconds: Int64 = 30_000_000_000
    /// When the ERP is not to be asked.
    public var maintenance: [MaintenanceWindow] = []

    public init() {}

    /// The pause before attempt `attempts` + 1: doubling, with up to half of it taken off at random, so that writes that
    /// failed together do not come back together.
    ///
    /// - Parameter jitter: 0 up to 1.
    func pauseNanoseconds(attempts: UInt32, jitter: Double) -> Int64 {
        let doubled = pauseMinNanoseconds << min(Int64(max(1, attempts)) - 1, 20)
        return Int64(Double(min(doubled, pauseMaxNanoseconds)) * (1 - jitter / 2))
    }
}

/// A time of day, UTC, in which an ERP is not asked.
public struct MaintenanceWindow: Sendable, Equatable {
    /// Seconds after midnight; the end may lie on the next day.
    public var startSeconds: Int64
    public var endSeconds: Int64

    public init(startSeconds: Int64, endSeconds: Int64) {
        self.startSeconds = startSeconds
        self.endSeconds = endSeconds
    }

    func contains(_ wallNanoseconds: Int64) -> Bool {
        let second = wallNanoseconds / 1_000_000_000 % 86_400
        if startSeconds <= endSeconds { return second >= startSeconds && second < endSeconds }
        return second >= startSeconds || second < endSeconds
    }
}

/// The circuit breaker of one ERP. A plain value; time comes in as an argument.
struct CircuitBreaker: Sendable {
    enum State: Equatable, Sendable {
        case closed
        /// Nothing is sent until then.
        case open(untilNanoseconds: Int64)
        /// One call is under way to see whether the ERP is back.
        case probing
    }

    private(set) var state = State.closed
    private var failures = 0
    private var probes: Int64 = 0

    /// How many calls may be begun now.
    mutating func admits(_ wanted: Int, nowNanoseconds: Int64) -> Int {
        switch state {
        case .closed: return wanted
        case .probing: return 0
        case .open(let until): return nowNanoseconds >= until ? min(1, wanted) : 0
        }
    }

    /// A call begins.
    mutating func begin() {
        if case .open = state { state = .probing }
    }

    mutating func succeed() {
        state = .closed
        failures = 0
        probes = 0
    }

    /// A call that was begun turned out to have nothing to ask.
    mutating func abandon(nowNanoseconds: Int64) {
        if state == .probing { state = .open(untilNanoseconds: nowNanoseconds) }
    }

    mutating func fail(_ policy: ErpCallPolicy, nowNanoseconds: Int64) {
        failures += 1
        guard state == .probing || failures >= policy.failuresMax else { return }
        let pause = min(policy.probeMinNanoseconds << min(probes, 20), policy.probeMaxNanoseconds)
        probes += 1
        state = .open(untilNanoseconds: nowNanoseconds + pause)
    }
}
