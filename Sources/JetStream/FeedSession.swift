internal import Dispatch
internal import Engine
internal import Feeds
internal import Inventory
internal import Synchronization

/// What a thread read, decoded: to be published as one batch.
struct ReadBatch: Sendable {
    /// Which subject's.
    let reader: Int
    let events: [IncomingEvent]
    let sequences: [UInt64]
    /// When the last of them was stored there.
    let timeNanoseconds: Int64
    /// What the consumer had not handed out yet.
    let waiting: UInt64
}

/// Where the threads that read from NATS and the task that publishes meet, for one run of a feed. The threads hand over
/// batches and wait for what became of them, in the order of each thread's batches.
final class FeedSession: Sendable {
    private struct State {
        var failure: FeedFailure?
        var position: StreamPosition
        var progress: [SubjectProgress?]
        var backlogs: [FeedBacklog]
    }

    let arrivals: AsyncStream<ReadBatch>
    private let subjects: [String]
    private let state: Mutex<State>
    private let sender: AsyncStream<ReadBatch>.Continuation
    private let isEnding = Atomic(false)
    private let verdicts: [VerdictQueue]
    private let report: @Sendable (FeedBacklog) -> Void

    /// - Parameter stored: the position last committed.
    init(subjects: [String], stored: StreamPosition?, report: @escaping @Sendable (FeedBacklog) -> Void) {
        self.subjects = subjects
        self.report = report
        var position = stored ?? StreamPosition()
        // The place of a subject that is no longer read takes no room.
        position.sequences = position.sequences.filter { subjects.contains($0.key) }
        state = Mutex(
            State(
                position: position, progress: subjects.map { _ in nil },
                backlogs: subjects.map { _ in FeedBacklog(waiting: 0) }))
        // Bounded by what a thread hands over before it waits: two batches.
        (arrivals, sender) = AsyncStream.makeStream()
        verdicts = subjects.map { _ in VerdictQueue() }
    }

    // MARK: Any thread

    /// The threads end after what they have handed over is settled.
    func stop() { isEnding.store(true, ordering: .relaxed) }

    var isStopping: Bool { isEnding.load(ordering: .relaxed) }

    /// The first failure is the one that counts.
    func fail(_ failure: FeedFailure) {
        state.withLock { $0.failure = $0.failure ?? failure }
        stop()
    }

    var failure: FeedFailure? { state.withLock { $0.failure } }

    /// All threads have ended.
    func finish() { sender.finish() }

    // MARK: The threads that read

    /// Where a consumer of the subject begins that has to be made anew: after what was committed of this very stream.
    func start(of reader: Int, in stream: StreamState) -> ConsumerStart {
        state.withLock { state in
            guard state.position.createdNanoseconds == stream.createdNanoseconds,
                let sequence = state.position.sequences[subjects[reader]], sequence <= stream.lastSequence
            else { return .all }
            return .sequence(sequence + 1)
        }
    }

    /// The subject is read by this consumer from now on; nothing of it is handed over and not settled.
    func began(_ reader: Int, in stream: StreamState, consumer: ConsumerState) {
        state.withLock { state in
            if state.position.createdNanoseconds != stream.createdNanoseconds {
                state.position = StreamPosition(createdNanoseconds: stream.createdNanoseconds)
                state.progress = subjects.map { _ in nil }
            }
            let stored = state.position.sequences[subjects[reader]] ?? 0
            state.progress[reader] = SubjectProgress(stored: stored, consumer: consumer)
        }
        note(FeedBacklog(waiting: consumer.waiting), of: reader)
    }

    func handOver(_ batch: ReadBatch) { sender.yield(batch) }

    /// Waits for what became of the oldest batch that was handed over: whether it is committed.
    func verdict(for reader: Int) -> Bool { verdicts[reader].next() }

    func note(_ backlog: FeedBacklog, of reader: Int) {
        let total = state.withLock { state in
            state.backlogs[reader] = backlog
            let oldest = state.backlogs.filter { $0.waiting > 0 }.compactMap(\.oldestNanoseconds).min()
            return FeedBacklog(waiting: state.backlogs.reduce(0) { $0 + $1.waiting }, oldestNanoseconds: oldest)
        }
        report(total)
    }

    // MARK: The task that publishes

    /// The position that is true once the batch is committed.
    func position(after batch: ReadBatch, of feed: String) -> FeedPosition {
        state.withLock { state in
            var (position, progress) = (state.position, state.progress[batch.reader])
            progress?.commit(batch.sequences)
            position.sequences[subjects[batch.reader]] = progress?.committed
            return FeedPosition(feed: feed, text: position.text, timeNanoseconds: batch.timeNanoseconds)
        }
    }

    func settle(_ batch: ReadBatch, isCommitted: Bool) {
        if isCommitted {
            state.withLock { state in
                state.progress[batch.reader]?.commit(batch.sequences)
                state.position.sequences[subjects[batch.reader]] = state.progress[batch.reader]?.committed
            }
            // What waits was stored after the last that was read.
            note(FeedBacklog(waiting: batch.waiting, oldestNanoseconds: batch.timeNanoseconds), of: batch.reader)
        }
        verdicts[batch.reader].put(isCommitted)
    }
}

/// Verdicts on the batches of one thread, which alone takes them.
private final class VerdictQueue: Sendable {
    private let verdicts = Mutex<[Bool]>([])
    private let arrived = DispatchSemaphore(value: 0)

    func put(_ isCommitted: Bool) {
        verdicts.withLock { $0.append(isCommitted) }
        arrived.signal()
    }

    func next() -> Bool {
        arrived.wait()
        return verdicts.withLock { $0.removeFirst() }
    }
}
