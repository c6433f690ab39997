import CNGHTTP2
import Calls

/// One HTTP/2 connection without its socket: bytes in (`receive`), bytes out (`nextOutput`), calls in between. It knows
/// no descriptor and no clock but the loop's.
///
/// Thread: the owning loop's only. Lifetime: `close` must be called once, when the connection is gone; it releases the
/// streams, which point back here.
@safe
final class Session {
    let context: LoopContext
    let handle: OpaquePointer
    /// Who the caller proved to be.
    let peer: PeerIdentity?
    /// Flushes what `nextOutput` has; absent in tests. The connection owns the session.
    unowned(unsafe) var connection: Connection?

    /// Head of the list of open streams.
    var firstStream: StreamPointer?
    var streamsOpen = 0
    /// Nothing more is read; what is to be sent is sent, then the connection closes.
    private(set) var isClosing = false
    /// GOAWAY written by hand: it overtakes what nghttp2 has queued, needs none of its memory, and nothing follows it.
    private var farewell = ByteQueue()
    private var isFarewellTaken = false
    /// Out of memory while it queued DATA, nghttp2 (1.52) leaves the stream with an item that it has freed, and frees it
    /// again with the session. Such a session is left behind instead.
    private(set) var isAbandoned = false
    var isUnflushed = false

    // One header block arrives at a time.
    var headStream: StreamPointer?
    var head = HeaderBlock()
    var knownFields = KnownFields()
    /// Absent between header blocks.
    var headBeganNanoseconds: UInt64?
    /// A stream whose request lies in the input being read.
    var chunkStream: StreamPointer?

    var hasPreface = false
    var streamIDs = StreamIDs()
    /// Bytes in the `inbound` queues of this session's streams.
    var requestBytes = 0
    /// Bytes in their `outbound` queues.
    var replyBytes = 0

    var callerResets: TokenBucket
    var ownResets: TokenBucket
    /// RST_STREAM frames that are counted already but not sent yet.
    var countedResets = 0
    var controlFrames: TokenBucket
    var emptyDataFrames = 0
    var lastPingNanoseconds: UInt64?
    var pingStrikes = 0

    let beganNanoseconds: UInt64
    var receivedNanoseconds: UInt64
    /// When the last call ended, or the connection began.
    var idleSinceNanoseconds: UInt64
    var keepalivePingNanoseconds: UInt64?

    /// How far a graceful end is (RFC 9113 6.8).
    enum Drain: Equatable {
        case none
        /// GOAWAY with the highest stream id is out; calls the caller sent before seeing it are still taken.
        case announced(finalDueNanoseconds: UInt64)
        /// The real GOAWAY is out.
        case final
    }
    var drain = Drain.none

    /// nil when nghttp2 has no memory for another session.
    init?(context: LoopContext, peer: PeerIdentity?) {
        self.context = context
        self.peer = peer
        let now = context.nowNanoseconds
        let limits = context.limits
        callerResets = TokenBucket(
            size: limits.callerResetsMax, perSecond: limits.callerResetsPerSecond, nowNanoseconds: now)
        ownResets = TokenBucket(size: limits.ownResetsMax, perSecond: limits.ownResetsPerSecond, nowNanoseconds: now)
        controlFrames = TokenBucket(
            size: limits.controlFramesMax, perSecond: limits.controlFramesPerSecond, nowNanoseconds: now)
        beganNanoseconds = now
        receivedNanoseconds = now
        idleSinceNanoseconds = now

        guard let made = unsafe context.template.makeSession() else { return nil }
        unsafe handle = made
        unsafe nghttp2_session_set_user_data(handle, Unmanaged.passUnretained(self).toOpaque())
        submitSettings()
    }

    deinit {
        precondition(streamsOpen == 0, "a session goes after its streams")
        // Here and not by its own deinit: the context, which has the memory, may go first.
        knownFields.removeAll()
        if !isAbandoned { unsafe nghttp2_session_del(handle) }
    }

    /// Takes what one socket read brought. Afterwards `isClosing` may be set.
    func receive(_ bytes: UnsafeRawBufferPointer) {
        guard !isClosing else { return }
        receivedNanoseconds = context.nowNanoseconds
        keepalivePingNanoseconds = nil
        context.isInTurn = true
        context.handler.turnBegan()
        let start = unsafe bytes.baseAddress?.assumingMemoryBound(to: UInt8.self)
        let taken = unsafe nghttp2_session_mem_recv(handle, start, bytes.count)
        keepChunk()
        context.handler.turnEnded()
        context.isInTurn = false
        context.recordInlineCalls()
        if taken < 0 { refuse(Int32(taken)) }
        if unsafe nghttp2_session_get_outbound_queue_size(handle) > context.limits.outboundFramesMax + 4 * streamsOpen {
            goAway(NGHTTP2_ENHANCE_YOUR_CALM, "too_many_frames")
        }
    }

    /// The next frame to send, valid until the next call; nil when there is none for now.
    func nextOutput() -> UnsafeRawBufferPointer? {
        if farewell.isEmpty {
            var start: UnsafePointer<UInt8>?
            let count = unsafe nghttp2_session_mem_send(handle, &start)
            if count > 0 { return unsafe UnsafeRawBufferPointer(start: start, count: count) }
            if count == 0 { return nil }
            isAbandoned = count == Int(NGHTTP2_ERR_NOMEM.rawValue)
            refuse(Int32(count))
        }
        if isFarewellTaken { return nil }
        isFarewellTaken = true
        return unsafe farewell.isEmpty ? nil : farewell.bytes
    }

