/// What the server was told to be: every scalar setting, decoded and checked. Stock and policy are in
/// `ConfiguredCatalogue`.
public struct ServerSettings: Sendable, Equatable {
    public enum LogLevel: String, Sendable, CaseIterable {
        case trace, debug, info, notice, warning, error, critical
    }

    public enum LogFormat: String, Sendable, CaseIterable {
        /// One JSON object a line.
        case json
        /// Lines for people.
        case text
        /// `text` on a terminal, else `json`.
        case auto
    }

    /// PEM files; read when the server starts and at each reload.
    public struct TLS: Sendable, Equatable {
        /// The server's certificate followed by its intermediates.
        public var certificatePath: String
        public var privateKeyPath: String
        /// When set, callers must show a certificate that one of these authorities signed.
        public var clientAuthorityPath: String?
    }

    public struct Storage: Sendable, Equatable {
        /// Address space for the store, sparse on disk and fixed when it is opened.
        public var mapBytes: Int64
        /// The most the store may fill; 0: only the map and the disk bound it.
        public var quotaBytes: Int64
        /// Kept free inside the bound, so that releases and expiry go on when it is reached.
        public var headroomBytes: Int64
    }

    /// The positions in memory.
    public struct HotTable: Sendable, Equatable {
        /// Without it every read goes to the store.
        public var isEnabled: Bool
        /// The most memory it takes; what does not fit is read from the store.
        public var bytesMax: Int64
    }

    /// The bounds of the wire that an operator may set.
    public struct Limits: Sendable, Equatable {
        public var connectionsMax: Int
        public var streamsPerConnectionMax: Int
        /// For the TLS handshake, the HTTP/2 preface, and each header block.
        public var handshakeMilliseconds: Int
        /// A connection without calls is closed after this.
        public var idleMilliseconds: Int
        /// A caller that takes none of the bytes waiting for it is cut off after this.
        public var stalledMilliseconds: Int
        /// A silent connection with calls is asked whether it lives after this.
        public var keepaliveMilliseconds: Int
        /// How long that answer may take.
        public var keepaliveTimeoutMilliseconds: Int
        /// Connections are drained when they get this old. Absent: never.
        public var connectionAgeMaxMilliseconds: Int?
        /// What calls of a connection too old have left.
        public var connectionAgeGraceMilliseconds: Int
    }

    public struct Events: Sendable, Equatable {
        /// How far behind a source's newest event an event may lie.
        public var horizonNanoseconds: Int64
        /// How far ahead of our clock an event may claim to have occurred.
        public var clockSkewMaxNanoseconds: Int64
        /// How long a missing sequence is waited for before its source is marked GAP.
        public var gapWaitNanoseconds: Int64
        /// What all dead letters may take in the store.
        public var deadLetterBytesMax: Int64
    }

    /// Where gRPC listens.
    public var listen: ListenAddress
    /// Where the HTTP/1.1 operations port listens.
    public var http: ListenAddress
    /// The store's directory, relative to the working directory unless it begins with `/`.
    public var dataDirectory: String
    public var tenant: String
    /// Listening off loopback without TLS and client certificates was asked for by name.
    public var isInsecure: Bool
    /// Event loops, each a thread of its own; 0: one per processor core.
    public var loops: Int
    public var logLevel: LogLevel
    public var logFormat: LogFormat
    /// Absent: cleartext HTTP/2.
    public var tls: TLS?
    public var storage: Storage
    public var hotTable: HotTable
    public var limits: Limits
    public var events: Events
    /// Whether the built-in sample catalogue is used; `auto` is already decided.
    public var usesSampleCatalogue: Bool
    /// How long calls in flight may take to finish after SIGTERM.
    public var shutdownGraceMilliseconds: Int
}
