internal import Engine
internal import Feeds
internal import Inventory

/// Reads one subject by its durable consumer, on a thread of its own: fetches while the batch before is being committed,
/// and acknowledges what is.
struct SubjectReader: ~Copyable {
    /// How long a request for messages stands; the thread looks up as often.
    private static let idleWaitNanoseconds: Int64 = 500 * .perMillisecond
    /// The same while a batch waits for its commit.
    private static let busyWaitNanoseconds: Int64 = 20 * .perMillisecond
    /// After how long a silence the server is asked why.
    private static let silenceNanoseconds: Int64 = 5 * .perSecond
    /// After how long without a connection the feed is said to have failed.
    private static let outageNanoseconds: Int64 = 30 * .perSecond
    /// When what was not committed is handed out again.
    private static let refusalMilliseconds: Int64 = 5_000

    private let context: ReaderContext
    private let index: Int
    private var subscription: PullSubscription
    /// Handed over and not settled, at most two.
    private var older: NatsMessages?
    private var newer: NatsMessages?
    private var lookedAroundNanoseconds: Int64
    private var lastConnectedNanoseconds: Int64

    init(_ context: ReaderContext, index: Int) throws(FeedFailure) {
        self.context = context
        self.index = index
        subscription = try JetStreamConsumer(context, index: index).subscribe()
        lookedAroundNanoseconds = monotonicNow()
        lastConnectedNanoseconds = lookedAroundNanoseconds
    }

    /// Returns when the session stops, with everything that was handed over settled.
    mutating func run() throws(FeedFailure) {
        defer {
            while older != nil { settleOldest() }
            context.link.connection.flush()
        }
        while !context.session.isStopping { try step() }
    }

    private mutating func step() throws(FeedFailure) {
        let wait = older == nil ? Self.idleWaitNanoseconds : Self.busyWaitNanoseconds
        guard let messages = try context.fetch(subscription, waitNanoseconds: wait) else {
            if older != nil { settleOldest() } else { try lookAround() }
            return
        }
        lookedAroundNanoseconds = monotonicNow()
        lastConnectedNanoseconds = lookedAroundNanoseconds
        context.session.handOver(try context.decoded(messages, reader: index))
        if older == nil {
            older = consume messages
        } else {
            newer = consume messages
            settleOldest()
        }
    }

    private mutating func settleOldest() {
        guard let messages = older.take() else { return }
        let isCommitted = context.session.verdict(for: index)
        older = newer.take()
        if isCommitted { messages.acknowledge() } else { messages.refuse(afterMilliseconds: Self.refusalMilliseconds) }
    }

    /// Nothing came. That may be because nothing is there, or because the consumer is gone or a restart of the server lost
    /// the request.
    private mutating func lookAround() throws(FeedFailure) {
        let now = monotonicNow()
        guard context.link.connection.isConnected else {
            guard now - lastConnectedNanoseconds < Self.outageNanoseconds else {
                throw FeedFailure("\(context.settings.endpoint.shown): the connection is lost")
            }
            return
        }
        lastConnectedNanoseconds = now
        guard now - lookedAroundNanoseconds >= Self.silenceNanoseconds else { return }
        lookedAroundNanoseconds = now
        let consumer = try JetStreamConsumer(context, index: index)
        if consumer.isNew || consumer.state.waiting > 0 { subscription = try consumer.subscribe() }
    }
}
