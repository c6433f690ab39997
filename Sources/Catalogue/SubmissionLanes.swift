public import Engine
internal import Glibc

/// Hands over events and tells how each one ended, in the same order. Called on threads of the lanes, up to
/// `BatchLimits.commandsInFlight` at one time; it may block.
public typealias EventSubmission = @Sendable (_ events: [IncomingEvent]) throws -> [EventResult]

/// How events are handed over.
public struct BatchLimits: Sendable, Equatable {
    /// 1 to 1,000, the contract's limit.
    public var eventsPerCommand = 1_000
    /// Several, so that commands can share a commit and the next rows are read meanwhile.
    public var commandsInFlight = 4

    public init() {}
}

/// Events on their way, with the lines they came from.
struct EventBatch: Sendable {
    var events: [IncomingEvent] = []
    var lines: [Int] = []
}

/// An answered batch: one result for each of its lines.
struct AnsweredBatch: Sendable {
    var lines: [Int]
    var results: [EventResult]
}

/// Threads that submit batches while the next ones are made. Batches may be answered in any order: which event wins is
/// decided by its time, not by its arrival. Used by one thread; `finish` must be called in the end.
final class SubmissionLanes {
    fileprivate struct State {
        var waiting: [EventBatch] = []
        var underWay = 0
        var answered: [AnsweredBatch] = []
        var failure: (any Error)?
        var isClosed = false
    }

    private let laneCount: Int
    private let monitor = Monitor(State())
    private var threads: [pthread_t] = []

    init(count: Int, submit: @escaping EventSubmission) {
        precondition(count >= 1, "at least one command must be in flight")
        laneCount = count
        for _ in 0..<count {
            let lane = Lane(monitor: monitor, submit: submit)
            var thread = pthread_t()
            let code = pthread_create(&thread, nil, laneThreadBody, Unmanaged.passRetained(lane).toOpaque())
            precondition(code == 0, "a thread could not be created: error \(code)")
            threads.append(thread)
        }
    }

    /// Waits for a free lane, and returns what was answered since the last call.
    func put(_ batch: EventBatch) throws(PositionFileError) -> [AnsweredBatch] {
        let laneCount = laneCount
        let (answered, failure) = monitor.when({
            $0.failure != nil || $0.waiting.count + $0.underWay < laneCount
        }) { state in
            if state.failure == nil { state.waiting.append(batch) }
            defer { state.answered = [] }
            return (state.answered, state.failure)
        }
        if let failure { throw .submission(failure) }
        return answered
    }

    /// Waits until everything is answered and ends the threads. Returns what was answered since the last call, and why
    /// some of it was not.
    func finish() -> (answered: [AnsweredBatch], failure: (any Error)?) {
        monitor.when({ _ in true }) { $0.isClosed = true }
        for thread in threads { pthread_join(thread, nil) }
        threads = []
        return monitor.when({ _ in true }) { ($0.answered, $0.failure) }
    }
}

/// What one thread works with; released by it.
private final class Lane: Sendable {
    private let monitor: Monitor<SubmissionLanes.State>
    private let submit: EventSubmission

    init(monitor: Monitor<SubmissionLanes.State>, submit: @escaping EventSubmission) {
        self.monitor = monitor
        self.submit = submit
    }

    func run() {
        while let batch = take() {
            do {
                let results = try submit(batch.events)
                precondition(results.count == batch.events.count, "one result for each event")
                monitor.when({ _ in true }) { state in
                    state.underWay -= 1
                    state.answered.append(AnsweredBatch(lines: batch.lines, results: results))
                }
            } catch {
                monitor.when({ _ in true }) { state in
                    state.underWay -= 1
                    state.failure = state.failure ?? error
                    state.waiting = []
                }
            }
        }
    }

    /// Nil when no more will come.
    private func take() -> EventBatch? {
        monitor.when({ !$0.waiting.isEmpty || $0.isClosed }) { state in
            guard !state.waiting.isEmpty else { return nil }
            state.underWay += 1
            return state.waiting.removeFirst()
        }
    }
}

/// A global function, since a closure given to `pthread_create` would inherit its maker's isolation.
private func laneThreadBody(_ argument: UnsafeMutableRawPointer?) -> UnsafeMutableRawPointer? {
    let lane = Unmanaged<Lane>.fromOpaque(argument!).takeRetainedValue()
    lane.run()
    return nil
}
