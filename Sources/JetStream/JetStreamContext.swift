internal import CNATS
internal import Feeds
internal import Inventory

/// What the server says of a stream.
struct StreamState: Sendable, Equatable {
    /// Tells a stream from an earlier one of its name, whose sequences mean nothing any more.
    var createdNanoseconds: Int64
    var lastSequence: UInt64
}

/// What the server says of a consumer.
struct ConsumerState: Sendable, Equatable {
    var name = ""
    /// May be empty: the whole stream.
    var subject = ""
    var acknowledgesEach = true
    var isPull = true
    /// Handed out up to here (stream sequence).
    var deliveredSequence: UInt64
    /// All acknowledged up to here (stream sequence).
    var acknowledgedSequence: UInt64
    /// Handed out and not acknowledged.
    var unacknowledged: UInt64
    /// Not handed out yet.
    var waiting: UInt64
}

/// Where a new consumer begins to read.
enum ConsumerStart: Sendable, Equatable {
    case all
    case sequence(UInt64)
    case timeNanoseconds(Int64)
}

/// Streams and consumers of one connection. Any thread; its calls wait for the server, five seconds at most.
///
/// Why @unchecked: libnats locks a context itself.
@safe
struct JetStreamContext: ~Copyable, @unchecked Sendable {
    /// How long a message that was handed out may go unacknowledged before it is handed out again.
    static let acknowledgementWaitNanoseconds: Int64 = 60 * .perSecond
    /// More than two batches of the largest size.
    static let unacknowledgedMax: Int64 = 5_000
    /// After how long the server forgets a consumer of a replay that nobody reads.
    static let replayIdleNanoseconds: Int64 = 60 * .perSecond

    // Owned: freed by deinit.
    private let pointer: OpaquePointer

    /// Takes a context over.
    init(_ context: OpaquePointer) { unsafe pointer = context }

    deinit { unsafe jsCtx_Destroy(pointer) }

    func stream(_ name: String) throws(FeedFailure) -> StreamState {
        var found: UnsafeMutablePointer<jsStreamInfo>?
        try unsafe check(js_GetStreamInfo(&found, pointer, name, nil, nil), "stream \(name)")
        // Freed after what is needed of it was copied.
        defer { unsafe jsStreamInfo_Destroy(found) }
        guard let info = unsafe found?.pointee else { preconditionFailure("js_GetStreamInfo gave nothing") }
        return unsafe StreamState(createdNanoseconds: info.Created, lastSequence: info.State.LastSeq)
    }

    /// Nil: there is none of this name.
    func consumer(_ name: String, of stream: String) throws(FeedFailure) -> ConsumerState? {
        var found: UnsafeMutablePointer<jsConsumerInfo>?
        let status = unsafe js_GetConsumerInfo(&found, pointer, stream, name, nil, nil)
        if status == NATS_NOT_FOUND { return nil }
        try check(status, "consumer \(name) of stream \(stream)")
        // Freed after what is needed of it was copied.
        defer { unsafe jsConsumerInfo_Destroy(found) }
        return unsafe found.map { unsafe ConsumerState($0.pointee) }
    }

    /// Makes a pull consumer: a durable one by that name, or one of a replay, which the server forgets.
    func addConsumer(
        durable: String?, of stream: String, subject: String, from start: ConsumerStart
    ) throws(FeedFailure) -> ConsumerState {
        var terms = unsafe jsConsumerConfig()
        unsafe jsConsumerConfig_Init(&terms)
        unsafe terms.AckPolicy = js_AckExplicit
        unsafe terms.AckWait = Self.acknowledgementWaitNanoseconds
        unsafe terms.MaxDeliver = -1
        unsafe terms.MaxAckPending = Self.unacknowledgedMax
        if durable == nil { unsafe terms.InactiveThreshold = Self.replayIdleNanoseconds }
        switch start {
        case .all: unsafe terms.DeliverPolicy = js_DeliverAll
        case .sequence(let sequence):
            unsafe terms.DeliverPolicy = js_DeliverByStartSequence
            unsafe terms.OptStartSeq = max(1, sequence)
        case .timeNanoseconds(let time):
            unsafe terms.DeliverPolicy = js_DeliverByStartTime
            unsafe terms.OptStartTime = max(1, time)
        }
        var made: UnsafeMutablePointer<jsConsumerInfo>?
        // The terms borrow both strings for the call.
        let status = unsafe subject.withCString { subject in
            unsafe terms.FilterSubject = UnsafePointer(subject)
            guard let durable else { return unsafe js_AddConsumer(&made, pointer, stream, &terms, nil, nil) }
            return unsafe durable.withCString { durable in
                unsafe terms.Durable = UnsafePointer(durable)
                return unsafe js_AddConsumer(&made, pointer, stream, &terms, nil, nil)
            }
        }
        try check(status, "consumer \(durable ?? "of a replay") of stream \(stream)")
        // Freed after what is needed of it was copied.
        defer { unsafe jsConsumerInfo_Destroy(made) }
        guard let state = unsafe made.map({ unsafe ConsumerState($0.pointee) }) else {
            preconditionFailure("js_AddConsumer gave nothing")
        }
        return state
    }

    /// One that is gone already is no failure.
    func deleteConsumer(_ name: String, of stream: String) {
        // If it stays, the server forgets it by itself.
        unsafe _ = js_DeleteConsumer(pointer, stream, name, nil, nil)
    }

    /// Stores a message in the stream that takes its subject. Returns when the server has it.
    ///
    /// - Parameter id: within the stream's window the server drops a repeat of it; nil: none.
    func publish(_ message: borrowing NatsMessage, id: String?) throws(FeedFailure) {
        var options = unsafe jsPubOptions()
        unsafe jsPubOptions_Init(&options)
        guard let id else {
            return try check(unsafe js_PublishMsg(nil, pointer, message.pointer, &options, nil), "publish")
        }
        // The options borrow the id for the call.
        let status = unsafe id.withCString { id in
            unsafe options.MsgId = UnsafePointer(id)
            return unsafe js_PublishMsg(nil, pointer, message.pointer, &options, nil)
        }
        try check(status, "publish")
    }
}

extension ConsumerState {
    /// Copies what the library lends.
    fileprivate init(_ info: jsConsumerInfo) {
        // Both strings end with a zero and live as long as the info.
        name = unsafe info.Name.map { unsafe String(cString: $0) } ?? ""
        let terms = unsafe info.Config?.pointee
        subject = unsafe terms?.FilterSubject.map { unsafe String(cString: $0) } ?? ""
        acknowledgesEach = unsafe terms?.AckPolicy == js_AckExplicit
        isPull = unsafe terms?.DeliverSubject == nil
        deliveredSequence = unsafe info.Delivered.Stream
        acknowledgedSequence = unsafe info.AckFloor.Stream
        unacknowledged = unsafe UInt64(max(0, info.NumAckPending))
        waiting = unsafe info.NumPending
    }
}
