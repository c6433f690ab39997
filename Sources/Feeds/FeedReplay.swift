public import Engine
internal import Synchronization

/// How far a replay has come.
public struct FeedReplayProgress: Sendable, Equatable {
    /// Events read again so far.
    public var events: UInt64 = 0
    public var outcomes: [EventOutcome: UInt64] = [:]
    /// The place reached, in the feed's own words; may be empty.
    public var position = ""
    /// What is still to be read, as far as the feed knows.
    public var waiting: UInt64 = 0

    public init() {}
}

/// What is told of a replay.
public enum FeedReplayNews: Sendable, Equatable {
    case progress(FeedReplayProgress)
    /// The last; with the failure that ended it early, if one did.
    case ended(FeedReplayProgress, FeedFailure?)
}

/// Where the events of a replay go. Returns after the commit that holds their effects; throws when there was none.
public typealias FeedReplayPublish = @Sendable ([IncomingEvent]) async throws(FeedFailure) -> [EventResult]

/// Why a replay did not begin.
public enum FeedReplayRefusal: Error, Sendable, Equatable {
    case feedNotFound
    /// The feed has no past to read.
    case notReplayable
    /// Another one of the feed has not ended.
    case running
}

/// A replay under way. Any thread.
public final class FeedReplay: Sendable {
    private let task: Task<Void, Never>

    fileprivate init(_ task: Task<Void, Never>) { self.task = task }

    /// Ends it early; that is told as a failure.
    public func cancel() { task.cancel() }

    fileprivate func wait() async { await task.value }
}

/// The replays of one feed: one at a time. Any thread.
final class FeedReplays: Sendable {
    private enum State {
        case idle
        case running(FeedReplay)
        /// The server stops.
        case closed
    }

    private let feed: any Feed
    private let server: FeedPort
    private let state = Mutex(State.idle)

    init(feed: any Feed, server: FeedPort) {
        self.feed = feed
        self.server = server
    }

    /// `tell` is called after each batch and at the end, in order.
    func begin(
        from start: ReplayStart, publish: FeedReplayPublish? = nil, tell: @escaping @Sendable (FeedReplayNews) -> Void
    ) throws(FeedReplayRefusal) -> FeedReplay {
        guard let feed = feed as? any ReplayableFeed else { throw .notReplayable }
        let begun = state.withLock { state -> FeedReplay? in
            guard case .idle = state else { return nil }
            let replay = FeedReplay(Task { await self.run(feed, from: start, publish: publish, tell: tell) })
            state = .running(replay)
            return replay
        }
        guard let replay = begun else { throw .running }
        return replay
    }

    /// Ends the one under way, and lets none begin.
    func end() async {
        let running = state.withLock { state -> FeedReplay? in
            defer { state = .closed }
            if case .running(let replay) = state { return replay }
            return nil
        }
        running?.cancel()
        await running?.wait()
    }

    private func run(
        _ feed: any ReplayableFeed, from start: ReplayStart, publish: FeedReplayPublish?,
        tell: @escaping @Sendable (FeedReplayNews) -> Void
    ) async {
        let progress = ReplayTally(tell)
        let server = self.server
        let publish = publish ?? server.publishAgain
        let port = FeedPort(
            publish: { (events, position) async throws(FeedFailure) in
                let results = try await publish(events)
                progress.count(results, position)
                return results
            },
            lastPosition: server.lastPosition, report: { progress.setWaiting($0.waiting) }, alarm: server.alarm,
            now: server.now)
        var failure: FeedFailure?
        do throws(FeedFailure) {
            try await feed.replay(from: start, port)
            if Task.isCancelled { failure = FeedFailure("was ended early") }
        } catch {
            failure = error
        }
        state.withLock { if case .closed = $0 {} else { $0 = .idle } }
        tell(.ended(progress.current, failure))
    }
}

/// Counts what became of a replay's events. Any thread.
private final class ReplayTally: Sendable {
    private let progress = Mutex(FeedReplayProgress())
    private let tell: @Sendable (FeedReplayNews) -> Void

    init(_ tell: @escaping @Sendable (FeedReplayNews) -> Void) { self.tell = tell }

    var current: FeedReplayProgress { progress.withLock { $0 } }

    func setWaiting(_ waiting: UInt64) { progress.withLock { $0.waiting = waiting } }

    func count(_ results: [EventResult], _ position: FeedPosition?) {
        let now = progress.withLock { progress in
            progress.events += UInt64(results.count)
            for result in results { progress.outcomes[result.outcome, default: 0] += 1 }
            if let position { progress.position = position.text }
            return progress
        }
        tell(.progress(now))
    }
}
