import CNGHTTP2
import Calls
import Glibc

/// From the application's replies to frames.
extension Session {
    /// Queues one reply message.
    func send(_ stream: StreamPointer, _ message: [UInt8]) {
        guard !stream.pointee.flags.contains(.ended) else { return }
        let before = stream.pointee.outbound.count
        unsafe message.withUnsafeBytes { unsafe appendMessage(stream, $0) }
        let after = stream.pointee.outbound.count
        if let call = stream.pointee.call {
            call.queued(message, as: after - before)
            // Compressed it may be little.
            if call.takeOwedWritable() { context.drained.append(stream.pointee.key) }
        }
        if replyBytes > context.limits.replyBytesPerConnectionMax { return fail(stream, tooManyReplyBytes) }
        submitHeaders(stream)
        wake(stream)
    }

    var tooManyReplyBytes: CallStatus {
        CallStatus(.resourceExhausted, "too many reply bytes waiting on this connection")
    }

    /// Decides the call's outcome; what is queued is still sent before it.
    func finish(_ stream: StreamPointer, _ given: CallStatus) {
        guard !stream.pointee.flags.contains(.ended) else { return }
        var status = given
        let isEmpty = !stream.pointee.flags.contains(.headersSubmitted) && stream.pointee.outbound.isEmpty
        if status.code == .ok, stream.pointee.kind == .unary, isEmpty {
            status = CallStatus(.internalError, "the method ended without a reply")
        }
        // The caller had more to say.
        if status.code == .ok, stream.pointee.flags.contains(.cutShort) { status = .streamEnds }
        if status.code != .ok { stream.pointee.status = status }
        end(stream, status.code)
        if isEmpty, status.code != .ok {
            submitTrailersOnly(stream, status)
        } else {
            submitHeaders(stream)
            wake(stream)
        }
    }

    /// Ends a call whose receiver did not: what is queued is dropped, the caller hears the status at once.
    func cutOff(_ stream: StreamPointer, _ status: CallStatus, telling reason: CancelReason = .connectionLost) {
        if stream.pointee.flags.contains(.ended) {
            // The outcome is on its way behind data the caller does not take; only a reset gets past that.
            submitted(unsafe nghttp2_submit_rst_stream(handle, 0, stream.pointee.id, NGHTTP2_CANCEL.rawValue))
            return scheduleFlush()
        }
        let receiver = stream.pointee.receiver
        stream.pointee.status = status
        end(stream, status.code)
        receiver?.cancelled(reason)
        replyBytes -= stream.pointee.outbound.count
        stream.pointee.outbound.removeAll(keeping: 16_384)
        if stream.pointee.flags.contains(.headersSubmitted) {
            // Trailers are not flow-controlled; the data before them is given up.
            submitTrailers(stream)
        } else {
            submitTrailersOnly(stream, status)
        }
        scheduleFlush()
    }

    /// A fault of the caller's found while a receiver has the call.
    func fail(_ stream: StreamPointer, _ status: CallStatus) {
        cutOff(stream, status, telling: .resetByCaller)
    }

    func deadlinePassed(_ stream: StreamPointer) {
        cutOff(stream, CallStatus(.deadlineExceeded, "the deadline has passed"), telling: .deadlineExceeded)
    }

    /// The call is over and no one is left to tell but the receiver.
    func cancel(_ stream: StreamPointer, _ reason: CancelReason) {
        let flags = stream.pointee.flags
        guard flags.contains(.started), !flags.contains(.ended) else { return }
        let receiver = stream.pointee.receiver
        end(stream, reason == .serverStopping ? .unavailable : .cancelled)
        receiver?.cancelled(reason)
    }

    /// HTTP's own errors, for requests that are not gRPC.
    func rejectHTTP(_ stream: StreamPointer, status: StaticString) {
        stream.pointee.flags.insert([.ended, .headersSubmitted, .trailersSubmitted])
        context.counters.add(.protocolErrors, 1)
        var fields = HeaderList()
        fields.add(":status", status)
        if stream.pointee.flags.contains(.isPost) {
            fields.add("accept", "application/grpc")
        } else {
            fields.add("allow", "POST")
        }
        submit(stream) { id in unsafe fields.withFields { unsafe nghttp2_submit_response(handle, id, $0, $1, nil) } }
        scheduleFlush()
    }

