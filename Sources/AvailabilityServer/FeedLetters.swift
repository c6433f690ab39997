internal import Configure
internal import Engine
internal import Feeds
internal import Ledger
internal import Services

/// Reads the dead letters of feeds anew: by the feed that now brings the letter's source in the letter's form, with its map
/// of today.
enum FeedLetters {
    private struct Reader: Sendable {
        let contentType: ContentType
        let sources: [String]
        let event: @Sendable ([UInt8]) -> IncomingEvent?
    }

    /// - Throws: when a map cannot be read.
    static func decoder(_ configured: [ConfiguredFeed], _ feeds: [any Feed]) throws -> DeadLetterDecoder {
        var readers: [Reader] = []
        for (settings, feed) in zip(configured, feeds) {
            if let feed = feed as? any HTTPFeed {
                readers.append(
                    Reader(contentType: feed.contentType, sources: feed.sources) { feed.event(ofOriginal: $0) })
            } else if case .nats = settings.kind {
                let reader = NatsEventReader(source: settings.source, mapping: try FeedMapping(settings.map))
                readers.append(
                    Reader(contentType: .cloudEvent, sources: [settings.source]) {
                        reader.event($0, contentType: "application/cloudevents+json")
                    })
            }
        }
        return DeadLetterDecoder(
            Dictionary(grouping: readers, by: \.contentType).mapValues { readers in
                { letter in
                    readers.first { $0.sources.contains(letter.source) }.flatMap { $0.event(letter.original) }
                }
            })
    }
}
