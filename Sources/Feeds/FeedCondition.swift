public import Engine
public import Inventory

/// How a feed does. Raw values are those of the contract's `FeedState`.
public enum FeedState: Int, Sendable, CaseIterable {
    /// It reads, or waits for what comes.
    case running = 1
    /// It failed, and begins anew after a pause.
    case waiting = 2
    /// A person paused it.
    case paused = 3

    /// As in metrics.
    public var name: String {
        switch self {
        case .running: "running"
        case .waiting: "waiting"
        case .paused: "paused"
        }
    }
}

/// One feed as people and metrics see it.
public struct FeedCondition: Sendable, Equatable {
    public var id: String
    public var kind: FeedKind
    /// All whose events it may bring.
    public var sources: Set<String>
    public var state: FeedState
    /// Up to where everything is committed; nil: nothing yet.
    public var position: FeedPosition?
    /// What waits there, as far as the feed knows.
    public var waiting: UInt64
    /// How far behind it is; nil: it does not know.
    public var lagNanoseconds: Int64?
    /// Why it failed last; may be empty.
    public var lastError: String
    public var lastErrorNanoseconds: WallNanoseconds?
    /// How often it began anew after a failure, since the server started.
    public var restarts: UInt64
    /// Its failures and the batches that were not taken, since the server started.
    public var errors: UInt64
    /// Why a person paused it; may be empty.
    public var pauseReason: String
    public var canReplay: Bool
}

/// The clocks that a supervisor works by.
public struct FeedClock: Sendable {
    /// Returns after so many nanoseconds, or as soon as the task is cancelled.
    public let sleep: @Sendable (_ nanoseconds: Int64) async -> Void
    /// The monotonic clock, nanoseconds.
    public let monotonicNow: @Sendable () -> Int64
    /// The wall clock.
    public let now: @Sendable () -> WallNanoseconds
    /// From 0 to 1.
    public let chance: @Sendable () -> Double

    public init(
        sleep: @escaping @Sendable (_ nanoseconds: Int64) async -> Void,
        monotonicNow: @escaping @Sendable () -> Int64, now: @escaping @Sendable () -> WallNanoseconds,
        chance: @escaping @Sendable () -> Double = { Double.random(in: 0...1) }
    ) {
        self.sleep = sleep
        self.monotonicNow = monotonicNow
        self.now = now
        self.chance = chance
    }
}
