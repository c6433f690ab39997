public import Engine
public import Feeds
internal import Inventory

/// Makes an event of a message, or of what cannot be read a dead letter with its bytes. Any thread.
///
/// - Parameters:
///   - contentType: the header `Content-Type`; may be empty.
///   - headers: the first value of each.
public typealias PayloadDecoder =
    @Sendable (_ body: [UInt8], _ contentType: String, _ headers: [(name: String, value: String)]) -> IncomingEvent

/// Events from subjects of one NATS JetStream stream, each read by a durable pull consumer. A message is acknowledged after
/// the commit that holds its effect, so that none is lost; one that comes again is a duplicate by its event id.
public struct JetStreamFeed: ReplayableFeed {
    public let settings: Settings
    public let sources: Set<String>
    private let decode: PayloadDecoder

    /// - Parameter sources: all whose events `decode` may make; nil: those of the settings' source only.
    public init(_ settings: Settings, sources: Set<String>? = nil, decode: @escaping PayloadDecoder) {
        self.settings = settings
        self.sources = sources ?? [settings.source]
        self.decode = decode
    }

    public var id: String { settings.id }
    public var kind: FeedKind { .nats }
    public var source: String { settings.source }

    public func run(_ port: FeedPort) async throws(FeedFailure) {
        let stored = try port.lastPosition().flatMap { StreamPosition(text: $0.text) }
        let session = FeedSession(subjects: settings.subjects, stored: stored, report: port.report)
        let (settings, decode) = (settings, decode)
        try await Self.publish(session, port, id: id) {
            do throws(FeedFailure) {
                let link = try JetStreamLink(settings.endpoint)
                let context = ReaderContext(settings: settings, decode: decode, session: session, link: link)
                var threads: [BlockingThread] = []
                defer { for thread in threads { thread.join() } }
                for index in settings.subjects.indices {
                    threads.append(try BlockingThread { Self.read(index, context) })
                }
            } catch {
                session.fail(error)
            }
        }
    }

    public func replay(from start: ReplayStart, _ port: FeedPort) async throws(FeedFailure) {
        let starts = try settings.subjects.map { subject throws(FeedFailure) in try Self.start(start, of: subject) }
        let session = FeedSession(subjects: settings.subjects, stored: nil, report: port.report)
        let (settings, decode) = (settings, decode)
        try await Self.publish(session, port, id: id) {
            do throws(FeedFailure) {
                let link = try JetStreamLink(settings.endpoint)
                let context = ReaderContext(settings: settings, decode: decode, session: session, link: link)
                for (index, start) in starts.enumerated() where !session.isStopping {
                    try SubjectReplay(context: context, index: index, start: start).run()
                }
            } catch {
                session.fail(error)
            }
        }
    }

    /// A sequence of the stream, or a position of the feed.
    private static func start(_ start: ReplayStart, of subject: String) throws(FeedFailure) -> ConsumerStart {
        switch start {
        case .time(let time): return .timeNanoseconds(time)
        case .position(let text):
            if let sequence = UInt64(text) { return .sequence(sequence) }
            guard let position = StreamPosition(text: text) else {
                throw FeedFailure("position: a sequence of the stream, or a position as ListSources shows it")
            }
            return position.sequences[subject].map { .sequence($0 + 1) } ?? .all
        }
    }

    /// The life of a thread.
    private static func read(_ index: Int, _ context: ReaderContext) {
        do throws(FeedFailure) {
            var reader = try SubjectReader(context, index: index)
            try reader.run()
        } catch {
            context.session.fail(error)
        }
    }

    /// Runs `body`, which reads, on a thread of its own and publishes what it hands over, until the thread has ended.
    private static func publish(
        _ session: FeedSession, _ port: FeedPort, id: String, _ body: @escaping @Sendable () -> Void
    ) async throws(FeedFailure) {
        let thread = try BlockingThread {
            body()
            session.finish()
        }
        thread.detach()
        // A task of its own, since each batch that was handed over must be settled, also after this one is cancelled.
        let publisher = Task {
            for await batch in session.arrivals { await publish(batch, session, port, id: id) }
        }
        await withTaskCancellationHandler {
            await publisher.value
        } onCancel: {
            session.stop()
        }
        if let failure = session.failure { throw failure }
    }

    private static func publish(_ batch: ReadBatch, _ session: FeedSession, _ port: FeedPort, id: String) async {
        // What comes after a batch that was refused is refused too: it comes again with it.
        guard session.failure == nil else { return session.settle(batch, isCommitted: false) }
        do throws(FeedFailure) {
            _ = try await port.publish(batch.events, session.position(after: batch, of: id))
            session.settle(batch, isCommitted: true)
        } catch {
            session.fail(error)
            session.settle(batch, isCommitted: false)
        }
    }
}
