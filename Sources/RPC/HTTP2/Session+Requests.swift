import CNGHTTP2
import Calls
import Glibc

/// From headers and messages to the application.
extension Session {
    /// Keeps what the call needs of one field of its headers.
    func keep(_ field: HeaderField, _ value: OpaquePointer, of stream: StreamPointer) {
        switch field {
        case .method(.post): stream.pointee.flags.insert(.isPost)
        case .path(let method?):
            stream.pointee.method = method
            stream.pointee.kind = context.methods.methods[method].kind
        case .contentType(let isGRPC):
            if isGRPC { stream.pointee.flags.insert(.isGRPC) }
        case .timeout(let timeout):
            stream.pointee.flags.insert(timeout == nil ? .badTimeout : .hasTimeout)
            stream.pointee.deadlineNanoseconds = timeout ?? 0
        case .encoding(.gzip): stream.pointee.flags.insert(.gzipRequest)
        case .encoding(.unknown): stream.pointee.flags.insert(.unknownEncoding)
        case .acceptEncoding(let gzip):
            if gzip { stream.pointee.flags.insert(.acceptsGzip) }
        case .contentLength(let count): stream.pointee.contentLength = count
        case .requestID: unsafe stream.pointee.requestID = stream.pointee.keepHeader(KnownFields.bytes(of: value))
        case .channelID: unsafe stream.pointee.channelID = stream.pointee.keepHeader(KnownFields.bytes(of: value))
        case .traceparent: unsafe stream.pointee.traceparent = stream.pointee.keepHeader(KnownFields.bytes(of: value))
        case .authorization:
            unsafe stream.pointee.authorization = stream.pointee.keepHeader(KnownFields.bytes(of: value))
        default: break
        }
    }

    /// The headers are whole: the call begins, or is refused.
    func headEnded(_ stream: StreamPointer, endsStream: Bool) {
        if endsStream { stream.pointee.flags.insert(.remoteEnded) }
        let flags = stream.pointee.flags
        // A deadline may have cut it off while its headers were arriving.
        if flags.contains(.ended) { return }
        if !head.isRequest || (endsStream && stream.pointee.contentLength > 0) { return resetMalformed(stream) }
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
        guard stream.pointee.flags.isDisjoint(with: [.ended, .cutShort]) else { return }
        let declared = stream.pointee.contentLength
        if declared >= 0, declared != stream.pointee.receivedBytes { return resetMalformed(stream) }
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
    func forgetRequest(_ stream: StreamPointer) {
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
        guard stream.pointee.flags.isDisjoint(with: [.delivering, .cutShort]) else { return }
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
        let isStream = stream.pointee.kind == .serverStreaming || stream.pointee.kind == .bidirectional
        if isStream, context.isStopping { return .streamEnds }
        if flags.contains(.badTimeout) { return CallStatus(.internalError, "malformed grpc-timeout") }
        if flags.contains(.hasTimeout), stream.pointee.deadlineNanoseconds == 0 {
            return CallStatus(.deadlineExceeded, "the deadline had passed when the call arrived")
        }
        return nil
    }
}
