import Calls
import Synchronization

/// The reply side of one call as the application holds it. On the loop's thread it acts at once; on any other it posts
/// to the loop's mailbox. The stream's generation makes it harmless when the call is over.
final class Call: ResponseSink {
    private let context: LoopContext
    private let key: StreamKey
    private let isUnary: Bool
    // Bytes on their way to the caller: posted, or queued on the stream.
    private let queuedBytes = Atomic<Int>(0)
    // Somebody was told that the stream is not writable, and must be told when it is.
    private let owesWritable = Atomic<Bool>(false)
    private let isOver = Atomic<Bool>(false)
    // Items of this call in the mailbox. What the loop's own thread asks must not overtake them.
    private let postedItems = Atomic<Int>(0)
    // A unary reply waits for the status, so that both are one item in the mailbox.
    private let reply = Mutex<[UInt8]?>(nil)

    init(context: LoopContext, key: StreamKey, isUnary: Bool) {
        self.context = context
        self.key = key
        self.isUnary = isUnary
    }

    func send(_ message: [UInt8]) {
        if isOver.load(ordering: .relaxed) { return }
        if isUnary {
            reply.withLock { $0 = message }
            return
        }
        let queued = queuedBytes.add(Self.cost(message), ordering: .sequentiallyConsistent).newValue
        if queued > context.limits.streamBufferBytesMax {
            if isOver.exchange(true, ordering: .relaxed) { return }
            let status = CallStatus(.resourceExhausted, "the reply stream has more bytes waiting than the server keeps")
            post(.cutOff(key, status))
        } else {
            post(.send(key, message))
        }
    }

    func finish(_ status: CallStatus) {
        if isOver.exchange(true, ordering: .relaxed) { return }
        post(.finish(key, reply: isUnary ? reply.withLock { $0.take() } : nil, status))
    }

    func finish(making reply: @escaping @Sendable () -> [UInt8]) {
        precondition(isUnary, "a stream's messages are sent")
        if isOver.exchange(true, ordering: .relaxed) { return }
        post(.answer(key, reply: reply))
    }

    func resumeReading() {
        if isOver.load(ordering: .relaxed) { return }
        post(.resumeReading(key))
    }

    var isWritable: Bool {
        let most = context.limits.streamBufferHighWaterBytes
        if queuedBytes.load(ordering: .sequentiallyConsistent) < most { return true }
        owesWritable.store(true, ordering: .sequentiallyConsistent)
        // What drained between the two looks has told nobody.
        return queuedBytes.load(ordering: .sequentiallyConsistent) < most
    }

    /// Whether the receiver is to be told that the stream is writable again; at most once for each refusal. On the loop's
    /// thread, after bytes went.
    func takeOwedWritable() -> Bool {
        queuedBytes.load(ordering: .sequentiallyConsistent) < context.limits.streamBufferHighWaterBytes / 2
            && owesWritable.load(ordering: .sequentiallyConsistent)
            && owesWritable.exchange(false, ordering: .sequentiallyConsistent)
    }

    /// The call ended without the application; what it still sends goes nowhere.
    func close() {
        isOver.store(true, ordering: .relaxed)
    }

    /// The loop took an item of this call from the mailbox and acted on it.
    func itemDone() {
        postedItems.subtract(1, ordering: .releasing)
    }

    /// The loop took `message` from the mailbox and queued `byteCount` bytes for it.
    func queued(_ message: [UInt8], as byteCount: Int) {
        guard !isUnary else { return }
        queuedBytes.add(byteCount - Self.cost(message), ordering: .sequentiallyConsistent)
    }

    /// `byteCount` more bytes were handed to HTTP/2.
    func sent(_ byteCount: Int) {
        guard !isUnary else { return }
        queuedBytes.subtract(byteCount, ordering: .sequentiallyConsistent)
    }

    private static func cost(_ message: [UInt8]) -> Int {
        message.count + MessagePrefix.byteCount
    }

    private func post(_ item: Mailbox.Item) {
        if context.mailbox.isOnLoopThread, postedItems.load(ordering: .acquiring) == 0 {
            context.perform(item)
        } else {
            postedItems.add(1, ordering: .relaxed)
            context.mailbox.post(item)
        }
    }
}
