public import Engine
internal import Inventory
public import Logging

/// Runs the feeds, each in a task of its own: what becomes of one never touches another. A feed that fails begins anew after a
/// pause, a paused one when it is resumed. Any thread.
public final class FeedSupervisor: Sendable {
    private let runners: [FeedRunner]

    /// - Parameters:
    ///   - feeds: with ids that differ.
    ///   - pauses: those that were paused before the server started, by id.
    ///   - server: each feed's way to the writer.
    public init(
        _ feeds: [any Feed], pauses: [String: FeedPause] = [:], clock: FeedClock, logger: Logger,
        server: (_ feed: String) -> FeedPort
    ) {
        runners = feeds.map {
            FeedRunner($0, pause: pauses[$0.id], server: server($0.id), clock: clock, logger: logger)
        }
    }

    /// Runs them until the task is cancelled, and returns when all have ended.
    public func run() async {
        await withDiscardingTaskGroup { group in
            for runner in runners { group.addTask { await runner.run() } }
        }
    }

    /// In the order of the configuration.
    public var conditions: [FeedCondition] { runners.map(\.condition) }

    /// Nil: no feed is called so.
    public func condition(of id: String) -> FeedCondition? { runner(id)?.condition }

    /// Ends a feed's run until it is resumed. What is paused here must be stored: to be called after the commit.
    public func pause(_ id: String, _ pause: FeedPause) { runner(id)?.pause(pause) }

    /// Lets a paused feed go on. To be called after the commit.
    public func resume(_ id: String) { runner(id)?.resume() }

    /// Has a feed read its past again, beside its run and also while it is paused.
    ///
    /// - Parameters:
    ///   - publish: takes its events in; nil: like those of its run.
    ///   - tell: called after each batch and at the end.
    public func replay(
        _ id: String, from start: ReplayStart, publish: FeedReplayPublish? = nil,
        tell: @escaping @Sendable (FeedReplayNews) -> Void
    ) throws(FeedReplayRefusal) -> FeedReplay {
        guard let runner = runner(id) else { throw .feedNotFound }
        return try runner.replays.begin(from: start, publish: publish, tell: tell)
    }

    private func runner(_ id: String) -> FeedRunner? { runners.first { $0.feed.id == id } }
}