    /// Appends one message with its prefix, compressed when the caller wants that and it is worth while.
    func appendMessage(_ stream: StreamPointer, _ message: UnsafeRawBufferPointer) {
        let isLarge = message.count > context.limits.compressionThresholdBytes
        if isLarge, stream.pointee.flags.contains(.gzipReplies) {
            context.deflated.removeAll(keeping: 64 << 10)
            if unsafe context.gzip.deflate(message, into: &context.deflated) {
                return unsafe appendPrefixed(stream, context.deflated.bytes, compressed: true)
            }
        }
        unsafe appendPrefixed(stream, message, compressed: false)
    }

    private func appendPrefixed(_ stream: StreamPointer, _ bytes: UnsafeRawBufferPointer, compressed: Bool) {
        let target = unsafe stream.pointee.outbound.reserve(MessagePrefix.byteCount + bytes.count)
        unsafe MessagePrefix.write(to: target, compressed: compressed, length: bytes.count)
        if let start = bytes.baseAddress { unsafe memcpy(target + MessagePrefix.byteCount, start, bytes.count) }
        stream.pointee.outbound.advance(by: MessagePrefix.byteCount + bytes.count)
        replyBytes += MessagePrefix.byteCount + bytes.count
    }

    /// Queues the response headers and the data that follows, once.
    func submitHeaders(_ stream: StreamPointer) {
        guard !stream.pointee.flags.contains(.headersSubmitted) else { return }
        stream.pointee.flags.insert(.headersSubmitted)
        stream.pointee.progressNanoseconds = context.nowNanoseconds
        let head = unsafe context.replyHeaders.head
        var count = ReplyHeaders.headCount
        if stream.pointee.requestID.count > 0 {
            unsafe head[count] = ReplyHeaders.field(
                "x-request-id", stream.pointee.header(stream.pointee.requestID),
                flags: UInt8(NGHTTP2_NV_FLAG_NO_INDEX.rawValue))
            count += 1
        }
        if stream.pointee.flags.contains(.gzipReplies) {
            unsafe head[count] = ReplyHeaders.staticField("grpc-encoding", "gzip")
            count += 1
        }
        var source = unsafe nghttp2_data_provider(
            source: nghttp2_data_source(ptr: stream.slot), read_callback: readReply)
        submit(stream) { unsafe nghttp2_submit_response(handle, $0, head, count, &source) }
        scheduleFlush()
    }

    /// The outcome is decided: the receiver and the sink are let go, the counters told.
    private func end(_ stream: StreamPointer, _ code: StatusCode) {
        stream.pointee.flags.insert(.ended)
        stream.pointee.receiver = nil
        stream.pointee.call?.close()
        record(stream, code)
    }

    func record(_ stream: StreamPointer, _ code: StatusCode) {
        guard stream.pointee.flags.contains(.started) else { return }
        let method = stream.pointee.method
        let duration = MonotonicClock.nowNanoseconds() &- stream.pointee.startedNanoseconds
        context.counters.callFinished(method: method, code: code, count: 1, durationNanoseconds: duration)
        guard let observer = context.observer, observer.wants(code) else { return }
        unsafe observer.callFinished(
            FinishedCall(
                method: method < context.methods.methods.count ? method : nil, code: code,
                message: stream.pointee.status?.message ?? "",
                requestID: String(decoding: stream.pointee.header(stream.pointee.requestID), as: UTF8.self),
                traceparent: String(decoding: stream.pointee.header(stream.pointee.traceparent), as: UTF8.self),
                durationNanoseconds: duration))
    }

    private func wake(_ stream: StreamPointer) {
        if stream.pointee.flags.contains(.deferred) {
            stream.pointee.flags.remove(.deferred)
            stream.pointee.progressNanoseconds = context.nowNanoseconds
            submitted(unsafe nghttp2_session_resume_data(handle, stream.pointee.id))
        }
        scheduleFlush()
    }

    /// A stream that nghttp2 takes no headers for must not hang.
    private func submit(_ stream: StreamPointer, _ body: (_ streamID: Int32) -> Int32) {
        if submitted(body(stream.pointee.id)) { return }
        submitted(unsafe nghttp2_submit_rst_stream(handle, 0, stream.pointee.id, NGHTTP2_INTERNAL_ERROR.rawValue))
    }

