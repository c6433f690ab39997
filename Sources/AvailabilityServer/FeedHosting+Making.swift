internal import Configure
internal import Feeds

/// How the feeds of the configuration are made. What this build is without is refused by check-config and at the start.
enum FeedMaking {
    private typealias Maker = (ConfiguredFeed, FeedMapping) throws -> any Feed

    /// The one place where a kind of feed is joined to its implementation. Nil: not part of this build.
    private static func maker(of feed: ConfiguredFeed) -> Maker? {
        switch feed.kind {
        case .files(let settings) where settings.format != .x12Inventory:
            { feed, mapping in
                FolderFeed(
                    id: feed.id, source: feed.source, folder: settings.folder,
                    format: RowFormat(source: feed.source, mapping: mapping, isCSV: settings.format == .csv),
                    settleNanoseconds: settings.settleNanoseconds, pollNanoseconds: settings.pollNanoseconds)
            }
        case .files, .http, .shopify, .nats, .erp: nil
        }
    }

    /// - Throws: every feed that this build cannot make.
    static func check(_ loaded: LoadedConfiguration) throws(ConfigurationError) {
        let problems = loaded.catalogue.feeds.compactMap { feed -> ConfigurationProblem? in
            guard maker(of: feed) == nil else { return nil }
            return ConfigurationProblem(
                place: loaded.file ?? "", key: "feeds.\(feed.id).kind",
                reason: "\(feed.kind.name)\(feed.formatName) is not part of this build of the server")
        }
        guard problems.isEmpty else { throw ConfigurationError(problems: problems) }
    }

    static func make(_ feed: ConfiguredFeed) throws -> any Feed {
        guard let maker = maker(of: feed) else { preconditionFailure("the configuration was checked") }
        return try maker(feed, try FeedMapping(feed.map))
    }
}

extension ConfiguredFeed {
    /// Of files: their format, with a blank before it.
    fileprivate var formatName: String {
        if case .files(let settings) = kind { " \(settings.format.rawValue)" } else { "" }
    }
}

extension FeedMapping {
    init(_ map: ConfiguredFeedMap) throws {
        self.init(
            skus: try map.skusFile.map { try SkuFile.read($0) } ?? map.skus, passesUnlistedSkus: map.passesUnlistedSkus,
            locations: map.locations,
            passesUnlistedLocations: map.passesUnlistedLocations, reasons: map.reasons)
    }
}
