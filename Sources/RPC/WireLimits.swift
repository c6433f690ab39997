/// Every bound of the wire. The defaults suit the open Internet; `validate` checks the relations between them.
public struct WireLimits: Sendable, Equatable {
    // Messages and headers.

    /// One request message, before and after decompression. A larger one is answered RESOURCE_EXHAUSTED unread.
    public var messageBytesMax = 4 << 20
    /// One header list as RFC 9113 6.5.2 counts it: name, value and 32 for each field.
    public var headerListBytesMax = 8 << 10
    public var headerFieldsMax = 100
    /// One block of trailers of ours: the details, then the end of the message, are left out beyond it.
    public var trailerBytesMax = 8 << 10
    /// Replies above this are compressed for callers that compress their requests and accept gzip.
    public var compressionThresholdBytes = 1 << 10

    // How much at once.

    public var connectionsMax = 10_000
    public var streamsPerConnectionMax = 256
    /// What a caller may send on one stream before we read it.
    public var streamWindowBytes = 256 << 10
    public var connectionWindowBytes = 2 << 20
    /// Above this many bytes waiting on a stream `ResponseSink.isWritable` is false; below half of it `writable` comes.
    public var streamBufferHighWaterBytes = 64 << 10
    /// A stream with more bytes waiting is cut off with RESOURCE_EXHAUSTED.
    public var streamBufferBytesMax = 8 << 20
    /// Requests of one connection that are not whole yet, or that a paused stream has not read.
    public var requestBytesPerConnectionMax = 64 << 20
    /// Replies of one connection that its caller has not taken. The stream that goes over it is cut off with
    /// RESOURCE_EXHAUSTED.
    public var replyBytesPerConnectionMax = 64 << 20
    /// Read from one connection before the next has its turn.
    public var readBytesPerTurn = 64 << 10
    /// Frames of ours waiting on a connection that does not take them.
    public var outboundFramesMax = 1_000

    // How long.

    /// For the TLS handshake, the HTTP/2 preface, and each header block.
    public var handshakeMilliseconds = 10_000
    /// A connection without calls is closed after this.
    public var idleMilliseconds = 300_000
    /// A caller that takes none of the bytes waiting for it, or stops in the middle of its one request message.
    public var stalledMilliseconds = 30_000
    /// A silent connection with calls is asked whether it lives (PING) after the first, and closed after the second.
    public var keepaliveMilliseconds = 7_200_000
    public var keepaliveTimeoutMilliseconds = 20_000
    /// Connections are drained when they get this old, ±10 %. Absent: never.
    public var connectionAgeMaxMilliseconds: Int?
    /// What calls of a connection too old, or draining, have left.
    public var connectionAgeGraceMilliseconds = 30_000
    /// How long accepting pauses when the system is out of descriptors.
    public var acceptPauseMilliseconds = 100
    /// How long a closed connection is read on, so that the caller gets our last frames rather than a reset.
    public var lingerMilliseconds = 1_000

    // What a caller may make us do for nothing. Each bucket refills by its rate up to its size.

    /// PINGs closer together than this, with no DATA or HEADERS of ours between, are strikes.
    public var pingIntervalMilliseconds = 300_000
    /// One more is GOAWAY ENHANCE_YOUR_CALM `too_many_pings`.
    public var pingStrikesMax = 2
    /// Calls reset by the caller before they were answered (rapid reset).
    public var callerResetsMax = 200
    public var callerResetsPerSecond = 20
    /// RST_STREAM frames a caller makes us send (MadeYouReset).
    public var ownResetsMax = 100
    public var ownResetsPerSecond = 10
    /// PING, SETTINGS, PRIORITY, WINDOW_UPDATE and unknown frames. Each DATA frame of ours adds two.
    public var controlFramesMax = 1_000
    public var controlFramesPerSecond = 100
    /// Empty DATA frames in a row.
    public var emptyDataFramesMax = 10

    public init() {}

    /// Throws `WireError.invalidLimits` naming the first limit that is out of range or contradicts another.
    public func validate() throws(WireError) {
        let positive: [(String, Int)] = [
            ("messageBytesMax", messageBytesMax), ("headerFieldsMax", headerFieldsMax),
            ("connectionsMax", connectionsMax), ("streamsPerConnectionMax", streamsPerConnectionMax),
            ("outboundFramesMax", outboundFramesMax), ("handshakeMilliseconds", handshakeMilliseconds),
            ("idleMilliseconds", idleMilliseconds), ("stalledMilliseconds", stalledMilliseconds),
            ("keepaliveMilliseconds", keepaliveMilliseconds),
            ("keepaliveTimeoutMilliseconds", keepaliveTimeoutMilliseconds),
            ("connectionAgeGraceMilliseconds", connectionAgeGraceMilliseconds),
            ("acceptPauseMilliseconds", acceptPauseMilliseconds), ("lingerMilliseconds", lingerMilliseconds),
            ("callerResetsMax", callerResetsMax), ("ownResetsMax", ownResetsMax),
            ("controlFramesMax", controlFramesMax), ("emptyDataFramesMax", emptyDataFramesMax),
            ("streamBufferHighWaterBytes", streamBufferHighWaterBytes),
        ]
        for (name, value) in positive where value <= 0 {
            throw WireError(.invalidLimits, "\(name) must be positive, not \(value)")
        }
        let notNegative: [(String, Int)] = [
            ("compressionThresholdBytes", compressionThresholdBytes), ("pingStrikesMax", pingStrikesMax),
            ("pingIntervalMilliseconds", pingIntervalMilliseconds), ("callerResetsPerSecond", callerResetsPerSecond),
            ("ownResetsPerSecond", ownResetsPerSecond), ("controlFramesPerSecond", controlFramesPerSecond),
        ]
        for (name, value) in notNegative where value < 0 {
            throw WireError(.invalidLimits, "\(name) must not be negative, but is \(value)")
        }
        try require(messageBytesMax <= 1 << 30, "messageBytesMax must be at most 1 GiB")
        try require((1_024...60_000).contains(headerListBytesMax), "headerListBytesMax must be within 1,024 and 60,000")
        try require((512...60_000).contains(trailerBytesMax), "trailerBytesMax must be within 512 and 60,000")
        try require(
            (16 << 10...(1 << 30)).contains(streamWindowBytes), "streamWindowBytes must be within 16 KiB and 1 GiB")
        try require(
            (streamWindowBytes...(1 << 30)).contains(connectionWindowBytes),
            "connectionWindowBytes must be at least streamWindowBytes and at most 1 GiB")
        try require(
            requestBytesPerConnectionMax > messageBytesMax + streamWindowBytes,
            "requestBytesPerConnectionMax must exceed messageBytesMax and streamWindowBytes together")
        try require(
            streamBufferBytesMax > messageBytesMax + streamBufferHighWaterBytes,
            "streamBufferBytesMax must exceed messageBytesMax and streamBufferHighWaterBytes together")
        try require(
            replyBytesPerConnectionMax >= streamBufferBytesMax,
            "replyBytesPerConnectionMax must be at least streamBufferBytesMax")
        try require(
            (17 << 10...(16 << 20)).contains(readBytesPerTurn), "readBytesPerTurn must be within 17 KiB and 16 MiB")
        try require(
            connectionAgeMaxMilliseconds.map { $0 > 0 } ?? true, "connectionAgeMaxMilliseconds must be positive")
    }

    private func require(_ condition: Bool, _ message: String) throws(WireError) {
        if !condition { throw WireError(.invalidLimits, message) }
    }
}
