import Calls

/// One HTTP/2 stream and the call on it: a slot of the loop's `StreamTable`, reused from call to call with its buffers.
/// Thread: the owning loop's only.
@safe
struct Stream: ~Copyable {
    struct Flags: OptionSet {
        let rawValue: UInt32

        // What the request's headers said.
        static let isPost = Flags(rawValue: 1 << 0)
        static let isGRPC = Flags(rawValue: 1 << 1)
        static let gzipRequest = Flags(rawValue: 1 << 2)
        static let unknownEncoding = Flags(rawValue: 1 << 3)
        static let acceptsGzip = Flags(rawValue: 1 << 4)
        static let badTimeout = Flags(rawValue: 1 << 5)
        static let headersTooLarge = Flags(rawValue: 1 << 6)
        static let hasTimeout = Flags(rawValue: 1 << 7)

        // How far the call is.

        /// The headers were accepted and the call counts as started.
        static let started = Flags(rawValue: 1 << 8)
        /// The caller has ended its half.
        static let remoteEnded = Flags(rawValue: 1 << 9)
        /// The call's outcome is decided; the receiver hears no more.
        static let ended = Flags(rawValue: 1 << 10)
        static let headersSubmitted = Flags(rawValue: 1 << 11)
        static let trailersSubmitted = Flags(rawValue: 1 << 12)
        /// The receiver asked for a pause in reading.
        static let paused = Flags(rawValue: 1 << 13)
        static let endDelivered = Flags(rawValue: 1 << 14)
        /// The data source had nothing to give; nghttp2 must be told when it has.
        static let deferred = Flags(rawValue: 1 << 15)
        /// Messages are being delivered; what happens meanwhile must not start it again.
        static let delivering = Flags(rawValue: 1 << 16)
        /// `resumeReading` came while the receiver was still being told of the message it pauses for.
        static let resumed = Flags(rawValue: 1 << 19)
        static let gzipReplies = Flags(rawValue: 1 << 17)
        /// The server stops, and reads no more of this bidirectional call.
        static let cutShort = Flags(rawValue: 1 << 18)
    }

    /// Where a header's value is in `headerBytes`.
    struct Slice {
        var offset: UInt16 = 0
        var count: UInt16 = 0
    }

    let slot: UInt32
    let timer: TimerWheel.Node
    var generation: UInt32 = 0
    var nextFree: UInt32 = .max

    /// The session's list of its streams.
    var previous: StreamPointer?
    var next: StreamPointer?
    // The session outlives its streams: it releases them all before it goes.
    // `release` takes it away before the session goes.
    unowned(unsafe) var session: Session?

    var id: Int32 = 0
    var flags: Flags = []
    var kind: MethodDescriptor.Kind = .unaryInline
    /// Index into the method list; its count for an unknown method.
    var method = 0

    var headerBytes = ByteQueue()
    var requestID = Slice()
    var traceparent = Slice()
    var authorization = Slice()
    var channelID = Slice()

    var startedNanoseconds: UInt64 = 0
    /// With `hasTimeout`: the length of `grpc-timeout` until the headers are whole, then the deadline on the monotonic
    /// clock, `.max` for never.
    var deadlineNanoseconds: UInt64 = 0
    /// As the request's headers declare it; negative: they do not.
    var contentLength: Int64 = -1
    /// Bytes of DATA, padding not counted.
    var receivedBytes: Int64 = 0
    /// When bytes last moved on this stream.
    var progressNanoseconds: UInt64 = 0

    /// A whole request in nghttp2's input, valid until `mem_recv` returns: then the session moves it to `inbound`.
    var chunk = unsafe UnsafeRawBufferPointer(start: nil, count: 0)
    var inbound = ByteQueue()
    /// Bytes received but not yet given back to the caller's flow-control window.
    var unconsumedBytes = 0
    var outbound = ByteQueue()

    var call: Call?
    var receiver: (any CallReceiver)?
    /// How the call ended, when not OK; for the trailers.
    var status: CallStatus?

    init(slot: UInt32, timer: TimerWheel.Node) {
        self.slot = slot
        unsafe self.timer = timer
    }

    var key: StreamKey { StreamKey(slot: slot, generation: generation) }

    func header(_ slice: Slice) -> UnsafeRawBufferPointer {
        unsafe UnsafeRawBufferPointer(rebasing: headerBytes.bytes[Int(slice.offset)..<Int(slice.offset + slice.count)])
    }

    mutating func keepHeader(_ value: UnsafeRawBufferPointer) -> Slice {
        let slice = Slice(offset: UInt16(headerBytes.count), count: UInt16(value.count))
        unsafe headerBytes.append(value)
        return slice
    }

    /// Makes the slot ready for its next call.
    mutating func reset() {
        generation &+= 1
        unsafe session = nil
        flags = []
        method = 0
        headerBytes.removeAll(keeping: 1_024)
        requestID = Slice()
        traceparent = Slice()
        authorization = Slice()
        channelID = Slice()
        deadlineNanoseconds = 0
        contentLength = -1
        receivedBytes = 0
        unsafe chunk = UnsafeRawBufferPointer(start: nil, count: 0)
        inbound.removeAll(keeping: 16_384)
        outbound.removeAll(keeping: 16_384)
        unconsumedBytes = 0
        // Most have none, and letting go of nothing is a call all the same.
        if call != nil { call = nil }
        if receiver != nil { receiver = nil }
        if status != nil { status = nil }
    }
}
