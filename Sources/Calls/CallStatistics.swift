/// A copy of one event loop's counters, for the metrics page. All figures count from the server's start.
public struct CallStatistics: Sendable {
    /// Upper bounds of the latency buckets in nanoseconds, from 10 µs to 10 s (gRFC A66); a last bucket has none.
    public static let bucketBoundsNanoseconds: [UInt64] = [
        10_000, 25_000, 50_000, 100_000, 250_000, 500_000, 1_000_000, 2_500_000, 5_000_000, 10_000_000, 25_000_000,
        50_000_000, 100_000_000, 250_000_000, 500_000_000, 1_000_000_000, 2_500_000_000, 5_000_000_000, 10_000_000_000,
    ]

    public struct Method: Sendable {
        /// Calls whose headers were accepted.
        public var started: UInt64 = 0
        /// Calls ended, by status code number.
        public var outcomes = [Outcome](repeating: Outcome(), count: StatusCode.allCases.count)

        public init() {}
    }

    /// Calls of one method that ended with one status code.
    public struct Outcome: Sendable {
        /// Their durations, one count per bucket (not cumulative), the last one unbounded.
        public var durations = [UInt64](repeating: 0, count: bucketBoundsNanoseconds.count + 1)
        public var durationSumNanoseconds: UInt64 = 0

        public init() {}

        /// How many they are.
        public var count: UInt64 { durations.reduce(0, +) }
    }

    /// By method index; one more at the end for unknown methods (`_OTHER`).
    public var methods: [Method] = []
    public var connectionsOpen: UInt64 = 0
    public var connectionsAccepted: UInt64 = 0
    public var bytesReceived: UInt64 = 0
    public var bytesSent: UInt64 = 0
    /// Streams reset or connections closed by us for breaking a protocol rule or a limit.
    public var protocolErrors: UInt64 = 0

    public init() {}
}
