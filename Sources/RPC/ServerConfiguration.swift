/// What a server listens on, and with what.
public struct ServerConfiguration: Sendable {
    /// An IPv4 or IPv6 address, or a name that resolves to one. Default: every address.
    public var listenHost: String
    /// 0 lets the system choose; `Server.port` tells what it chose.
    public var listenPort: UInt16
    /// Event loops, each a thread with a listener of its own. 0: one per processor core.
    public var loops: Int
    /// Absent: cleartext HTTP/2 with prior knowledge.
    public var tls: TLSConfiguration?
    public var limits: WireLimits

    public init(
        listenHost: String = "::", listenPort: UInt16 = 0, loops: Int = 0, tls: TLSConfiguration? = nil,
        limits: WireLimits = WireLimits()
    ) {
        self.listenHost = listenHost
        self.listenPort = listenPort
        self.loops = loops
        self.tls = tls
        self.limits = limits
    }
}

/// The PEM files of a TLS listener. They are read at start and at each `Server.reloadCertificates`.
public struct TLSConfiguration: Sendable {
    /// The server's certificate followed by its intermediates.
    public var certificateChainPath: String
    public var privateKeyPath: String
    /// When set, callers must show a certificate that one of these authorities signed (mutual TLS).
    public var clientAuthorityPath: String?

    public init(certificateChainPath: String, privateKeyPath: String, clientAuthorityPath: String? = nil) {
        self.certificateChainPath = certificateChainPath
        self.privateKeyPath = privateKeyPath
        self.clientAuthorityPath = clientAuthorityPath
    }
}
