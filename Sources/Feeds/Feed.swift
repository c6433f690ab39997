public import Engine
public import Inventory

/// What a feed reads. Raw values are those of the contract's `FeedKind`.
public enum FeedKind: Int, Sendable, CaseIterable {
    case nats = 1
    case http = 2
    case shopify = 3
    case files = 4
    case erp = 5
}

/// One way by which the server fetches or receives what a source tells. Each fails alone: the supervisor begins it anew.
public protocol Feed: Sendable {
    /// As the configuration names it; unique.
    var id: String { get }
    var kind: FeedKind { get }
    /// The source whose events it brings.
    var source: String { get }
    /// All sources whose events it may bring.
    var sources: Set<String> { get }

    /// Reads, publishes and acknowledges until the task is cancelled. Throws when it must begin anew; what was not
    /// acknowledged is then read again.
    func run(_ port: FeedPort) async throws(FeedFailure)
}

extension Feed {
    public var sources: Set<String> { [source] }
}

/// A feed whose past can be asked for again.
public protocol ReplayableFeed: Feed {
    /// Reads again from `start` up to where the feed stood when it was called, beside `run`, and leaves its position alone:
    /// one that it gives to `publish` here is shown as the replay's progress and not stored.
    func replay(from start: ReplayStart, _ port: FeedPort) async throws(FeedFailure)
}

/// Where a replay begins.
public enum ReplayStart: Sendable, Equatable {
    /// What was written there at this time or later.
    case time(WallNanoseconds)
    /// From this place on, in the feed's own words.
    case position(String)
}

/// Why a feed cannot go on, in words for people: shown in ListSources and in the log.
public struct FeedFailure: Error, Sendable, Equatable, CustomStringConvertible {
    public let description: String

    public init(_ description: String) {
        self.description = description
    }
}

/// How far behind a feed is, as far as it knows.
public struct FeedBacklog: Sendable, Equatable {
    /// What waits there.
    public var waiting: UInt64
    /// When the oldest that waits was written; nil: not known, or nothing waits.
    public var oldestNanoseconds: WallNanoseconds?
    /// Of a feed that asks now and then: when it last asked for all. What came later is not known; nil: it is told at once.
    public var askedNanoseconds: WallNanoseconds?

    public init(
        waiting: UInt64, oldestNanoseconds: WallNanoseconds? = nil, askedNanoseconds: WallNanoseconds? = nil
    ) {
        self.waiting = waiting
        self.oldestNanoseconds = oldestNanoseconds
        self.askedNanoseconds = askedNanoseconds
    }
}

/// What a feed is given to work with. Any thread.
public struct FeedPort: Sendable {
    /// Returns after the commit that holds the events' effects and the position; throws when there was none. Waits while the
    /// writer's queue is full. At most `Limits.eventsPerBatchMax` events.
    public let publish:
        @Sendable (_ events: [IncomingEvent], _ position: FeedPosition?) async throws(FeedFailure) -> [EventResult]
    /// The same for events of the past, which are read again: without a position.
    public let publishAgain: FeedReplayPublish
    /// The position last committed; nil: none yet.
    public let lastPosition: @Sendable () throws(FeedFailure) -> FeedPosition?
    /// Tells how far behind the feed is, for people and metrics. To be called also when nothing waits, such as once it is
    /// connected: a feed that was paused or failed counts as lagging until it tells or publishes something.
    public let report: @Sendable (FeedBacklog) -> Void
    /// The clock to pause by.
    public let alarm: AlarmClock
    /// The wall clock.
    public let now: @Sendable () -> WallNanoseconds

    /// - Parameter publishAgain: nil: as `publish`.
    public init(
        publish:
            @escaping @Sendable (_ events: [IncomingEvent], _ position: FeedPosition?) async throws(FeedFailure) ->
            [EventResult],
        publishAgain: FeedReplayPublish? = nil,
        lastPosition: @escaping @Sendable () throws(FeedFailure) -> FeedPosition?,
        report: @escaping @Sendable (FeedBacklog) -> Void, alarm: AlarmClock,
        now: @escaping @Sendable () -> WallNanoseconds
    ) {
        self.publish = publish
        if let publishAgain {
            self.publishAgain = publishAgain
        } else {
            self.publishAgain = { (events) async throws(FeedFailure) in try await publish(events, nil) }
        }
        self.lastPosition = lastPosition
        self.report = report
        self.alarm = alarm
        self.now = now
    }
}
