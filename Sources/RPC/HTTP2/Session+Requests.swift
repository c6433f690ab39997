import CNGHTTP2
import Calls
import Glibc

/// From headers and messages to the application.
extension Session {
    /// Keeps what the call needs of one header. Names are told apart by their length first: no string is made.
    func readHeader(_ stream: StreamPointer, name: UnsafeRawBufferPointer, value: UnsafeRawBufferPointer) {
        switch name.count {
        case 5 where unsafe matches(name, ":path"):
            guard let method = unsafe context.methods.find(value) else { return }
            stream.pointee.method = method
            stream.pointee.kind = context.methods.methods[method].kind
        case 7 where unsafe matches(name, ":method"):
            if unsafe matches(value, "POST") { stream.pointee.flags.insert(.isPost) }
        case 12 where unsafe matches(name, "content-type"):
            if unsafe isGRPC(value) { stream.pointee.flags.insert(.isGRPC) }
        case 12 where unsafe matches(name, "grpc-timeout"):
            if let timeout = unsafe CallTimeout.parse(value) {
                stream.pointee.deadlineNanoseconds = timeout
                stream.pointee.flags.insert(.hasTimeout)
            } else {
                stream.pointee.flags.insert(.badTimeout)
            }
        case 12 where unsafe matches(name, "x-request-id"):
            if (1...128).contains(value.count) { stream.pointee.requestID = unsafe stream.pointee.keepHeader(value) }
        case 12 where unsafe matches(name, "x-channel-id"):
            stream.pointee.channelID = unsafe stream.pointee.keepHeader(value)
        case 11 where unsafe matches(name, "traceparent"):
            stream.pointee.traceparent = unsafe stream.pointee.keepHeader(value)
        case 13 where unsafe matches(name, "authorization"):
            stream.pointee.authorization = unsafe stream.pointee.keepHeader(value)
        case 13 where unsafe matches(name, "grpc-encoding"):
            if unsafe matches(value, "gzip") {
                stream.pointee.flags.insert(.gzipRequest)
            } else if unsafe !matches(value, "identity") {
                stream.pointee.flags.insert(.unknownEncoding)
            }
        case 20 where unsafe matches(name, "grpc-accept-encoding"):
            if unsafe namesGzip(value) { stream.pointee.flags.insert(.acceptsGzip) }
        default:
            break
        }
    }

    /// The headers are whole: the call begins, or is refused.
    func headEnded(_ stream: StreamPointer, endsStream: Bool) {
        if endsStream { stream.pointee.flags.insert(.remoteEnded) }
        let flags = stream.pointee.flags
        if !flags.contains(.headersTooLarge) {
            guard flags.contains(.isPost) else { return rejectHTTP(stream, status: "405") }
            guard flags.contains(.isGRPC) else { return rejectHTTP(stream, status: "415") }
        }
        stream.pointee.flags.insert(.started)
        context.counters.callStarted(method: stream.pointee.method)
        if let refusal = refusal(stream) { return finish(stream, refusal) }
        if flags.contains([.gzipRequest, .acceptsGzip]) { stream.pointee.flags.insert(.gzipReplies) }
        if flags.contains(.hasTimeout) {
            let timeout = stream.pointee.deadlineNanoseconds
            let (deadline, overflow) = context.nowNanoseconds.addingReportingOverflow(timeout)
            stream.pointee.deadlineNanoseconds = overflow ? .max : deadline
            if !overflow { unsafe context.wheel.arm(stream.pointee.timer, dueNanoseconds: deadline) }
        }
        if stream.pointee.kind == .bidirectional { open(stream) }
        if endsStream { requestEnded(stream) }
    }

    /// The caller has sent its last byte.
    func requestEnded(_ stream: StreamPointer) {
        stream.pointee.flags.insert(.remoteEnded)
        if chunkStream == stream { chunkStream = nil }
        guard !stream.pointee.flags.contains(.ended) else { return }
        switch stream.pointee.kind {
        case .unaryInline:
            answerInline(stream)
        case .unary, .serverStreaming:
            deliverOnly(stream)
        case .bidirectional:
            return deliver(stream)
        }
        if !stream.pointee.inbound.isEmpty { forgetRequest(stream) }
    }

    /// The one message was taken. The call may go on for hours, or its reply wait for the caller: neither keeps it.
    private func forgetRequest(_ stream: StreamPointer) {
        requestBytes -= stream.pointee.inbound.count
        stream.pointee.inbound.removeAll(keeping: 16_384)
    }

    /// The read path: from the connection's buffer through the handler into the stream's reply queue.
    private func answerInline(_ stream: StreamPointer) {
        context.reply.removeAll()
        do throws(CallStatus) {
            let request = try unsafe onlyMessage(stream)
            try unsafe context.handler.answer(method: stream.pointee.method, request: request, reply: &context.reply)
        } catch {
            return finish(stream, error)
        }
        let reply = unsafe UnsafeRawBufferPointer(start: context.reply.base, count: context.reply.count)
        if replyBytes + reply.count > context.limits.replyBytesPerConnectionMax {
            return finish(stream, tooManyReplyBytes)
        }
        unsafe appendMessage(stream, reply)
        stream.pointee.flags.insert(.ended)
        submitHeaders(stream)
        if context.observesEveryCall {
            record(stream, .ok)
        } else {
            context.inlineCallFinished(method: stream.pointee.method)
        }
    }

    /// A call with exactly one request message.
    private func deliverOnly(_ stream: StreamPointer) {
        let message: [UInt8]
        do throws(CallStatus) {
            message = unsafe Array(try onlyMessage(stream))
        } catch {
            return finish(stream, error)
        }
        open(stream)
        guard let receiver = stream.pointee.receiver else { return }
        _ = receiver.receive(message)
        if !stream.pointee.flags.contains(.ended) { receiver.endOfMessages() }
    }

