import CLinux
import Calls
import Glibc
import Synchronization

/// How other threads reach an event loop. Its length is bounded by the calls in flight: a call posts its messages up to
/// the stream's limit, one end, and resumptions only in answer to a pause.
final class Mailbox: Sendable {
    enum Item: Sendable {
        case send(StreamKey, [UInt8])
        case finish(StreamKey, reply: [UInt8]?, CallStatus)
        /// A unary call ended well; its reply is made by the loop.
        case answer(StreamKey, reply: @Sendable () -> [UInt8])
        case resumeReading(StreamKey)
        /// The application overran the stream's buffer.
        case cutOff(StreamKey, CallStatus)
        /// Stop accepting, let calls finish, then end.
        case drain
        /// End now; calls in flight are told UNAVAILABLE.
        case stop
    }

    private struct State {
        var items: [Item] = []
        var isClosed = false
    }

    /// Readable when there are items.
    let descriptor: Int32
    private let state = Mutex(State())
    // Spares the loop a system call in turns that no one posted to.
    private let hasItems = Atomic<Bool>(false)
    // The loop's thread, so that what happens on it needs no mailbox. 0 before it runs.
    private let thread = Atomic<UInt>(0)

    init() throws(WireError) {
        descriptor = shim_eventfd()
        guard descriptor >= 0 else { throw WireError(.system, "eventfd: \(systemMessage(errno))", code: errno) }
    }

    deinit { close(descriptor) }

    /// Called once by the loop's thread.
    func adoptCurrentThread() {
        thread.store(UInt(pthread_self()), ordering: .relaxed)
    }

    var isOnLoopThread: Bool {
        thread.load(ordering: .relaxed) == UInt(pthread_self())
    }

    func post(_ item: Item) {
        state.withLock { state in
            if state.isClosed { return }
            state.items.append(item)
            hasItems.store(true, ordering: .releasing)
            guard state.items.count == 1 else { return }
            // Under the lock, as the read is: else a late write would leave the descriptor readable with nothing to take.
            var one: UInt64 = 1
            _ = unsafe write(descriptor, &one, 8)
        }
    }

    /// Exchanges what has been posted for the (empty) array given, so that both arrays keep their memory.
    func take(into items: inout [Item]) {
        precondition(items.isEmpty)
        guard hasItems.load(ordering: .acquiring) else { return }
        state.withLock { state in
            var counter: UInt64 = 0
            _ = unsafe read(descriptor, &counter, 8)
            swap(&state.items, &items)
            hasItems.store(false, ordering: .releasing)
        }
    }

    /// What is posted from now on is dropped.
    func close() {
        state.withLock { state in
            state.isClosed = true
            state.items = []
        }
    }

    private func close(_ descriptor: Int32) {
        _ = Glibc.close(descriptor)
    }
}

/// A stream of a loop's table. The generation tells a call from the next one in the same slot.
struct StreamKey: Sendable, Equatable {
    let slot: UInt32
    let generation: UInt32
}

/// What the system says about an error number.
func systemMessage(_ code: Int32) -> String {
    unsafe String(cString: strerror(code))
}
