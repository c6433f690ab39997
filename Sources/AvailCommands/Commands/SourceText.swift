import Proto
import SwiftProtobuf

/// Sources and feeds, for people.
enum SourceText {
    static func table(_ sources: [Availability_V1_Source]) -> TextTable {
        var table = TextTable([
            ("SOURCE", .left), ("STATUS", .left), ("LAG", .right), ("WATERMARK", .left), ("APPLIED", .right),
            ("DUPLICATE", .right), ("SUPERSEDED", .right), ("DEAD-LETTERED", .right), ("FEEDS", .left),
        ])
        for source in sources {
            table.add([
                source.id, source.status.shortName, source.hasLag ? DurationText.brief(source.lag) : "-",
                DurationText.time(source.watermark, isPresent: source.hasWatermark),
                "\(source.counters.applied)", "\(source.counters.duplicate)", "\(source.counters.superseded)",
                "\(source.counters.deadLettered)",
                source.feeds.isEmpty ? "-" : source.feeds.map(\.id).joined(separator: " "),
            ])
        }
        return table
    }

    static func table(_ feeds: [Availability_V1_Feed]) -> TextTable {
        var table = TextTable([
            ("FEED", .left), ("KIND", .left), ("STATE", .left), ("LAG", .right), ("WAITING", .right),
            ("RESTARTS", .right), ("POSITION", .left), ("WHY", .left),
        ])
        for feed in feeds {
            table.add([
                feed.id, feed.kind.shortName, feed.state.shortName,
                feed.hasLag ? DurationText.brief(feed.lag) : "-", "\(feed.waiting)", "\(feed.restarts)",
                feed.position.isEmpty ? "-" : feed.position,
                feed.state == .paused ? feed.pauseReason : feed.lastError.isEmpty ? "-" : feed.lastError,
            ])
        }
        return table
    }
}
