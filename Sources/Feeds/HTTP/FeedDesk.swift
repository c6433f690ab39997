internal import Engine
internal import Inventory
internal import Synchronization

/// Where requests meet the feed that is to publish their events. Open while the feed runs; `Credentials` is what it read
/// when it began. Any thread.
final class FeedDesk<Credentials: Sendable>: Sendable {
    private struct State {
        var shift: Shift<Credentials>?
        var waitingEvents = 0
    }

    /// Events of requests that wait for their commit; beyond, senders are told to come again.
    private let waitingEventsMax: Int
    private let state = Mutex(State())

    init(waitingEventsMax: Int = 10 * Limits.eventsPerBatchMax) {
        self.waitingEventsMax = waitingEventsMax
    }

    /// Nil while nobody works here.
    var credentials: Credentials? { state.withLock { $0.shift?.credentials } }

    /// Events that wait for their commit.
    var waitingEvents: Int { state.withLock { $0.waitingEvents } }

    /// Takes requests until the task is cancelled or a commit has failed.
    func work(_ port: FeedPort, _ credentials: Credentials) async throws(FeedFailure) {
        let shift = Shift(port: port, credentials: credentials)
        state.withLock { $0.shift = shift }
        port.report(FeedBacklog(waiting: UInt64(waitingEvents)))
        let failure = await shift.untilOver()
        state.withLock { state in
            if state.shift === shift { state.shift = nil }
        }
        if let failure { throw failure }
    }

    /// Returns after the commit of the events, at most `Limits.eventsPerBatchMax`.
    func publish(_ events: [IncomingEvent]) async -> DeskAnswer {
        if events.isEmpty { return .published([]) }
        let (shift, isFull) = state.withLock { state -> (Shift<Credentials>?, Bool) in
            guard let shift = state.shift else { return (nil, false) }
            // More events than all may wait for still pass when nobody else waits.
            let isFull = state.waitingEvents > 0 && state.waitingEvents + events.count > waitingEventsMax
            if !isFull { state.waitingEvents += events.count }
            return (shift, isFull)
        }
        guard let shift else { return .closed }
        if isFull { return .full }
        shift.port.report(FeedBacklog(waiting: UInt64(waitingEvents)))
        defer {
            state.withLock { $0.waitingEvents -= events.count }
            shift.port.report(FeedBacklog(waiting: UInt64(waitingEvents)))
        }
        do throws(FeedFailure) {
            return .published(try await shift.port.publish(events, nil))
        } catch {
            shift.end(error)
            return .closed
        }
    }
}

/// What became of a request's events.
enum DeskAnswer {
    /// On disk, with a result for each.
    case published([EventResult])
    /// Too many wait already.
    case full
    /// The feed does not run, or there was no commit.
    case closed
}

/// One run of a feed: over when its task is cancelled or a commit failed.
private final class Shift<Credentials: Sendable>: Sendable {
    private enum State {
        case new
        case waiting(CheckedContinuation<FeedFailure?, Never>)
        case over(FeedFailure?)
    }

    let port: FeedPort
    let credentials: Credentials
    private let state = Mutex(State.new)

    init(port: FeedPort, credentials: Credentials) {
        self.port = port
        self.credentials = credentials
    }

    /// Why it is over; nil: cancelled. Once only.
    func untilOver() async -> FeedFailure? {
        await withTaskCancellationHandler {
            await withCheckedContinuation { continuation in
                let ended: FeedFailure?? = state.withLock { state in
                    if case .over(let failure) = state { return .some(failure) }
                    state = .waiting(continuation)
                    return nil
                }
                if let ended { continuation.resume(returning: ended) }
            }
        } onCancel: {
            end(nil)
        }
    }

    func end(_ failure: FeedFailure?) {
        let waiting = state.withLock { state -> CheckedContinuation<FeedFailure?, Never>? in
            switch state {
            case .over: return nil
            case .new:
                state = .over(failure)
                return nil
            case .waiting(let continuation):
                state = .over(failure)
                return continuation
            }
        }
        waiting?.resume(returning: failure)
    }
}
