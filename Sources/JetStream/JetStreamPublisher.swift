public import Feeds
internal import Dispatch
internal import Synchronization

/// Publishes messages to subjects of JetStream streams, in the order they were asked for, on a thread of its own. Connects
/// with the first message, and again with the next one after a failure. Any thread.
public final class JetStreamPublisher: Sendable {
    private let queue: PublishQueue

    public init(_ endpoint: NatsEndpoint) throws(FeedFailure) {
        let queue = PublishQueue()
        self.queue = queue
        try BlockingThread { queue.run(endpoint) }.detach()
    }

    /// What still waits is refused.
    deinit { queue.close() }

    /// Returns after the server has stored the message. Throws when that is not known: it may be stored all the same, so ask
    /// again with the same id.
    ///
    /// - Parameters:
    ///   - id: sent as `Nats-Msg-Id`: the server drops a repeat within the stream's window.
    ///   - headers: none may hold a line break.
    public func publish(
        subject: String, id: String, headers: [(name: String, value: String)], body: [UInt8]
    ) async throws(FeedFailure) {
        let texts = [subject, id] + headers.flatMap { [$0.name, $0.value] }
        guard texts.allSatisfy({ text in text.utf8.allSatisfy { $0 >= 32 && $0 != 127 } }) else {
            throw FeedFailure("message for \(subject): a control character in its subject, id or headers")
        }
        let failure = await withCheckedContinuation { answer in
            queue.put(PublishQueue.Job(subject: subject, id: id, headers: headers, body: body, answer: answer))
        }
        if let failure { throw failure }
    }
}

/// Messages on their way to the publisher's thread.
private final class PublishQueue: Sendable {
    struct Job: Sendable {
        let subject: String
        let id: String
        let headers: [(name: String, value: String)]
        let body: [UInt8]
        /// Nil: it is stored.
        let answer: CheckedContinuation<FeedFailure?, Never>
    }

    private struct State {
        var jobs: [Job] = []
        var isClosed = false
    }

    private static let closed = FeedFailure("the publisher is closed")

    private let state = Mutex(State())
    private let changed = DispatchSemaphore(value: 0)

    func put(_ job: Job) {
        let isTaken = state.withLock { state in
            if !state.isClosed { state.jobs.append(job) }
            return !state.isClosed
        }
        if isTaken { changed.signal() } else { job.answer.resume(returning: Self.closed) }
    }

    func close() {
        let refused = state.withLock { state in
            defer { state.jobs = [] }
            state.isClosed = true
            return state.jobs
        }
        for job in refused { job.answer.resume(returning: Self.closed) }
        changed.signal()
    }

    /// The thread's life, until `close`.
    func run(_ endpoint: NatsEndpoint) {
        var link: JetStreamLink?
        while true {
            changed.wait()
            let (jobs, isClosed) = state.withLock { state in
                defer { state.jobs = [] }
                return (state.jobs, state.isClosed)
            }
            for job in jobs {
                do throws(FeedFailure) {
                    let connected = if let link { link } else { try JetStreamLink(endpoint) }
                    link = connected
                    let message = try NatsMessage(subject: job.subject, headers: job.headers, body: job.body)
                    try connected.jetStream.publish(message, id: job.id)
                    job.answer.resume(returning: nil)
                } catch {
                    if link?.connection.isConnected != true { link = nil }
                    job.answer.resume(returning: error)
                }
            }
            if isClosed { return }
        }
    }
}
