import CNGHTTP2
import Calls
import Glibc

/// What arrives, frame by frame. Called by nghttp2 from within `receive`; false stops the reading.
extension Session {
    func frameBegan(_ header: nghttp2_frame_hd) -> Bool {
        switch UInt32(header.type) {
        case NGHTTP2_DATA.rawValue:
            return dataBegan(header)
        case NGHTTP2_CONTINUATION.rawValue:
            return true
        case NGHTTP2_HEADERS.rawValue:
            if streamIDs.isSkipped(header.stream_id), stream(header.stream_id) == nil {
                return goAway(NGHTTP2_PROTOCOL_ERROR, "stream_id_out_of_order")
            }
            return true
        case NGHTTP2_PRIORITY.rawValue:
            // nghttp2 ignores them whole (RFC 9113 5.3.2), but these are no such frames (6.3).
            if header.stream_id == 0 { return goAway(NGHTTP2_PROTOCOL_ERROR, "priority_without_stream") }
            if header.length != 5 { return goAway(NGHTTP2_FRAME_SIZE_ERROR, "priority_of_wrong_size") }
            return controlFrameBegan()
        default:
            return controlFrameBegan()
        }
    }

    func headersBegan(streamID: Int32, isRequest: Bool) -> Bool {
        head = HeaderBlock()
        head.streamID = streamID
        headBeganNanoseconds = context.nowNanoseconds
        headStream = nil
        guard isRequest else { return true }
        streamIDs.note(streamID)
        let stream = context.streams.acquire()
        stream.pointee.id = streamID
        stream.pointee.method = context.methods.methods.count
        stream.pointee.kind = .unaryInline
        stream.pointee.startedNanoseconds = context.nowNanoseconds
        stream.pointee.progressNanoseconds = context.nowNanoseconds
        link(stream)
        unsafe nghttp2_session_set_stream_user_data(handle, streamID, stream.slot)
        headStream = stream
        return true
    }

    /// nghttp2 leaves it to us which fields make a request: it would look at every byte of every call's.
    func headerReceived(name: OpaquePointer, value: OpaquePointer) -> Bool {
        let (field, bytes) = unsafe knownFields.field(name, value, methods: context.methods)
        head.fields += 1
        head.bytes += bytes + 32
        let limits = context.limits
        if head.bytes > limits.headerListBytesMax || head.fields > limits.headerFieldsMax {
            // HPACK decoding goes on, or the connection's table would be lost; only an absurd list ends it.
            if head.bytes > limits.headerListBytesMax * 16 {
                return goAway(NGHTTP2_ENHANCE_YOUR_CALM, "header_list_too_large")
            }
            headStream?.pointee.flags.insert(.headersTooLarge)
        }
        guard let stream = headStream else {
            head.takeTrailer(field)
            return true
        }
        head.take(field)
        if !stream.pointee.flags.contains(.headersTooLarge) { unsafe keep(field, value, of: stream) }
        return true
    }

    func dataReceived(streamID: Int32, bytes: UnsafeRawBufferPointer, endsStream: Bool) -> Bool {
        // The connection's window is always given back: one slow stream must not stop the others.
        submitted(unsafe nghttp2_session_consume_connection(handle, bytes.count))
        emptyDataFrames = 0
        keepChunk()
        guard let stream = stream(streamID), stream.pointee.flags.isDisjoint(with: [.ended, .cutShort]) else {
            return true
        }
        stream.pointee.progressNanoseconds = context.nowNanoseconds
        stream.pointee.receivedBytes += Int64(bytes.count)
        if stream.pointee.contentLength >= 0, stream.pointee.receivedBytes > stream.pointee.contentLength {
            resetMalformed(stream)
            return !isClosing
        }
        if endsStream, stream.pointee.inbound.isEmpty, stream.pointee.kind != .bidirectional,
            let prefix = unsafe MessagePrefix(bytes), prefix.length == bytes.count - MessagePrefix.byteCount
        {
            unsafe stream.pointee.chunk = bytes
            chunkStream = stream
            return true
        }
        unsafe keepRequestBytes(stream, bytes)
        if stream.pointee.kind == .bidirectional {
            deliver(stream)
        } else {
            checkGrowingRequest(stream)
        }
        if endsStream || stream.pointee.flags.contains(.ended) { return true }
        if stream.pointee.flags.contains(.paused) {
            stream.pointee.unconsumedBytes += bytes.count
        } else {
            submitted(unsafe nghttp2_session_consume_stream(handle, streamID, bytes.count))
        }
        return true
    }

    func frameReceived(_ header: nghttp2_frame_hd, _ frame: UnsafePointer<nghttp2_frame>) -> Bool {
        let endsStream = UInt32(header.flags) & NGHTTP2_FLAG_END_STREAM.rawValue != 0
        switch UInt32(header.type) {
        case NGHTTP2_DATA.rawValue:
            if endsStream, let stream = stream(header.stream_id) { requestEnded(stream) }
        case NGHTTP2_HEADERS.rawValue:
            headBeganNanoseconds = nil
            if let stream = headStream {
                headStream = nil
                headEnded(stream, endsStream: endsStream)
            } else if let stream = stream(header.stream_id) {
                // A trailer section ends the request (RFC 9113 8.1).
                if head.isMalformed || !endsStream { resetMalformed(stream) } else { requestEnded(stream) }
            }
        case NGHTTP2_RST_STREAM.rawValue:
            return resetReceived(header.stream_id)
        case NGHTTP2_PING.rawValue:
            return pingReceived(isAcknowledgement: UInt32(header.flags) & NGHTTP2_FLAG_ACK.rawValue != 0)
        case NGHTTP2_SETTINGS.rawValue:
            hasPreface = true
        default:
            break
        }
        return !isClosing
    }

