internal import CNATS
internal import Feeds
internal import Glibc

/// Where a NATS server is and how it is spoken to.
public struct NatsEndpoint: Sendable, Equatable {
    /// `nats://` or `tls://` with host and port; several servers of a cluster with commas between them.
    public var url: String
    /// A file of the NATS tools with a user's JWT and seed; nil: none.
    public var credentialsFile: String?
    /// The authorities that the server's certificate is checked against; nil: those of the system.
    public var caFile: String?
    /// What the server calls the connection.
    public var name: String

    public init(url: String, credentialsFile: String? = nil, caFile: String? = nil, name: String) {
        self.url = url
        self.credentialsFile = credentialsFile
        self.caFile = caFile
        self.name = name
    }

    /// The URL for people: without user and password.
    var shown: String {
        url.split(separator: ",").map { server in
            guard let at = server.lastIndex(of: "@") else { return String(server) }
            let scheme = server.firstRange(of: "://").map { server[..<$0.upperBound] } ?? ""
            return String(scheme + server[server.index(after: at)...])
        }.joined(separator: ",")
    }

    var isSecure: Bool { caFile != nil || url.hasPrefix("tls://") }
}

/// A connection that is there again by itself after an outage. Any thread may use it, none of the Swift runtime: its calls
/// block.
///
/// Why @unchecked: libnats locks a connection itself.
@safe
struct NatsConnection: ~Copyable, @unchecked Sendable {
    private static let connectMilliseconds: Int64 = 2_000
    private static let reconnectWaitMilliseconds: Int64 = 500
    private static let flushMilliseconds: Int64 = 1_000

    // Owned: closed and freed by deinit. What is made of it (a JetStream context, a subscription) counts as a holder of its
    // own and only fails from then on.
    private let pointer: OpaquePointer

    /// Connects, for at most two seconds for each server of the URL.
    init(_ endpoint: NatsEndpoint) throws(FeedFailure) {
        var options: OpaquePointer?
        try unsafe check(natsOptions_Create(&options), "natsOptions_Create")
        // Copied by the connection; freed here in any case.
        defer { unsafe natsOptions_Destroy(options) }
        try unsafe Self.set(options, endpoint)
        var connection: OpaquePointer?
        try unsafe check(natsConnection_Connect(&connection, options), endpoint.shown)
        guard let connection = unsafe connection else { preconditionFailure("natsConnection_Connect gave none") }
        unsafe pointer = connection
    }

    deinit { unsafe natsConnection_Destroy(pointer) }

    /// Whether the server is connected at this moment.
    var isConnected: Bool { unsafe natsConnection_Status(pointer) == NATS_CONN_STATUS_CONNECTED }

    /// Waits until what was sent has reached the server, a second at most.
    func flush() {
        // What did not get there is acknowledged again after it was sent again.
        unsafe _ = natsConnection_FlushTimeout(pointer, Self.flushMilliseconds)
    }

    /// For good, and for all who use it: their calls fail, and what was not sent yet is forgotten.
    func close() { unsafe natsConnection_Close(pointer) }

    func jetStream() throws(FeedFailure) -> JetStreamContext {
        var context: OpaquePointer?
        // The context holds on to the connection.
        try unsafe check(natsConnection_JetStream(&context, pointer, nil), "natsConnection_JetStream")
        guard let context = unsafe context else { preconditionFailure("natsConnection_JetStream gave none") }
        return unsafe JetStreamContext(context)
    }

    /// A subject that nobody else uses.
    func newInbox() throws(FeedFailure) -> String {
        var inbox: UnsafeMutablePointer<CChar>?
        try unsafe check(natsInbox_Create(&inbox), "inbox")
        // Freed after it was copied.
        defer { unsafe natsInbox_Destroy(inbox) }
        return unsafe inbox.map { unsafe String(cString: $0) } ?? ""
    }

    /// What it gives is the caller's to free; there again after an outage as the connection is.
    func subscribe(to subject: String) throws(FeedFailure) -> OpaquePointer {
        var made: OpaquePointer?
        try unsafe check(natsConnection_SubscribeSync(&made, pointer, subject), "subscription to \(subject)")
        guard let made = unsafe made else { preconditionFailure("natsConnection_SubscribeSync gave none") }
        return unsafe made
    }

    /// Buffered: returns before it is sent.
    func publish(_ text: String, to subject: String, reply: String?) throws(FeedFailure) {
        // The library copies all of it.
        let status =
            if let reply {
                unsafe natsConnection_PublishRequestString(pointer, subject, reply, text)
            } else {
                unsafe natsConnection_PublishString(pointer, subject, text)
            }
        try check(status, subject)
    }

    /// libnats copies every string that it is given here.
    private static func set(_ options: OpaquePointer?, _ endpoint: NatsEndpoint) throws(FeedFailure) {
        // Freed below; the array lives while the call runs.
        var servers = unsafe endpoint.url.split(separator: ",").map { unsafe UnsafePointer(strdup(String($0))) }
        let isSet = unsafe natsOptions_SetServers(options, &servers, Int32(servers.count))
        unsafe servers.forEach { unsafe free(UnsafeMutablePointer(mutating: $0)) }
        try check(isSet, endpoint.shown)
        try unsafe check(natsOptions_SetName(options, endpoint.name), "name")
        // For ever: how long the feed has had no connection is for `SubjectReader` to judge.
        try unsafe check(natsOptions_SetMaxReconnect(options, -1), "reconnection")
        try unsafe check(natsOptions_SetReconnectWait(options, reconnectWaitMilliseconds), "reconnection")
        try unsafe check(natsOptions_SetTimeout(options, connectMilliseconds), "timeout")
        if let file = endpoint.credentialsFile {
            try unsafe check(natsOptions_SetUserCredentialsFromFiles(options, file, nil), "credentials \(file)")
        }
        if endpoint.isSecure { try unsafe check(natsOptions_SetSecure(options, true), "TLS") }
        if let file = endpoint.caFile {
            try unsafe check(natsOptions_LoadCATrustedCertificates(options, file), "authorities \(file)")
        }
    }
}

func check(_ status: natsStatus, _ what: @autoclosure () -> String) throws(FeedFailure) {
    if status != NATS_OK { throw FeedFailure(what(), status) }
}
