import Engine
import Feeds
import Inventory
import Logging
import Synchronization

/// Does at each run what the test says, and tells how often it ran.
final class ScriptedFeed: Feed {
    let id: String
    let kind = FeedKind.http
    let source = "wms"
    private let script: @Sendable (_ run: Int, FeedPort) async throws(FeedFailure) -> Void
    private let count = Mutex(0)

    init(
        _ id: String,
        _ script: @escaping @Sendable (_ run: Int, FeedPort) async throws(FeedFailure) -> Void = { _, port in
            await untilCancelled(port)
        }
    ) {
        self.id = id
        self.script = script
    }

    var runs: Int { count.withLock { $0 } }

    func run(_ port: FeedPort) async throws(FeedFailure) {
        let run = count.withLock { count in
            count += 1
            return count
        }
        try await script(run, port)
    }
}

/// One with a past.
final class ScriptedReplay: ReplayableFeed {
    let id = "replayed"
    let kind = FeedKind.files
    let source = "wms"
    private let script: @Sendable (ReplayStart, FeedPort) async throws(FeedFailure) -> Void

    init(_ script: @escaping @Sendable (ReplayStart, FeedPort) async throws(FeedFailure) -> Void) {
        self.script = script
    }

    func run(_ port: FeedPort) async throws(FeedFailure) { await untilCancelled(port) }

    func replay(from start: ReplayStart, _ port: FeedPort) async throws(FeedFailure) { try await script(start, port) }
}

func untilCancelled(_ port: FeedPort) async {
    while !Task.isCancelled { await port.alarm.sleep(nanoseconds: 60 * .perSecond) }
}

/// The server as feeds see it: keeps what was published, and refuses when it is told to.
final class RecordingServer: Sendable {
    struct State {
        var batches: [[IncomingEvent]] = []
        var positions: [FeedPosition] = []
        /// Called before a batch is taken, and after it was.
        var before: @Sendable (Int) throws(FeedFailure) -> Void = { (_) throws(FeedFailure) in }
        var after: @Sendable (Int) throws(FeedFailure) -> Void = { (_) throws(FeedFailure) in }
        var seen: Set<String> = []
        var backlogs: [FeedBacklog] = []
    }

    let state = Mutex(State())
    let alarm = AlarmClock()

    deinit { alarm.stop() }

    var events: [IncomingEvent] { state.withLock { $0.batches.flatMap(\.self) } }

    /// A rejected event is a dead letter, a known id a duplicate.
    func port(_ feed: String) -> FeedPort {
        FeedPort(
            publish: { [self] (events, position) async throws(FeedFailure) in
                let (before, after, count) = state.withLock { ($0.before, $0.after, $0.batches.count) }
                try before(count)
                let results = state.withLock { state in
                    state.batches.append(events)
                    if let position { state.positions.append(position) }
                    return events.map { incoming in
                        let id = incoming.event.id
                        if let rejection = incoming.rejection {
                            return EventResult(id: id, outcome: .deadLettered, reason: rejection.description)
                        }
                        let isNew = state.seen.insert(id).inserted
                        return EventResult(id: id, outcome: isNew ? .applied : .duplicate)
                    }
                }
                try after(count)
                return results
            },
            lastPosition: { [self] () throws(FeedFailure) in
                state.withLock { $0.positions.last { $0.feed == feed } }
            },
            report: { [self] backlog in state.withLock { $0.backlogs.append(backlog) } }, alarm: alarm,
            now: { 1_800_000_000 * .perSecond })
    }
}

/// A clock that stands still until the test moves it. Who sleeps is woken when its time has come.
final class FakeClock: Sendable {
    private struct Sleeper {
        let id: Int
        let deadlineNanoseconds: Int64
        let continuation: CheckedContinuation<Void, Never>
    }

    private struct State {
        var nowNanoseconds: Int64 = 1_000 * .perSecond
        var sleepers: [Sleeper] = []
        var cancelled: Set<Int> = []
        var nextID = 0
        var slept: [Int64] = []
    }

    private let state = Mutex(State())

    var feedClock: FeedClock {
        FeedClock(
            sleep: { await self.sleep($0) }, monotonicNow: { self.state.withLock { $0.nowNanoseconds } },
            now: { self.state.withLock { $0.nowNanoseconds } + 1_700_000_000 * .perSecond }, chance: { 1 })
    }

    /// How long was slept, or is being.
    var slept: [Int64] { state.withLock { $0.slept } }

    func advance(_ nanoseconds: Int64) {
        let due = state.withLock { state in
            state.nowNanoseconds += nanoseconds
            let now = state.nowNanoseconds
            let due = state.sleepers.filter { $0.deadlineNanoseconds <= now }
            state.sleepers.removeAll { $0.deadlineNanoseconds <= now }
            return due
        }
        for sleeper in due { sleeper.continuation.resume() }
    }

    private func sleep(_ nanoseconds: Int64) async {
        let id = state.withLock { state in
            state.nextID += 1
            state.slept.append(nanoseconds)
            return state.nextID
        }
        await withTaskCancellationHandler {
            await withCheckedContinuation { continuation in
                let isCancelled = state.withLock { state in
                    if state.cancelled.contains(id) { return true }
                    state.sleepers.append(
                        Sleeper(
                            id: id, deadlineNanoseconds: state.nowNanoseconds + nanoseconds, continuation: continuation)
                    )
                    return false
                }
                if isCancelled { continuation.resume() }
            }
        } onCancel: {
            let sleeper = state.withLock { state -> Sleeper? in
                state.cancelled.insert(id)
                guard let index = state.sleepers.firstIndex(where: { $0.id == id }) else { return nil }
                return state.sleepers.remove(at: index)
            }
            sleeper?.continuation.resume()
        }
    }
}

/// Waits until something came about; a test that waits in vain is ended by its time limit.
func eventually(_ condition: () -> Bool) async {
    while !condition() { await Task.yield() }
}

let silent = Logger(label: "silent") { _ in SwiftLogNoOpLogHandler() }