    /// Ends every call UNAVAILABLE and the connection after that.
    func stop() {
        guard !isClosing else { return }
        var cursor = firstStream
        while let stream = cursor {
            cursor = stream.pointee.next
            guard !stream.pointee.flags.contains(.ended) else { continue }
            cutOff(stream, CallStatus(.unavailable, "the server is stopping"), telling: .serverStopping)
        }
        submitGoAway()
        isClosing = true
        scheduleFlush()
    }

    /// GOAWAY without a fault, in its turn behind what is queued: calls up to the last one received go on.
    func submitGoAway() {
        let last = unsafe nghttp2_session_get_last_proc_stream_id(handle)
        submitted(unsafe nghttp2_submit_goaway(handle, 0, last, NGHTTP2_NO_ERROR.rawValue, nil, 0))
        scheduleFlush()
    }

    /// Whether the connection may go once all output is sent.
    var isFinished: Bool {
        unsafe isClosing || (nghttp2_session_want_read(handle) == 0 && nghttp2_session_want_write(handle) == 0)
            || (drain == .final && streamsOpen == 0)
    }

    /// Ends the connection with a reason (RFC 9113 6.8), at once: a caller that floods us gets nothing else any more.
    /// Returns false, which makes nghttp2 stop reading.
    @discardableResult
    func goAway(_ code: nghttp2_error_code, _ reason: StaticString) -> Bool {
        guard !isClosing else { return false }
        isClosing = true
        context.counters.add(.protocolErrors, 1)
        let last = unsafe nghttp2_session_get_last_proc_stream_id(handle)
        farewell.appendGoAway(lastStreamID: last, code: code.rawValue, reason: reason)
        scheduleFlush()
        return false
    }

    /// What nghttp2 says to what was submitted. Without memory for it some caller would wait for ever: the connection
    /// ends instead.
    @discardableResult
    @inline(__always)
    func submitted(_ code: Int32) -> Bool {
        if code == 0 { return true }
        if code == NGHTTP2_ERR_NOMEM.rawValue { refuse(code) }
        return false
    }

    /// nghttp2 cannot go on with this connection (its fatal errors).
    private func refuse(_ code: Int32) {
        switch nghttp2_error(code) {
        case NGHTTP2_ERR_NOMEM: goAway(NGHTTP2_INTERNAL_ERROR, "out_of_memory")
        case NGHTTP2_ERR_BAD_CLIENT_MAGIC: goAway(NGHTTP2_PROTOCOL_ERROR, "bad_preface")
        case NGHTTP2_ERR_TOO_MANY_CONTINUATIONS: goAway(NGHTTP2_ENHANCE_YOUR_CALM, "too_many_continuations")
        default: goAway(NGHTTP2_ENHANCE_YOUR_CALM, "too_many_frames")
        }
    }

    /// Has the output sent at the end of the loop's turn at the latest.
    func scheduleFlush() {
        guard !isUnflushed else { return }
        isUnflushed = true
        context.unflushed.append(self)
    }

    /// The connection is gone: every call in flight is cancelled.
    func close(_ reason: CancelReason) {
        isClosing = true
        while let stream = firstStream {
            cancel(stream, reason)
            release(stream)
        }
    }

    func stream(_ streamID: Int32) -> StreamPointer? {
        unsafe nghttp2_session_get_stream_user_data(handle, streamID).map { unsafe StreamPointer($0) }
    }

    func link(_ stream: StreamPointer) {
        unsafe stream.pointee.session = self
        stream.pointee.previous = nil
        stream.pointee.next = firstStream
        firstStream?.pointee.previous = stream
        firstStream = stream
        streamsOpen += 1
    }

    /// Gives the slot back; pointers to the stream are no longer valid.
    func release(_ stream: StreamPointer) {
        // Also of trailers: the rest of the block is not shown to us any more.
        if head.streamID == stream.pointee.id {
            headStream = nil
            headBeganNanoseconds = nil
        }
        if chunkStream == stream { chunkStream = nil }
        requestBytes -= stream.pointee.inbound.count
        replyBytes -= stream.pointee.outbound.count
        unsafe context.wheel.disarm(stream.pointee.timer)
        stream.pointee.previous?.pointee.next = stream.pointee.next
        stream.pointee.next?.pointee.previous = stream.pointee.previous
        if firstStream == stream { firstStream = stream.pointee.next }
        streamsOpen -= 1
        if streamsOpen == 0 { idleSinceNanoseconds = context.nowNanoseconds }
        context.streams.release(stream)
    }

    private func submitSettings() {
        let limits = context.limits
        let settings = [
            (NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS, limits.streamsPerConnectionMax),
            (NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, limits.streamWindowBytes),
            (NGHTTP2_SETTINGS_MAX_HEADER_LIST_SIZE, limits.headerListBytesMax),
            (NGHTTP2_SETTINGS_NO_RFC7540_PRIORITIES, 1),
        ].map { nghttp2_settings_entry(settings_id: Int32($0.0.rawValue), value: UInt32($0.1)) }
        submitted(unsafe nghttp2_submit_settings(handle, 0, settings, settings.count))
        submitted(unsafe nghttp2_session_set_local_window_size(handle, 0, 0, Int32(limits.connectionWindowBytes)))
    }
}