    private func submitTrailersOnly(_ stream: StreamPointer, _ status: CallStatus) {
        stream.pointee.flags.insert([.headersSubmitted, .trailersSubmitted])
        var fields = HeaderList()
        fields.add(":status", "200")
        fields.add("content-type", "application/grpc")
        if stream.pointee.requestID.count > 0 {
            unsafe fields.add("x-request-id", Array(stream.pointee.header(stream.pointee.requestID)))
        }
        if stream.pointee.flags.contains(.unknownEncoding) { fields.add("grpc-accept-encoding", "identity,gzip") }
        fields.add(status, byteCountMax: context.limits.trailerBytesMax)
        submit(stream) { id in unsafe fields.withFields { unsafe nghttp2_submit_response(handle, id, $0, $1, nil) } }
        scheduleFlush()
    }

    private func submitTrailers(_ stream: StreamPointer) {
        stream.pointee.flags.insert(.trailersSubmitted)
        guard let status = stream.pointee.status else {
            submitted(unsafe nghttp2_submit_trailer(handle, stream.pointee.id, context.replyHeaders.okTrailers, 1))
            return
        }
        var fields = HeaderList()
        fields.add(status, byteCountMax: context.limits.trailerBytesMax)
        submit(stream) { id in unsafe fields.withFields { unsafe nghttp2_submit_trailer(handle, id, $0, $1) } }
    }

    /// nghttp2 asks for at most `room` bytes of a stream's reply data.
    fileprivate func replyData(
        _ stream: StreamPointer, _ target: UnsafeMutablePointer<UInt8>, _ room: Int
    ) -> ReplyData {
        let flags = stream.pointee.flags
        if flags.contains(.trailersSubmitted) { return .later }
        let count = min(room, stream.pointee.outbound.count)
        if count > 0 {
            unsafe memcpy(target, stream.pointee.outbound.bytes.baseAddress!, count)
            stream.pointee.outbound.consume(count)
            replyBytes -= count
            stream.pointee.progressNanoseconds = context.nowNanoseconds
            if let call = stream.pointee.call { noteSent(stream, call, count) }
        }
        if stream.pointee.outbound.isEmpty {
            if flags.contains(.ended) {
                submitTrailers(stream)
                return .last(count)
            }
            if count == 0 {
                stream.pointee.flags.insert(.deferred)
                stream.pointee.outbound.removeAll(keeping: context.limits.streamWindowBytes)
                return .later
            }
        }
        return .some(count)
    }

    private func noteSent(_ stream: StreamPointer, _ call: Call, _ count: Int) {
        call.sent(count)
        // The receiver may send at once, which it must not from within nghttp2's sending.
        if call.takeOwedWritable() { context.drained.append(stream.pointee.key) }
    }
}

private enum ReplyData {
    case some(Int)
    /// The trailers follow.
    case last(Int)
    /// Nothing now; `nghttp2_session_resume_data` asks again.
    case later
}

/// nghttp2's data source: `source.ptr` is the stream, whose slot is not reused before nghttp2 has closed it.
private func readReply(
    _ handle: OpaquePointer?, _ streamID: Int32, _ target: UnsafeMutablePointer<UInt8>?, _ room: Int,
    _ flags: UnsafeMutablePointer<UInt32>?, _ source: UnsafeMutablePointer<nghttp2_data_source>?,
    _ user: UnsafeMutableRawPointer?
) -> Int {
    let stream = unsafe StreamPointer(source!.pointee.ptr)
    let data = unsafe Unmanaged<Session>.fromOpaque(user!)._withUnsafeGuaranteedRef {
        unsafe $0.replyData(stream, target!, room)
    }
    switch data {
    case .some(let count):
        return count
    case .last(let count):
        unsafe flags!.pointee |= NGHTTP2_DATA_FLAG_EOF.rawValue | NGHTTP2_DATA_FLAG_NO_END_STREAM.rawValue
        return count
    case .later:
        return Int(NGHTTP2_ERR_DEFERRED.rawValue)
    }
}
