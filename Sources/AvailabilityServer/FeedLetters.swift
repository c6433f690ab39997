internal import Configure
internal import Engine
internal import Feeds
internal import Ledger
internal import Services

/// Reads the dead letters of feeds anew: by the feed that brought them, with its map of today. Where there is none of that name
/// any more, by the one feed that now brings the letter's source in the letter's form; of several none is guessed.
enum FeedLetters {
    private struct Reader: Sendable {
        let feed: String
        let contentType: ContentType
        let sources: Set<String>
        let event: @Sendable (DeadLetter) -> IncomingEvent?
    }

    /// - Throws: when a map cannot be read.
    static func decoder(_ configured: [ConfiguredFeed], _ feeds: [any Feed]) throws -> DeadLetterDecoder {
        var readers: [Reader] = []
        for (settings, feed) in zip(configured, feeds) {
            if let feed = feed as? any HTTPFeed {
                readers.append(
                    Reader(feed: feed.id, contentType: feed.contentType, sources: feed.sources) {
                        feed.event(ofOriginal: $0.original)
                    })
            } else if case .nats = settings.kind {
                let reader = NatsEventReader(CloudEventTerms(settings, try FeedMapping(settings.map)))
                for (type, mediaType) in NatsEventReader.mediaTypes {
                    readers.append(
                        Reader(feed: feed.id, contentType: type, sources: feed.sources) {
                            reader.event($0.original, contentType: mediaType)
                        })
                }
            } else if case .files(let file) = settings.kind {
                readers.append(try Self.reader(of: file, settings))
            }
        }
        return DeadLetterDecoder(
            Dictionary(grouping: readers, by: \.contentType).mapValues { readers in
                { letter in
                    if let own = readers.first(where: { $0.feed == letter.feed }) { return own.event(letter) }
                    let able = readers.filter { $0.sources.contains(letter.source) }
                    return able.count == 1 ? able[0].event(letter) : nil
                }
            })
    }

    private static func reader(of file: FilesFeedSettings, _ feed: ConfiguredFeed) throws -> Reader {
        let mapping = try FeedMapping(feed.map)
        switch file.format {
        case .csv, .jsonLines:
            let format = RowFormat(feed, file, mapping)
            return Reader(feed: feed.id, contentType: file.format == .csv ? .csv : .json, sources: [feed.source]) {
                format.event(of: $0.original, id: $0.eventID)
            }
        case .x12Inventory:
            let format = Inventory846Format(source: feed.source, partner: PartnerMap(file.partner), mapping: mapping)
            return Reader(feed: feed.id, contentType: .x12, sources: [feed.source]) {
                format.event(of: $0.original, id: $0.eventID, reason: $0.reason)
            }
        }
    }
}
