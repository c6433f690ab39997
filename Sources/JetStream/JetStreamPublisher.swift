internal import Dispatch
internal import Engine
public import Feeds
internal import Synchronization

/// Publishes messages to subjects of JetStream streams, several at a time and in no order: who needs one publishes the next after
/// the one before. Connects with the first message, and again with the next one after a failure. Any thread.
public final class JetStreamPublisher: Sendable {
    private let pool: PublishPool

    /// - Parameter callsMax: messages at a time, 1 or more; each has a thread, since libnats' calls block.
    public init(_ endpoint: NatsEndpoint, callsMax: Int = 1) {
        pool = PublishPool(endpoint, threadsMax: callsMax)
    }

    /// What still waits is refused.
    deinit { pool.close() }

    /// Returns after the server has stored the message, or as soon as the task is cancelled. Throws when it is not known to be
    /// stored: it may be all the same, so ask again with the same id.
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
        let job = PublishPool.Job(subject: subject, id: id, headers: headers, body: body)
        pool.put(job)
        if let failure = await job.answer.wait(ifCancelled: FeedFailure("cancelled")) { throw failure }
    }
}

/// Messages on their way, the threads that send them, and the connection that these share.
private final class PublishPool: Sendable {
    struct Job: Sendable {
        let subject: String
        let id: String
        let headers: [(name: String, value: String)]
        let body: [UInt8]
        /// Nil: it is stored. Given early by whoever waits no longer.
        let answer = FirstAnswer<FeedFailure?>()
    }

    private struct State {
        var jobs: [Job] = []
        var threads = 0
        /// Threads that wait for a job.
        var idle = 0
        var isClosed = false
    }

    private struct Connection {
        var link: JetStreamLink?
        /// Attempts to connect that failed, and how the last of them did.
        var failures: UInt64 = 0
        var failure: FeedFailure?
    }

    private static let closed = FeedFailure("the publisher is closed")

    private let endpoint: NatsEndpoint
    private let threadsMax: Int
    private let state = Mutex(State())
    private let arrived = DispatchSemaphore(value: 0)
    /// Held while one thread connects: the others need what it gets.
    private let connection = Mutex(Connection())
    private let connectFailures = Atomic<UInt64>(0)

    init(_ endpoint: NatsEndpoint, threadsMax: Int) {
        precondition(threadsMax >= 1)
        self.endpoint = endpoint
        self.threadsMax = threadsMax
    }

    func put(_ job: Job) {
        enum Way { case refused, waits, needsThread }
        let way = state.withLock { state -> Way in
            if state.isClosed { return .refused }
            state.jobs.append(job)
            guard state.idle < state.jobs.count, state.threads < threadsMax else { return .waits }
            state.threads += 1
            return .needsThread
        }
        switch way {
        case .refused: return job.answer.give(Self.closed)
        case .waits: break
        case .needsThread: beginThread()
        }
        arrived.signal()
    }

    private func beginThread() {
        do throws(FeedFailure) {
            try BlockingThread { self.run() }.detach()
        } catch {
            let stranded = state.withLock { state -> [Job] in
                state.threads -= 1
                defer { if state.threads == 0 { state.jobs = [] } }
                return state.threads == 0 ? state.jobs : []
            }
            for job in stranded { job.answer.give(error) }
        }
    }

    func close() {
        let (refused, threads) = state.withLock { state in
            defer { state.jobs = [] }
            state.isClosed = true
            return (state.jobs, state.threads)
        }
        for job in refused { job.answer.give(Self.closed) }
        for _ in 0..<threads { arrived.signal() }
    }

    // MARK: A thread

    /// Its life, until `close`.
    private func run() {
        while true {
            state.withLock { $0.idle += 1 }
            arrived.wait()
            let (job, isClosed) = state.withLock { state -> (Job?, Bool) in
                state.idle -= 1
                return (state.jobs.isEmpty ? nil : state.jobs.removeFirst(), state.isClosed)
            }
            if let job {
                send(job)
            } else if isClosed {
                return
            }
        }
    }

    private func send(_ job: Job) {
        if job.answer.isGiven { return }
        do throws(FeedFailure) {
            let link = try connected()
            do throws(FeedFailure) {
                let message = try NatsMessage(subject: job.subject, headers: job.headers, body: job.body)
                // Nobody waits for it any more, and a newer one may be on its way already.
                if job.answer.isGiven { return }
                try link.jetStream.publish(message, id: job.id)
                job.answer.give(nil)
            } catch {
                if !link.connection.isConnected { drop(link) }
                throw error
            }
        } catch {
            job.answer.give(error)
        }
    }

    private func connected() throws(FeedFailure) -> JetStreamLink {
        let before = connectFailures.load(ordering: .acquiring)
        return try connection.withLock { connection throws(FeedFailure) in
            if let link = connection.link { return link }
            // Somebody tried while this thread waited: a server that is away is not waited for by each of us in turn.
            if connection.failures != before, let failure = connection.failure { throw failure }
            do throws(FeedFailure) {
                let link = try JetStreamLink(endpoint)
                connection.link = link
                return link
            } catch {
                connection.failures += 1
                connection.failure = error
                connectFailures.store(connection.failures, ordering: .releasing)
                throw error
            }
        }
    }

    /// Closed at once: what it still holds must not arrive after what is sent by the next connection.
    private func drop(_ link: JetStreamLink) {
        connection.withLock { if $0.link === link { $0.link = nil } }
        link.connection.close()
    }
}
