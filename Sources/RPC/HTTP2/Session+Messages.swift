import Calls

/// The length-prefixed messages of a request (PROTOCOL-HTTP2, Length-Prefixed-Message).
extension Session {
    /// The one message of a request that has ended, uncompressed: valid until the next call of this kind.
    func onlyMessage(_ stream: StreamPointer) throws(CallStatus) -> UnsafeRawBufferPointer {
        let bytes = unsafe stream.pointee.chunk.count > 0 ? stream.pointee.chunk : stream.pointee.inbound.bytes
        guard let prefix = unsafe MessagePrefix(bytes) else {
            throw unsafe bytes.isEmpty
                ? CallStatus(.unimplemented, "the method takes one message, and none came")
                : CallStatus(.internalError, "the request ended within a message")
        }
        try check(prefix)
        let end = MessagePrefix.byteCount + prefix.length
        if bytes.count < end { throw CallStatus(.internalError, "the request ended within a message") }
        if bytes.count > end { throw CallStatus(.unimplemented, "the method takes one message, and more came") }
        let body = unsafe UnsafeRawBufferPointer(rebasing: bytes[MessagePrefix.byteCount..<end])
        return unsafe prefix.isCompressed ? try inflate(stream, body) : body
    }

    /// Takes the next whole message off the stream; nil while it is not whole.
    func nextMessage(_ stream: StreamPointer) throws(CallStatus) -> [UInt8]? {
        let bytes = unsafe stream.pointee.inbound.bytes
        guard let prefix = unsafe MessagePrefix(bytes) else { return nil }
        try check(prefix)
        let end = MessagePrefix.byteCount + prefix.length
        guard bytes.count >= end else { return nil }
        let body = unsafe UnsafeRawBufferPointer(rebasing: bytes[MessagePrefix.byteCount..<end])
        let message = unsafe Array(prefix.isCompressed ? try inflate(stream, body) : body)
        stream.pointee.inbound.consume(end)
        requestBytes -= end
        if stream.pointee.inbound.isEmpty {
            stream.pointee.inbound.removeAll(keeping: context.limits.streamWindowBytes)
        }
        return message
    }

    /// Refuses a request as soon as it is known to be wrong, before the rest of it is kept.
    func checkGrowingRequest(_ stream: StreamPointer) {
        let bytes = unsafe stream.pointee.inbound.bytes
        guard !stream.pointee.flags.contains(.ended), let prefix = unsafe MessagePrefix(bytes) else { return }
        do throws(CallStatus) {
            try check(prefix)
            if bytes.count > MessagePrefix.byteCount + prefix.length {
                throw CallStatus(.unimplemented, "the method takes one message, and more came")
            }
        } catch {
            finish(stream, error)
        }
    }

    private func check(_ prefix: MessagePrefix) throws(CallStatus) {
        if prefix.flag > 1 { throw CallStatus(.internalError, "a message has an unknown flag") }
        if prefix.length > context.limits.messageBytesMax { throw tooLarge }
    }

    private func inflate(
        _ stream: StreamPointer, _ body: UnsafeRawBufferPointer
    ) throws(CallStatus) -> UnsafeRawBufferPointer {
        guard stream.pointee.flags.contains(.gzipRequest) else {
            throw CallStatus(.internalError, "a message is compressed but the request names no grpc-encoding")
        }
        context.inflated.removeAll(keeping: 64 << 10)
        switch unsafe context.gzip.inflate(body, limit: context.limits.messageBytesMax, into: &context.inflated) {
        case .whole: return unsafe context.inflated.bytes
        case .tooLarge: throw tooLarge
        case .corrupt: throw CallStatus(.internalError, "a message's gzip data is corrupt")
        }
    }

    private var tooLarge: CallStatus {
        let limit = context.limits.messageBytesMax
        return CallStatus(.resourceExhausted, "a message exceeds the server's limit of \(limit) bytes")
    }
}
