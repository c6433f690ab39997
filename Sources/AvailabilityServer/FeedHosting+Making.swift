internal import Configure
internal import Feeds
internal import Inventory
internal import JetStream

/// How the feeds of the configuration are made.
enum FeedMaking {
    /// The one place where a kind of feed is joined to its implementation.
    static func make(_ feed: ConfiguredFeed, _ erps: ErpHosting) throws -> any Feed {
        let mapping = try FeedMapping(feed.map)
        return switch feed.kind {
        case .files(let settings):
            FolderFeed(
                id: feed.id, source: feed.source, folder: settings.folder,
                format: fileFormat(settings, source: feed.source, mapping),
                settleNanoseconds: settings.settleNanoseconds, pollNanoseconds: settings.pollNanoseconds)
        case .http(let settings): CloudEventsFeed(feed, settings, mapping)
        case .shopify(let settings): ShopifyFeed(feed, settings, mapping)
        case .nats(let settings): try JetStreamFeed(feed, settings, mapping)
        case .erp(let settings): ErpFeed(feed, settings, erps)
        }
    }

    private static func fileFormat(
        _ settings: FilesFeedSettings, source: String, _ mapping: FeedMapping
    ) -> any FileFormat {
        switch settings.format {
        case .csv, .jsonLines: RowFormat(source: source, mapping: mapping, isCSV: settings.format == .csv)
        case .x12Inventory:
            Inventory846Format(source: source, partner: PartnerMap(settings.partner), mapping: mapping)
        }
    }

    /// - Throws: every feed that cannot be made.
    static func check(_ loaded: LoadedConfiguration) throws(ConfigurationError) {
        let found = loaded.catalogue.feeds.flatMap { problems(of: $0, in: loaded.file ?? "") }
        guard found.isEmpty else { throw ConfigurationError(problems: found) }
    }

    private static func problems(of feed: ConfiguredFeed, in file: String) -> [ConfigurationProblem] {
        func problem(_ key: String, _ reason: String) -> ConfigurationProblem {
            ConfigurationProblem(place: file, key: "feeds.\(feed.id)\(key)", reason: reason)
        }
        if case .nats(let settings) = feed.kind {
            do throws(FeedFailure) { _ = try JetStreamFeed.Settings(feed, settings) } catch {
                return [problem("", error.description)]
            }
        }
        return feed.unknownTypes.map { problem(".types", "there is no event type \($0)") }
    }
}

extension CloudEventsFeed {
    fileprivate convenience init(_ feed: ConfiguredFeed, _ settings: HTTPFeedSettings, _ mapping: FeedMapping) {
        self.init(
            Settings(
                id: feed.id, path: settings.path,
                terms: CloudEventTerms(
                    source: feed.source, sources: settings.sources,
                    types: settings.types.compactMapValues { InventoryEventKind(contractName: $0) }, mapping: mapping),
                bearerFile: settings.bearerFile,
                allowedOrigins: settings.allowedOrigins.isEmpty ? nil : settings.allowedOrigins))
    }
}

extension ShopifyFeed {
    fileprivate convenience init(_ feed: ConfiguredFeed, _ settings: ShopifyFeedSettings, _ mapping: FeedMapping) {
        self.init(
            Settings(
                id: feed.id, path: settings.path, shop: settings.shop, secretFiles: settings.secretFiles,
                terms: ShopifyTerms(
                    source: feed.source, availableAs: settings.availableAs,
                    orderReference: settings.ordersByName ? .name : .id, mapping: mapping)))
    }
}

extension ConfiguredFeed {
    /// Of CloudEvents: what the configuration names and the contract does not have.
    fileprivate var unknownTypes: [String] {
        guard case .http(let settings) = kind else { return [] }
        return settings.types.values.filter { InventoryEventKind(contractName: $0) == nil }.sorted()
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

extension PartnerMap {
    init(_ settings: X12PartnerSettings) {
        let location: LocationRule =
            if let fixed = settings.fixedLocation {
                .fixed(fixed)
            } else {
                .named(
                    LocationSegment(
                        kind: settings.location == .n1 ? .party : .reference, qualifier: settings.locationQualifier,
                        order: settings.locationOrder == .before ? .before : .after))
            }
        self.init(
            skuQualifiers: settings.skuQualifiers, quantityQualifiers: settings.quantityQualifiers, location: location)
        sender = settings.sender ?? ""
        receiver = settings.receiver ?? ""
        takesTests = settings.takesTests
        units = settings.units
        timeQualifiers = settings.dateQualifiers
        expectedQualifiers = settings.expectedQualifiers
        utcOffsetMinutes = settings.utcOffsetMinutes.map { Int($0) }
    }
}
