/// Who is at the other end of the connection, as far as the transport has proved it.
public struct PeerIdentity: Sendable, Equatable {
    /// The subject of the verified client certificate in RFC 2253 form, for example `CN=shop,O=Example`.
    public let subject: String
    /// The certificate's DNS, URI and e-mail subject alternative names.
    public let alternativeNames: [String]

    public init(subject: String, alternativeNames: [String]) {
        self.subject = subject
        self.alternativeNames = alternativeNames
    }
}

/// What a handler may know of a call besides its messages.
public struct CallContext: Sendable {
    /// Index into the server's method list.
    public let method: Int
    /// When the caller stops waiting: nanoseconds of the monotonic clock. Absent: the caller set no deadline.
    public let deadlineNanoseconds: UInt64?
    /// `x-request-id` as sent (echoed by the wire), or one the wire made.
    public let requestID: String
    /// W3C `traceparent` as sent; empty when absent.
    public let traceparent: String
    /// `authorization` as sent; empty when absent. Never logged.
    public let authorization: String
    /// `x-channel-id` as sent; empty when absent.
    public let channelID: String
    /// The verified client certificate, when the connection uses mutual TLS.
    public let peer: PeerIdentity?

    public init(
        method: Int, deadlineNanoseconds: UInt64?, requestID: String, traceparent: String, authorization: String,
        channelID: String, peer: PeerIdentity?
    ) {
        self.method = method
        self.deadlineNanoseconds = deadlineNanoseconds
        self.requestID = requestID
        self.traceparent = traceparent
        self.authorization = authorization
        self.channelID = channelID
        self.peer = peer
    }
}