    private func open(_ stream: StreamPointer) {
        let call = Call(context: context, key: stream.pointee.key, isUnary: stream.pointee.kind == .unary)
        stream.pointee.call = call
        if stream.pointee.requestID.count == 0 {
            let made = Array(context.makeRequestID().utf8)
            unsafe made.withUnsafeBytes { stream.pointee.requestID = unsafe stream.pointee.keepHeader($0) }
        }
        let hasDeadline = stream.pointee.flags.contains(.hasTimeout) && stream.pointee.deadlineNanoseconds != .max
        let description = CallContext(
            method: stream.pointee.method,
            deadlineNanoseconds: hasDeadline ? stream.pointee.deadlineNanoseconds : nil,
            requestID: text(stream, stream.pointee.requestID), traceparent: text(stream, stream.pointee.traceparent),
            authorization: text(stream, stream.pointee.authorization),
            channelID: text(stream, stream.pointee.channelID), peer: peer)
        do throws(CallStatus) {
            let receiver = try context.handler.open(description, sink: call)
            if !stream.pointee.flags.contains(.ended) { stream.pointee.receiver = receiver }
        } catch {
            finish(stream, error)
        }
    }

    /// Gives a bidirectional call's receiver the messages that are whole, until it pauses.
    func deliver(_ stream: StreamPointer) {
        guard !stream.pointee.flags.contains(.delivering) else { return }
        stream.pointee.flags.insert(.delivering)
        defer { stream.pointee.flags.remove(.delivering) }
        while !stream.pointee.flags.contains(.paused), let receiver = stream.pointee.receiver {
            let message: [UInt8]
            do throws(CallStatus) {
                guard let next = try nextMessage(stream) else { break }
                message = next
            } catch {
                return fail(stream, error)
            }
            stream.pointee.flags.remove(.resumed)
            if receiver.receive(message) == .pause, !stream.pointee.flags.contains(.resumed) {
                stream.pointee.flags.insert(.paused)
            }
        }
        let flags = stream.pointee.flags
        guard flags.contains(.remoteEnded), flags.isDisjoint(with: [.paused, .ended, .endDelivered]) else { return }
        stream.pointee.flags.insert(.endDelivered)
        if stream.pointee.inbound.isEmpty {
            stream.pointee.receiver?.endOfMessages()
        } else {
            fail(stream, CallStatus(.internalError, "the request ended within a message"))
        }
    }

    func resumeReading(_ stream: StreamPointer) {
        stream.pointee.flags.insert(.resumed)
        guard stream.pointee.flags.contains(.paused) else { return }
        stream.pointee.flags.remove(.paused)
        let isOwnTurn = !context.isInTurn
        if isOwnTurn { context.handler.turnBegan() }
        context.isInTurn = true
        deliver(stream)
        if isOwnTurn {
            context.handler.turnEnded()
            context.isInTurn = false
        }
        if !stream.pointee.flags.contains(.paused), stream.pointee.unconsumedBytes > 0 {
            submitted(unsafe nghttp2_session_consume_stream(handle, stream.pointee.id, stream.pointee.unconsumedBytes))
            stream.pointee.unconsumedBytes = 0
        }
        scheduleFlush()
    }

    private func text(_ stream: StreamPointer, _ slice: Stream.Slice) -> String {
        unsafe slice.count == 0 ? "" : String(decoding: stream.pointee.header(slice), as: UTF8.self)
    }
}

/// Why a request that is well-formed HTTP is not taken; nil when it is.
extension Session {
    private func refusal(_ stream: StreamPointer) -> CallStatus? {
        let flags = stream.pointee.flags
        if flags.contains(.headersTooLarge) {
            return CallStatus(.resourceExhausted, "the request's headers exceed the server's limit")
        }
        if stream.pointee.method == context.methods.methods.count {
            return CallStatus(.unimplemented, "unknown method")
        }
        if flags.contains(.unknownEncoding) {
            return CallStatus(.unimplemented, "the request's grpc-encoding is not supported; gzip is")
        }
        if flags.contains(.badTimeout) { return CallStatus(.internalError, "malformed grpc-timeout") }
        if flags.contains(.hasTimeout), stream.pointee.deadlineNanoseconds == 0 {
            return CallStatus(.deadlineExceeded, "the deadline had passed when the call arrived")
        }
        return nil
    }

    @inline(__always)
    private func matches(_ bytes: UnsafeRawBufferPointer, _ text: StaticString) -> Bool {
        unsafe bytes.count == text.utf8CodeUnitCount && memcmp(bytes.baseAddress!, text.utf8Start, bytes.count) == 0
    }

    /// `application/grpc`, with or without parameters, or `application/grpc+proto`: the one format there is.
    private func isGRPC(_ value: UnsafeRawBufferPointer) -> Bool {
        let known: StaticString = "application/grpc+proto"
        let bare = 16
        guard value.count >= bare, unsafe memcmp(value.baseAddress!, known.utf8Start, min(value.count, 22)) == 0 else {
            return unsafe value.count > bare && value[bare] == UInt8(ascii: ";")
                && memcmp(value.baseAddress!, known.utf8Start, bare) == 0
        }
        return unsafe value.count == bare || value.count == 22 || (value.count > 22 && value[22] == UInt8(ascii: ";"))
    }

    private func namesGzip(_ value: UnsafeRawBufferPointer) -> Bool {
        // The four letters as one word, wherever they begin; no other encoding's name contains them.
        let name = UInt32(littleEndian: 0x7069_7A67)
        guard value.count >= 4 else { return false }
        for offset in 0...value.count - 4
        where unsafe value.loadUnaligned(fromByteOffset: offset, as: UInt32.self) == name { return true }
        return false
    }
}
