public import Feeds

/// Tells a publication's events to subjects of JetStream.
public final class JetStreamTarget: PublicationTarget {
    private let publisher: JetStreamPublisher
    private let pattern: SubjectPattern
    private let channel: String

    public let kind = PublicationKind.nats
    public var text: String { pattern.text }

    /// - Parameter callsMax: as many as there may be events on their way.
    public init(_ endpoint: NatsEndpoint, pattern: SubjectPattern, channel: String, callsMax: Int) {
        publisher = JetStreamPublisher(endpoint, callsMax: callsMax)
        self.pattern = pattern
        self.channel = channel
    }

    public func send(_ event: PublishedEvent) async -> DeliveryAnswer {
        do throws(FeedFailure) {
            try await publisher.publish(
                subject: pattern.subject(channel: channel, line: event.line), id: event.id,
                headers: [("Content-Type", PublishedEvent.mediaType)], body: event.body)
            return .delivered
        } catch {
            return .refused(.none, error.description)
        }
    }

    /// The connection ends with the target.
    public func shutDown() async {}
}

extension NatsEndpoint {
    /// What is wrong with the URL of a configuration; nil: nothing.
    public var problem: String? {
        let servers = url.split(separator: ",", omittingEmptySubsequences: false)
        let areServers = servers.allSatisfy { server in
            ["nats://", "tls://"].contains { server.hasPrefix($0) && server.count > $0.count }
                && !server.contains { $0.isWhitespace }
        }
        return areServers ? nil : "url: nats:// or tls:// with a host, several with commas between them"
    }
}
