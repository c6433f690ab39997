import COpenSSL
import Calls
import Glibc

/// A non-blocking socket, in the clear or under TLS; the rest of the wire cannot tell. Owns the descriptor.
@safe
struct Transport: ~Copyable {
    enum Outcome: Equatable {
        case bytes(Int)
        case wouldBlock
        /// The other side has ended its half, or the connection is broken.
        case ended
    }

    enum Handshake: Equatable {
        case done
        case wantsRead
        case wantsWrite
        case failed
    }

    let descriptor: Int32
    private let tls: OpaquePointer?

    init(descriptor: Int32, tls: OpaquePointer?) {
        self.descriptor = descriptor
        unsafe self.tls = tls
    }

    deinit {
        if let tls = unsafe tls { unsafe SSL_free(tls) }
        close(descriptor)
    }

    var isEncrypted: Bool { unsafe tls != nil }

    /// The caller's identity, once the handshake is done.
    var peer: PeerIdentity? {
        guard let tls = unsafe tls else { return nil }
        return unsafe PeerIdentity(connection: tls)
    }

    func handshake() -> Handshake {
        guard let tls = unsafe tls else { return .done }
        ERR_clear_error()
        let code = unsafe SSL_do_handshake(tls)
        if code == 1 { return unsafe hasHTTP2(tls) ? .done : .failed }
        switch unsafe SSL_get_error(tls, code) {
        case SSL_ERROR_WANT_READ: return .wantsRead
        case SSL_ERROR_WANT_WRITE: return .wantsWrite
        default: return .failed
        }
    }

    /// Fills the buffer as far as the socket has bytes; less than full means that it has no more for now.
    func read(into buffer: UnsafeMutableRawBufferPointer) -> Outcome {
        guard let tls = unsafe tls else { return unsafe readClear(into: buffer) }
        var total = 0
        while total < buffer.count {
            ERR_clear_error()
            let code = unsafe SSL_read(tls, buffer.baseAddress! + total, Int32(buffer.count - total))
            if code > 0 {
                total += Int(code)
                if unsafe SSL_has_pending(tls) == 1 { continue }
                break
            }
            if unsafe SSL_get_error(tls, code) == SSL_ERROR_WANT_READ { break }
            return total > 0 ? .bytes(total) : .ended
        }
        return total > 0 ? .bytes(total) : .wouldBlock
    }

    /// Whether bytes were read from the socket that `read` has not handed out: epoll does not tell of them.
    var hasReadAhead: Bool {
        guard let tls = unsafe tls else { return false }
        return unsafe SSL_has_pending(tls) == 1
    }

    func write(_ bytes: UnsafeRawBufferPointer) -> Outcome {
        guard let tls = unsafe tls else { return unsafe writeClear(bytes) }
        ERR_clear_error()
        let code = unsafe SSL_write(tls, bytes.baseAddress!, Int32(bytes.count))
        if code > 0 { return .bytes(Int(code)) }
        switch unsafe SSL_get_error(tls, code) {
        case SSL_ERROR_WANT_READ, SSL_ERROR_WANT_WRITE: return .wouldBlock
        default: return .ended
        }
    }

    /// Ends our half; what the caller still sends can be read.
    func endWriting() {
        if let tls = unsafe tls {
            ERR_clear_error()
            unsafe SSL_shutdown(tls)
        }
        shutdown(descriptor, Int32(SHUT_WR))
    }

    private func readClear(into buffer: UnsafeMutableRawBufferPointer) -> Outcome {
        while true {
            let count = unsafe recv(descriptor, buffer.baseAddress!, buffer.count, 0)
            if count > 0 { return .bytes(count) }
            if count == 0 { return .ended }
            if errno == EAGAIN { return .wouldBlock }
            if errno != EINTR { return .ended }
        }
    }

    private func writeClear(_ bytes: UnsafeRawBufferPointer) -> Outcome {
        while true {
            let count = unsafe Glibc.send(descriptor, bytes.baseAddress!, bytes.count, Int32(MSG_NOSIGNAL))
            if count >= 0 { return .bytes(count) }
            if errno == EAGAIN { return .wouldBlock }
            if errno != EINTR { return .ended }
        }
    }

    private func hasHTTP2(_ tls: OpaquePointer) -> Bool {
        var name: UnsafePointer<UInt8>?
        var count: UInt32 = 0
        unsafe SSL_get0_alpn_selected(tls, &name, &count)
        return count == 2
    }
}
