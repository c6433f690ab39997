import CNGHTTP2
import Calls

/// What the sessions of one event loop share. Owned by the loop and, through `Call`, by sinks that outlive it; used on
/// the loop's thread only, except for the constants.
final class LoopContext: @unchecked Sendable {
    let limits: WireLimits
    let methods: MethodTable
    let counters: LoopCounters
    let observer: CallObserver?
    let observesEveryCall: Bool
    let mailbox: Mailbox
    let handler: any LoopHandler

    /// The time the loop's turn began, or a later moment of it.
    var nowNanoseconds: UInt64
    var streams = StreamTable()
    var wheel: TimerWheel
    var reply = ReplyBuffer(capacity: 16 << 10)
    var gzip = Gzip()
    /// An inflated request, and a deflated reply, for as long as one call to the handler or one append.
    var inflated = ByteQueue()
    var deflated = ByteQueue()
    /// Sessions with output since their last flush.
    var unflushed: [Session] = []
    /// Streams whose receivers are owed a `writable`.
    var drained: [StreamKey] = []

    /// Between `turnBegan` and `turnEnded`.
    var isInTurn = false
    /// No new stream is taken.
    var isStopping = false

    let replyHeaders = ReplyHeaders()
    private let sessionMemory = SessionMemory()
    let template: SessionTemplate
    private var requestIDs: UInt64
    // Inline calls that ended OK since the read began: they are timed together, at its end.
    private var inlineMethod = 0
    private var inlineCount: UInt64 = 0

    /// `memory` is nghttp2's, for tests; absent: the loop's own.
    @safe
    init(
        limits: WireLimits, methods: MethodTable, counters: LoopCounters, observer: CallObserver?, mailbox: Mailbox,
        handler: any LoopHandler, nowNanoseconds: UInt64, memory: UnsafeMutablePointer<nghttp2_mem>? = nil
    ) {
        self.limits = limits
        self.methods = methods
        self.counters = counters
        self.observer = observer
        observesEveryCall = observer?.observeEveryCall ?? false
        self.mailbox = mailbox
        self.handler = handler
        self.nowNanoseconds = nowNanoseconds
        wheel = TimerWheel(nowNanoseconds: nowNanoseconds)
        template = unsafe SessionTemplate(limits: limits, memory: memory ?? sessionMemory.table)
        requestIDs = UInt64.random(in: 0 ... .max)
    }

    /// Sixteen hexadecimal digits, different for each call of this loop and almost surely of any other.
    func makeRequestID() -> String {
        requestIDs &+= 0x9E37_79B9_7F4A_7C15
        let mixed = (requestIDs ^ requestIDs >> 31) &* 0xBF58_476D_1CE4_E5B9
        let digits = String(mixed, radix: 16)
        return String(repeating: "0", count: 16 - digits.count) + digits
    }

    func inlineCallFinished(method: Int) {
        if inlineCount > 0, inlineMethod != method { recordInlineCalls() }
        inlineMethod = method
        inlineCount += 1
    }

    /// `nowNanoseconds` still is when the read began.
    func recordInlineCalls() {
        guard inlineCount > 0 else { return }
        let duration = MonotonicClock.nowNanoseconds() &- nowNanoseconds
        counters.callFinished(method: inlineMethod, code: .ok, count: inlineCount, durationNanoseconds: duration)
        inlineCount = 0
    }

    /// Acts on an item another thread posted.
    func performPosted(_ item: Mailbox.Item) {
        let key: StreamKey
        switch item {
        case .send(let of, _), .finish(let of, _, _), .answer(let of, _), .resumeReading(let of),
            .cutOff(let of, _):
            key = of
        case .drain, .stop: return
        }
        let call = streams.stream(key)?.pointee.call
        perform(item)
        call?.itemDone()
    }

    /// Acts on what the application asks of a call. A call that is over ignores it.
    func perform(_ item: Mailbox.Item) {
        switch item {
        case .send(let key, let message):
            guard let stream = streams.stream(key), let session = unsafe stream.pointee.session else { return }
            session.send(stream, message)
        case .finish(let key, let reply, let status):
            guard let stream = streams.stream(key), let session = unsafe stream.pointee.session else { return }
            if let reply, status.code == .ok { session.send(stream, reply) }
            session.finish(stream, status)
        case .answer(let key, let reply):
            guard let stream = streams.stream(key), let session = unsafe stream.pointee.session else { return }
            session.send(stream, reply())
            session.finish(stream, .ok)
        case .resumeReading(let key):
            guard let stream = streams.stream(key), let session = unsafe stream.pointee.session else { return }
            session.resumeReading(stream)
        case .cutOff(let key, let status):
            guard let stream = streams.stream(key), let session = unsafe stream.pointee.session else { return }
            session.fail(stream, status)
        case .drain, .stop:
            preconditionFailure("the loop itself drains and stops")
        }
    }

    /// Tells receivers whose streams have drained. What they send makes their sessions unflushed again.
    func tellDrained() {
        while let key = drained.popLast() {
            guard let stream = streams.stream(key) else { continue }
            stream.pointee.receiver?.writable()
        }
    }
}

/// The header lists that most replies begin and end with. nghttp2 keeps pointers into static memory only.
@safe
struct ReplyHeaders: ~Copyable {
    /// `:status: 200`, `content-type: application/grpc`, and room for two more.
    let head: UnsafeMutablePointer<nghttp2_nv>
    static let headCount = 2
    /// `grpc-status: 0`
    let okTrailers: UnsafeMutablePointer<nghttp2_nv>

    init() {
        unsafe head = .allocate(capacity: 4)
        unsafe head[0] = Self.staticField(":status", "200")
        unsafe head[1] = Self.staticField("content-type", "application/grpc")
        unsafe okTrailers = .allocate(capacity: 1)
        unsafe okTrailers[0] = Self.staticField("grpc-status", "0")
    }

    deinit {
        unsafe head.deallocate()
        unsafe okTrailers.deallocate()
    }

    static func staticField(_ name: StaticString, _ value: StaticString) -> nghttp2_nv {
        unsafe field(
            name, UnsafeRawBufferPointer(start: value.utf8Start, count: value.utf8CodeUnitCount),
            flags: UInt8(NGHTTP2_NV_FLAG_NO_COPY_VALUE.rawValue))
    }

    /// nghttp2 reads names and values through mutable pointers but does not write to them.
    static func field(_ name: StaticString, _ value: UnsafeRawBufferPointer, flags: UInt8) -> nghttp2_nv {
        unsafe nghttp2_nv(
            name: UnsafeMutablePointer(mutating: name.utf8Start),
            value: UnsafeMutablePointer(mutating: value.baseAddress?.assumingMemoryBound(to: UInt8.self)),
            namelen: name.utf8CodeUnitCount, valuelen: value.count,
            flags: flags | UInt8(NGHTTP2_NV_FLAG_NO_COPY_NAME.rawValue))
    }
}
