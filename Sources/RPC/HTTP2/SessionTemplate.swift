import CNGHTTP2

/// What every session of a loop is made with: the callbacks, nghttp2's own limits, and where its memory comes from.
@safe
struct SessionTemplate: ~Copyable {
    let callbacks: OpaquePointer
    let options: OpaquePointer
    /// It must outlive the sessions.
    let memory: UnsafeMutablePointer<nghttp2_mem>

    init(limits: WireLimits, memory: UnsafeMutablePointer<nghttp2_mem>) {
        unsafe self.memory = unsafe memory
        var made: OpaquePointer?
        unsafe precondition(nghttp2_session_callbacks_new(&made) == 0, "out of memory")
        unsafe callbacks = made!
        unsafe precondition(nghttp2_option_new(&made) == 0, "out of memory")
        unsafe options = made!

        // A paused stream keeps its window closed, so the session gives window back itself.
        unsafe nghttp2_option_set_no_auto_window_update(options, 1)
        unsafe nghttp2_option_set_no_closed_streams(options, 1)
        // `HeaderField` and `HeaderBlock` see to RFC 9113 8.
        unsafe nghttp2_option_set_no_http_messaging(options, 1)
        unsafe nghttp2_option_set_max_outbound_ack(options, limits.outboundFramesMax)
        // Frames of types that nobody knows are skipped by nghttp2 in silence unless they are asked for: asked for, they
        // are announced (`frameBegan`), counted, and then skipped.
        for type in UInt8(NGHTTP2_CONTINUATION.rawValue) + 1 ... .max {
            unsafe nghttp2_option_set_user_recv_extension_type(options, type)
        }
        unsafe nghttp2_session_callbacks_set_unpack_extension_callback(callbacks) { _, _, _, _ in
            NGHTTP2_ERR_CANCEL.rawValue
        }

        unsafe nghttp2_session_callbacks_set_on_begin_frame_callback(callbacks, frameBegan)
        unsafe nghttp2_session_callbacks_set_on_begin_headers_callback(callbacks, headersBegan)
        unsafe nghttp2_session_callbacks_set_on_header_callback2(callbacks, headerReceived)
        unsafe nghttp2_session_callbacks_set_on_data_chunk_recv_callback(callbacks, dataReceived)
        unsafe nghttp2_session_callbacks_set_on_frame_recv_callback(callbacks, frameReceived)
        unsafe nghttp2_session_callbacks_set_on_invalid_frame_recv_callback(callbacks, invalidFrameReceived)
        unsafe nghttp2_session_callbacks_set_on_frame_send_callback(callbacks, frameSent)
        unsafe nghttp2_session_callbacks_set_on_stream_close_callback(callbacks, streamClosed)
    }

    deinit {
        unsafe nghttp2_session_callbacks_del(callbacks)
        unsafe nghttp2_option_del(options)
    }

    /// nil when there is no memory for it.
    func makeSession() -> OpaquePointer? {
        var made: OpaquePointer?
        guard unsafe nghttp2_session_server_new3(&made, callbacks, nil, options, memory) == 0 else { return nil }
        return unsafe made
    }
}

// nghttp2's callbacks: each recovers the session, which outlives every call of nghttp2 into it, and forwards. A result
// other than 0 makes nghttp2 stop reading at once.

@inline(__always)
private func withSession(_ user: UnsafeMutableRawPointer?, _ body: (Session) -> Bool) -> Int32 {
    let goesOn = unsafe Unmanaged<Session>.fromOpaque(user!)._withUnsafeGuaranteedRef(body)
    return goesOn ? 0 : NGHTTP2_ERR_CALLBACK_FAILURE.rawValue
}

/// Every frame begins with its header (the union's members share it).
@inline(__always)
private func header(_ frame: UnsafePointer<nghttp2_frame>?) -> nghttp2_frame_hd {
    unsafe UnsafeRawPointer(frame!).assumingMemoryBound(to: nghttp2_frame_hd.self).pointee
}

private func frameBegan(
    _ handle: OpaquePointer?, _ header: UnsafePointer<nghttp2_frame_hd>?, _ user: UnsafeMutableRawPointer?
) -> Int32 {
    unsafe withSession(user) { unsafe $0.frameBegan(header!.pointee) }
}

private func headersBegan(
    _ handle: OpaquePointer?, _ frame: UnsafePointer<nghttp2_frame>?, _ user: UnsafeMutableRawPointer?
) -> Int32 {
    let isRequest = unsafe frame!.pointee.headers.cat == NGHTTP2_HCAT_REQUEST
    return unsafe withSession(user) { unsafe $0.headersBegan(streamID: header(frame).stream_id, isRequest: isRequest) }
}

private func headerReceived(
    _ handle: OpaquePointer?, _ frame: UnsafePointer<nghttp2_frame>?, _ name: OpaquePointer?, _ value: OpaquePointer?,
    _ flags: UInt8, _ user: UnsafeMutableRawPointer?
) -> Int32 {
    unsafe withSession(user) { unsafe $0.headerReceived(name: name!, value: value!) }
}

private func dataReceived(
    _ handle: OpaquePointer?, _ flags: UInt8, _ streamID: Int32, _ data: UnsafePointer<UInt8>?, _ count: Int,
    _ user: UnsafeMutableRawPointer?
) -> Int32 {
    unsafe withSession(user) {
        unsafe $0.dataReceived(
            streamID: streamID, bytes: UnsafeRawBufferPointer(start: data, count: count),
            endsStream: UInt32(flags) & NGHTTP2_FLAG_END_STREAM.rawValue != 0)
    }
}

private func frameReceived(
    _ handle: OpaquePointer?, _ frame: UnsafePointer<nghttp2_frame>?, _ user: UnsafeMutableRawPointer?
) -> Int32 {
    unsafe withSession(user) { unsafe $0.frameReceived(header(frame), frame!) }
}

private func invalidFrameReceived(
    _ handle: OpaquePointer?, _ frame: UnsafePointer<nghttp2_frame>?, _ code: Int32, _ user: UnsafeMutableRawPointer?
) -> Int32 {
    unsafe withSession(user) { unsafe $0.invalidFrameReceived(header(frame), code) }
}

private func frameSent(
    _ handle: OpaquePointer?, _ frame: UnsafePointer<nghttp2_frame>?, _ user: UnsafeMutableRawPointer?
) -> Int32 {
    unsafe withSession(user) { unsafe $0.frameSent(header(frame), frame!) }
}

private func streamClosed(
    _ handle: OpaquePointer?, _ streamID: Int32, _ code: UInt32, _ user: UnsafeMutableRawPointer?
) -> Int32 {
    unsafe withSession(user) {
        $0.streamClosed(streamID: streamID)
        return true
    }
}
