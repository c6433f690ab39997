import CNGHTTP2
import Calls
import Glibc

/// What arrives, frame by frame. Called by nghttp2 from within `receive`; false stops the reading.
extension Session {
    func frameBegan(_ header: nghttp2_frame_hd) -> Bool {
        switch UInt32(header.type) {
        case NGHTTP2_DATA.rawValue, NGHTTP2_CONTINUATION.rawValue:
            return true
        case NGHTTP2_HEADERS.rawValue:
            if header.stream_id <= lastStreamID, skippedStreamIDs.contains(where: { $0.contains(header.stream_id) }) {
                return goAway(NGHTTP2_PROTOCOL_ERROR, "stream id out of order")
            }
            return true
        default:
            if controlFrames.take(nowNanoseconds: context.nowNanoseconds) { return true }
            return goAway(NGHTTP2_ENHANCE_YOUR_CALM, "too_many_control_frames")
        }
    }

    func headersBegan(streamID: Int32, isRequest: Bool) -> Bool {
        headBytes = 0
        headFields = 0
        headBeganNanoseconds = context.nowNanoseconds
        headStream = nil
        guard isRequest else { return true }
        noteStreamID(streamID)
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

    func headerReceived(name: UnsafeRawBufferPointer, value: UnsafeRawBufferPointer) -> Bool {
        headFields += 1
        headBytes += name.count + value.count + 32
        let limits = context.limits
        if headBytes > limits.headerListBytesMax || headFields > limits.headerFieldsMax {
            // HPACK decoding goes on, or the connection's table would be lost; only an absurd list ends it.
            if headBytes > limits.headerListBytesMax * 16 {
                return goAway(NGHTTP2_ENHANCE_YOUR_CALM, "header list too large")
            }
            headStream?.pointee.flags.insert(.headersTooLarge)
            return true
        }
        if let stream = headStream { unsafe readHeader(stream, name: name, value: value) }
        return true
    }

    func dataReceived(streamID: Int32, bytes: UnsafeRawBufferPointer, endsStream: Bool) -> Bool {
        // The connection's window is always given back: one slow stream must not stop the others.
        unsafe nghttp2_session_consume_connection(handle, bytes.count)
        keepChunk()
        guard let stream = stream(streamID), !stream.pointee.flags.contains(.ended) else { return true }
        stream.pointee.progressNanoseconds = context.nowNanoseconds
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
            unsafe nghttp2_session_consume_stream(handle, streamID, bytes.count)
        }
        return true
    }

    func frameReceived(_ header: nghttp2_frame_hd, _ frame: UnsafePointer<nghttp2_frame>) -> Bool {
        let endsStream = UInt32(header.flags) & NGHTTP2_FLAG_END_STREAM.rawValue != 0
        switch UInt32(header.type) {
        case NGHTTP2_DATA.rawValue:
            if endsStream {
                if let stream = stream(header.stream_id) { requestEnded(stream) }
            } else if header.length == 0 {
                emptyDataFrames += 1
                if emptyDataFrames > context.limits.emptyDataFramesMax {
                    return goAway(NGHTTP2_ENHANCE_YOUR_CALM, "too_many_empty_frames")
                }
                return true
            }
            emptyDataFrames = 0
        case NGHTTP2_HEADERS.rawValue:
            headBeganNanoseconds = nil
            if let stream = headStream {
                headStream = nil
                headEnded(stream, endsStream: endsStream)
            } else if endsStream, let stream = stream(header.stream_id) {
                requestEnded(stream)
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
                unsafe nghttp2_submit_rst_stream(handle, 0, header.stream_id, NGHTTP2_NO_ERROR.rawValue)
            }
        case NGHTTP2_RST_STREAM.rawValue where unsafe frame.pointee.rst_stream.error_code != NGHTTP2_NO_ERROR.rawValue:
            context.counters.add(.protocolErrors, 1)
            if !ownResets.take(nowNanoseconds: context.nowNanoseconds) {
                goAway(NGHTTP2_ENHANCE_YOUR_CALM, "too_many_resets")
            }
        default:
            break
        }
        return true
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

    private func noteStreamID(_ streamID: Int32) {
        if streamID > lastStreamID + 2 {
            skippedStreamIDs.append(lastStreamID + 2...streamID - 2)
            if skippedStreamIDs.count > 16 { skippedStreamIDs.removeFirst() }
        }
        lastStreamID = streamID
    }
}
