/// The application as one event loop sees it. One instance per loop; every method is called on that loop's thread.
public protocol LoopHandler: AnyObject {
    /// Called before the requests of one socket read are delivered: the handler renews what it reads from, so that a
    /// caller reads its own writes.
    func turnBegan()

    /// Called after the requests of one socket read were delivered: the handler lets go of what it pinned. Always
    /// paired with `turnBegan`.
    func turnEnded()

    /// Answers a `unaryInline` method. `request` is the whole message, uncompressed, in the connection's own buffer:
    /// it is valid during this call only. `reply` comes empty; what is in it when this returns is the reply message.
    ///
    /// Must not block or allocate on its usual path.
    func answer(method: Int, request: UnsafeRawBufferPointer, reply: inout ReplyBuffer) throws(CallStatus)

    /// Opens a call of any other kind. The wire calls the receiver until `sink.finish` or `cancelled`.
    /// Throwing answers the call with that status.
    func open(_ context: CallContext, sink: any ResponseSink) throws(CallStatus) -> any CallReceiver
}

/// Makes the application's part of each loop.
public protocol CallApplication: Sendable {
    /// The server's methods; their indices are the `method` numbers in every other call. The same list for ever.
    var methods: [MethodDescriptor] { get }

    /// Called once for each loop, on the loop's own thread, before it accepts connections.
    func makeLoopHandler(loop: Int) -> any LoopHandler
}

/// What the application does with the messages of one call. Called on the loop's thread only, never after `cancelled`
/// or after the sink was finished.
public protocol CallReceiver: AnyObject {
    /// One whole message, uncompressed. Return `.pause` to have the wire stop reading this stream (HTTP/2 flow control
    /// then holds the caller back) until `ResponseSink.resumeReading()`.
    func receive(_ message: [UInt8]) -> ReadDecision

    /// The caller has sent its last message. For unary and server-streaming calls it follows the one message at once. A
    /// bidirectional call hears it as well when the server begins to stop: what it answers then still goes out.
    func endOfMessages()

    /// The bytes waiting to be sent fell below the low-water mark after having been above the high-water mark.
    func writable()

    /// The call is over without our doing: deadline, reset by the caller, connection lost or server stopping (a
    /// server-streaming call as soon as it begins to stop, the others when the grace is over). The wire
    /// has told the caller what there is to tell; the sink ignores what is still sent to it.
    func cancelled(_ reason: CancelReason)
}

public enum ReadDecision: Sendable {
    case more
    case pause
}

public enum CancelReason: Sendable {
    case deadlineExceeded
    case resetByCaller
    case connectionLost
    case serverStopping
}

/// The reply side of one call. Safe to use from any thread: off the loop's thread, work is posted to the loop's mailbox
/// as (slot, generation), and dropped there if the call is over.
public protocol ResponseSink: AnyObject, Sendable {
    /// Queues one reply message.
    func send(_ message: [UInt8])

    /// Ends the call. A successful unary call sends exactly one message before. Later calls are ignored.
    func finish(_ status: CallStatus)

    /// Ends a unary call well, with the message that `reply` makes. It is made on the call's loop: whoever has the answer, the
    /// writer above all, has more to do. Later calls are ignored.
    func finish(making reply: @escaping @Sendable () -> [UInt8])

    /// Undoes `ReadDecision.pause`.
    func resumeReading()

    /// Whether the bytes queued for this call are below the high-water mark. A stream that ignores this is cut off at
    /// the wire's limit with RESOURCE_EXHAUSTED.
    var isWritable: Bool { get }
}