    /// The caller reset the stream, or both halves ended.
    func streamClosed(streamID: Int32) {
        guard let stream = stream(streamID) else { return }
        cancel(stream, .resetByCaller)
        release(stream)
    }

    func frameSent(_ header: nghttp2_frame_hd, _ frame: UnsafePointer<nghttp2_frame>) -> Bool {
        switch UInt32(header.type) {
        case NGHTTP2_DATA.rawValue:
            controlFrames.add(2)
            lastPingNanoseconds = nil
            pingStrikes = 0
        case NGHTTP2_HEADERS.rawValue:
            lastPingNanoseconds = nil
            pingStrikes = 0
            if UInt32(header.flags) & NGHTTP2_FLAG_END_STREAM.rawValue != 0,
                let stream = stream(header.stream_id), !stream.pointee.flags.contains(.remoteEnded)
            {
                // The caller need not send the rest of its request (RFC 9113 8.1).
                submitted(unsafe nghttp2_submit_rst_stream(handle, 0, header.stream_id, NGHTTP2_NO_ERROR.rawValue))
            }
        case NGHTTP2_RST_STREAM.rawValue where unsafe frame.pointee.rst_stream.error_code != NGHTTP2_NO_ERROR.rawValue:
            context.counters.add(.protocolErrors, 1)
            if countedResets > 0 {
                countedResets -= 1
            } else {
                countReset()
            }
        case NGHTTP2_GOAWAY.rawValue where unsafe frame.pointee.goaway.error_code != NGHTTP2_NO_ERROR.rawValue:
            context.counters.add(.protocolErrors, 1)
        default:
            break
        }
        return true
    }

    /// nghttp2 is about to end the stream, or the connection, for this frame. A reset is counted here, not when it is
    /// sent: one read may bring a thousand such frames, and the queue that they fill must not be what bounds them.
    func invalidFrameReceived(_ header: nghttp2_frame_hd, _ code: Int32) -> Bool {
        if UInt32(header.type) == NGHTTP2_HEADERS.rawValue { headBeganNanoseconds = nil }
        guard header.stream_id != 0 else { return true }
        countedResets += 1
        return countReset()
    }

    /// A malformed request is a stream error (RFC 9113 8.1.1).
    func resetMalformed(_ stream: StreamPointer) {
        cancel(stream, .resetByCaller)
        stream.pointee.flags.insert(.ended)
        countedResets += 1
        let id = stream.pointee.id
        submitted(unsafe nghttp2_submit_rst_stream(handle, 0, id, NGHTTP2_PROTOCOL_ERROR.rawValue))
        countReset()
        scheduleFlush()
    }

    /// One more RST_STREAM that the caller makes us send.
    @discardableResult
    private func countReset() -> Bool {
        if ownResets.take(nowNanoseconds: context.nowNanoseconds) { return true }
        return goAway(NGHTTP2_ENHANCE_YOUR_CALM, "too_many_resets")
    }

    private func controlFrameBegan() -> Bool {
        if controlFrames.take(nowNanoseconds: context.nowNanoseconds) { return true }
        return goAway(NGHTTP2_ENHANCE_YOUR_CALM, "too_many_control_frames")
    }

    /// Frames without data cost us work and the caller no window. Padding may be all there is in a frame: it counts as
    /// empty until data comes of it. The last frame of a request may be empty.
    private func dataBegan(_ header: nghttp2_frame_hd) -> Bool {
        let flags = UInt32(header.flags)
        if flags & NGHTTP2_FLAG_END_STREAM.rawValue != 0 { return true }
        guard header.length == 0 || flags & NGHTTP2_FLAG_PADDED.rawValue != 0 else { return true }
        emptyDataFrames += 1
        if emptyDataFrames <= context.limits.emptyDataFramesMax { return true }
        return goAway(NGHTTP2_ENHANCE_YOUR_CALM, "too_many_empty_frames")
    }

    /// What lies in nghttp2's input moves to the stream's own queue before that input is gone.
    func keepChunk() {
        guard let stream = chunkStream else { return }
        chunkStream = nil
        let bytes = unsafe stream.pointee.chunk
        unsafe stream.pointee.chunk = UnsafeRawBufferPointer(start: nil, count: 0)
        unsafe keepRequestBytes(stream, bytes)
    }

    private func keepRequestBytes(_ stream: StreamPointer, _ bytes: UnsafeRawBufferPointer) {
        requestBytes += bytes.count
        unsafe stream.pointee.inbound.append(bytes)
        if requestBytes > context.limits.requestBytesPerConnectionMax {
            fail(stream, CallStatus(.resourceExhausted, "too many request bytes waiting on this connection"))
        }
    }
}
