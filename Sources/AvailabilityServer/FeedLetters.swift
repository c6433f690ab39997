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
        let event: @Sendable (DeadLetter) -> IncomingEvent?
    }

    /// - Throws: when a map cannot be read.
    static func decoder(_ configured: [ConfiguredFeed], _ feeds: [any Feed]) throws -> DeadLetterDecoder {
        var readers: [Reader] = []
        for (settings, feed) in zip(configured, feeds) {
            if let feed = feed as? any HTTPFeed {
                readers.append(
                    Reader(contentType: feed.contentType, sources: feed.sources) {
                        feed.event(ofOriginal: $0.original)
                    })
            } else if case .nats = settings.kind {
                let reader = NatsEventReader(source: settings.source, mapping: try FeedMapping(settings.map))
                for (type, mediaType) in NatsEventReader.mediaTypes {
                    readers.append(
                        Reader(contentType: type, sources: [settings.source]) {
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
                    readers.first { $0.sources.contains(letter.source) }.flatMap { $0.event(letter) }
                }
            })
    }

    private static func reader(of file: FilesFeedSettings, _ feed: ConfiguredFeed) throws -> Reader {
        let mapping = try FeedMapping(feed.map)
        switch file.format {
        case .csv, .jsonLines:
            let isCSV = file.format == .csv
            let format = RowFormat(source: feed.source, mapping: mapping, isCSV: isCSV)
            return Reader(contentType: isCSV ? .csv : .json, sources: [feed.source]) {
                format.event(of: $0.original, id: $0.eventID)
            }
        case .x12Inventory:
            let format = Inventory846Format(source: feed.source, partner: PartnerMap(file.partner), mapping: mapping)
            return Reader(contentType: .x12, sources: [feed.source]) {
                format.event(of: $0.original, id: $0.eventID, reason: $0.reason)
            }
        }
    }
}
