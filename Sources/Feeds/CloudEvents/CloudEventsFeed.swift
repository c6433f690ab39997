public import Calls
public import Engine

/// CloudEvents over HTTP, with the handshake of the webhook specification (CloudEvents HTTP webhook 1.0.2).
public final class CloudEventsFeed: HTTPFeed {
    public struct Settings: Sendable, Equatable {
        public var id: String
        /// Where they are sent.
        public var path: String
        public var terms: CloudEventTerms
        /// The file with the token that senders show; read when the feed begins. Nil: everybody may send.
        public var bearerFile: String?
        /// Who may send, by the `WebHook-Request-Origin` of the handshake and of deliveries that have it. Nil: anybody.
        public var allowedOrigins: [String]?

        public init(
            id: String, path: String = "/events", terms: CloudEventTerms, bearerFile: String? = nil,
            allowedOrigins: [String]? = nil
        ) {
            self.id = id
            self.path = path
            self.terms = terms
            self.bearerFile = bearerFile
            self.allowedOrigins = allowedOrigins
        }
    }

    public let settings: Settings
    public let sources: Set<String>
    private let reader: CloudEventReader
    private let desk = FeedDesk<Secret?>()

    public init(_ settings: Settings) {
        self.settings = settings
        sources = settings.terms.allSources
        reader = CloudEventReader(settings.terms)
    }

    public var id: String { settings.id }
    public var kind: FeedKind { .http }
    public var source: String { settings.terms.source }
    public var path: String { settings.path }
    public var methods: [String] { ["POST", "OPTIONS"] }
    public var contentType: ContentType { .cloudEvent }

    public func event(ofOriginal original: [UInt8]) -> IncomingEvent? { reader.event(original) }

    public func run(_ port: FeedPort) async throws(FeedFailure) {
        try await desk.work(port, try settings.bearerFile.map { path throws(FeedFailure) in try Secret(file: path) })
    }

    public func admit(_ head: HTTPHead) -> HTTPAnswer? {
        if head.method == "OPTIONS" { return consent(head) }
        guard let bearer = desk.credentials else { return .feedClosed }
        if let bearer, !isShown(bearer, head) {
            return .text(
                401, "the bearer token is missing or wrong", fields: [HTTPHeaderField("WWW-Authenticate", "Bearer")])
        }
        if let origin = head["WebHook-Request-Origin"], !isAllowed(origin) {
            return .text(403, "the origin \(origin) may not send here")
        }
        if case .unknown = CloudEventMode(contentType: head["Content-Type"] ?? "") {
            return .text(
                415, "taken are application/cloudevents+json, application/cloudevents-batch+json and JSON data")
        }
        return nil
    }

    public func answer(_ head: HTTPHead, _ body: [UInt8]) async -> HTTPAnswer {
        let events: [IncomingEvent]
        do throws(NoCloudEvent) {
            events = try reader.events(of: head, body)
        } catch {
            return .text(error.isTooMuch ? 413 : 400, error.message)
        }
        switch await desk.publish(events) {
        case .published(let results): return head.prefersRepresentation ? .results(results) : HTTPAnswer(202)
        case .full: return .feedFull
        case .closed: return .feedClosed
        }
    }

    /// Whether the token is in the request (RFC 6750, section 2.1).
    private func isShown(_ bearer: Secret, _ head: HTTPHead) -> Bool {
        let parts = (head["Authorization"] ?? "").split(separator: " ", maxSplits: 1)
        guard parts.count == 2, parts[0].lowercased() == "bearer" else { return false }
        return bearer.matches(parts[1].trimmed)
    }

    private func isAllowed(_ origin: String) -> Bool {
        guard let allowed = settings.allowedOrigins else { return true }
        return allowed.contains { $0 == "*" || $0.lowercased() == origin.lowercased() }
    }

    /// The handshake by which a sender learns that its deliveries are wanted (HTTP webhook, section 4). It says nothing of
    /// who may send: no token is asked for. A rate is not limited: what is too much is answered 429.
    private func consent(_ head: HTTPHead) -> HTTPAnswer {
        let allow = HTTPHeaderField("Allow", methods.joined(separator: ", "))
        guard let origin = head["WebHook-Request-Origin"], !origin.isEmpty else {
            return .text(400, "WebHook-Request-Origin is required", fields: [allow])
        }
        guard isAllowed(origin) else { return .text(403, "the origin \(origin) may not send here", fields: [allow]) }
        return HTTPAnswer(
            200,
            fields: [
                allow, HTTPHeaderField("WebHook-Allowed-Origin", origin), HTTPHeaderField("WebHook-Allowed-Rate", "*"),
            ])
    }
}
