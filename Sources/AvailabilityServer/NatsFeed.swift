internal import Configure
internal import Engine
internal import Feeds
internal import Inventory
internal import JetStream
internal import Services

extension JetStreamFeed {
    /// - Throws: what is wrong with the settings, by the name of its key.
    init(_ feed: ConfiguredFeed, _ settings: NatsFeedSettings, _ mapping: FeedMapping) throws(FeedFailure) {
        let reader = NatsEventReader(CloudEventTerms(feed, mapping))
        self.init(try Settings(feed, settings), sources: Set(feed.sources)) { body, contentType, _ in
            reader.event(body, contentType: contentType)
        }
    }
}

extension JetStreamFeed.Settings {
    init(_ feed: ConfiguredFeed, _ settings: NatsFeedSettings) throws(FeedFailure) {
        try self.init(
            id: feed.id, source: feed.source, url: settings.url, stream: settings.stream, subjects: settings.subjects,
            durable: settings.durable, credentialsFile: settings.credentialsFile, caFile: settings.caFile,
            batch: Int(settings.batch))
    }
}

/// Makes events of what comes over NATS: serialized InventoryEvents where the header `Content-Type` says so, else CloudEvents
/// in their JSON format (the only one that the NATS binding 1.0.2 of CloudEvents has).
struct NatsEventReader: Sendable {
    /// What a message's letter is kept as, and how its header would name it.
    static let mediaTypes: [(ContentType, String)] = [
        (.cloudEvent, "application/cloudevents+json"), (.feedProtobuf, "application/x-protobuf"),
    ]
    /// The media types of protobuf.
    private static let protobuf = ["application/x-protobuf", "application/protobuf"]

    private let terms: CloudEventTerms
    private let cloudEvents: CloudEventReader

    init(_ terms: CloudEventTerms) {
        self.terms = terms
        cloudEvents = CloudEventReader(terms)
    }

    func event(_ body: [UInt8], contentType: String) -> IncomingEvent {
        let mediaType = contentType.prefix { $0 != ";" && $0 != " " }.lowercased()
        return Self.protobuf.contains(mediaType) ? event(protobuf: body) : cloudEvents.event(body)
    }

    private func event(protobuf body: [UInt8]) -> IncomingEvent {
        guard let incoming = IncomingEvent(protobuf: body) else {
            let unknown = InventoryEvent(
                id: "", source: terms.source, kind: .unsupported(name: ""), occurredAtNanoseconds: 0)
            return IncomingEvent(
                event: unknown, original: body, contentType: .feedProtobuf,
                rejection: EventRejection(.invalidField, "the body is no availability.v1.InventoryEvent"))
        }
        var event = incoming.event
        do throws(EventRejection) {
            try name(&event.source)
            try terms.mapping.translate(&event)
            return IncomingEvent(event: event, original: body, contentType: .feedProtobuf)
        } catch {
            return IncomingEvent(event: event, original: body, contentType: .feedProtobuf, rejection: error)
        }
    }

    /// Puts our source in the place of theirs. An event of the feed's own need not name it.
    private func name(_ source: inout String) throws(EventRejection) {
        let theirs = source
        source = terms.sources[theirs] ?? terms.source
        guard theirs.isEmpty || theirs == terms.source || terms.sources[theirs] != nil else {
            throw EventRejection(.invalidField, "source: is \(theirs.prefix(64)), the feed brings \(terms.source)")
        }
    }
}
