import COpenSSL

/// The server's certificates and TLS rules, read from files once. Immutable, so any loop may make connections of it;
/// a connection keeps what it began with when the server moves on to another.
@safe
final class TLSContext: @unchecked Sendable {
    // OpenSSL counts references to an SSL_CTX atomically.
    private let handle: OpaquePointer
    let requiresClientCertificate: Bool

    init(_ configuration: TLSConfiguration) throws(WireError) {
        requiresClientCertificate = configuration.clientAuthorityPath != nil
        ERR_clear_error()
        guard let made = unsafe SSL_CTX_new(TLS_server_method()) else { throw Self.failure("SSL_CTX_new") }
        do throws(WireError) {
            try unsafe Self.prepare(made, configuration)
        } catch {
            unsafe SSL_CTX_free(made)
            throw error
        }
        unsafe handle = made
    }

    deinit { unsafe SSL_CTX_free(handle) }

    /// A TLS connection on the (non-blocking) descriptor; nil when out of memory. The caller frees it.
    func makeConnection(descriptor: Int32) -> OpaquePointer? {
        guard let connection = unsafe SSL_new(handle) else { return nil }
        guard unsafe SSL_set_fd(connection, descriptor) == 1 else {
            unsafe SSL_free(connection)
            return nil
        }
        unsafe SSL_set_accept_state(connection)
        return unsafe connection
    }

    private static func prepare(_ context: OpaquePointer, _ configuration: TLSConfiguration) throws(WireError) {
        try unsafe check(shim_ctx_set_min_tls12(context) == 1, "TLS 1.2")
        unsafe shim_ctx_set_modes(context)
        // TLS 1.2: only what RFC 9113 9.2.2 does not blacklist.
        let ciphers =
            "ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-RSA-AES128-GCM-SHA256:ECDHE-ECDSA-AES256-GCM-SHA384:"
            + "ECDHE-RSA-AES256-GCM-SHA384:ECDHE-ECDSA-CHACHA20-POLY1305:ECDHE-RSA-CHACHA20-POLY1305"
        try unsafe check(SSL_CTX_set_cipher_list(context, ciphers) == 1, "TLS 1.2 ciphers")
        let chain = configuration.certificateChainPath
        try unsafe check(SSL_CTX_use_certificate_chain_file(context, chain) == 1, "certificate chain \(chain)")
        let key = configuration.privateKeyPath
        try unsafe check(SSL_CTX_use_PrivateKey_file(context, key, SSL_FILETYPE_PEM) == 1, "private key \(key)")
        try unsafe check(SSL_CTX_check_private_key(context) == 1, "private key \(key) for certificate \(chain)")
        if let authority = configuration.clientAuthorityPath {
            let isLoaded = unsafe SSL_CTX_load_verify_locations(context, authority, nil) == 1
            try check(isLoaded, "client authority \(authority)")
            unsafe SSL_CTX_set_client_CA_list(context, SSL_load_client_CA_file(authority))
            unsafe SSL_CTX_set_verify(context, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, nil)
        }
        let name: [UInt8] = Array("availability".utf8)
        try unsafe check(SSL_CTX_set_session_id_context(context, name, UInt32(name.count)) == 1, "session id context")
        unsafe SSL_CTX_set_alpn_select_cb(context, selectProtocol, nil)
    }

    private static func check(_ succeeded: Bool, _ what: String) throws(WireError) {
        if !succeeded { throw failure(what) }
    }

    private static func failure(_ what: String) -> WireError {
        let code = ERR_get_error()
        var text = [CChar](repeating: 0, count: 256)
        unsafe ERR_error_string_n(code, &text, text.count)
        ERR_clear_error()
        let reason = String(decoding: text.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
        return WireError(.certificates, "\(what): \(reason)")
    }
}

/// ALPN (RFC 7301): `h2` or no connection.
private func selectProtocol(
    _ connection: OpaquePointer?, _ selected: UnsafeMutablePointer<UnsafePointer<UInt8>?>?,
    _ selectedCount: UnsafeMutablePointer<UInt8>?, _ offered: UnsafePointer<UInt8>?, _ offeredCount: UInt32,
    _ argument: UnsafeMutableRawPointer?
) -> Int32 {
    var offset = 0
    while offset < Int(offeredCount) {
        let count = unsafe Int(offered![offset])
        let name = unsafe offered! + offset + 1
        let isWhole = count == 2 && offset + 2 < Int(offeredCount)
        if isWhole, unsafe name[0] == UInt8(ascii: "h") && name[1] == UInt8(ascii: "2") {
            unsafe selected!.pointee = name
            unsafe selectedCount!.pointee = 2
            return SSL_TLSEXT_ERR_OK
        }
        offset += 1 + count
    }
    return SSL_TLSEXT_ERR_ALERT_FATAL
}
