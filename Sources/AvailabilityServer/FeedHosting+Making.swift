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
                format: fileFormat(settings, of: feed, mapping),
                settleNanoseconds: settings.settleNanoseconds, pollNanoseconds: settings.pollNanoseconds)
        case .http(let settings): CloudEventsFeed(feed, settings, mapping)
        case .shopify(let settings): ShopifyFeed(feed, settings, mapping)
        case .nats(let settings): try JetStreamFeed(feed, settings, mapping)
        case .erp(let settings): ErpFeed(feed, settings, erps)
        }
    }

    private static func fileFormat(
        _ settings: FilesFeedSettings, of feed: ConfiguredFeed, _ mapping: FeedMapping
    ) -> any FileFormat {
        switch settings.format {
        case .csv, .jsonLines: RowFormat(feed, settings, mapping)
        case .x12Inventory:
            Inventory846Format(source: feed.source, partner: PartnerMap(settings.partner), mapping: mapping)
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
            + feed.unknownColumns.map {
                problem(".columns", "there is no field \($0); a column that says nothing is \(RowNames.ignored)")
            }
    }
}

extension CloudEventsFeed {
    fileprivate convenience init(_ feed: ConfiguredFeed, _ settings: HTTPFeedSettings, _ mapping: FeedMapping) {
        self.init(
            Settings(
                id: feed.id, path: settings.path,
                terms: CloudEventTerms(feed, mapping),
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
    /// What the configuration names and the contract does not have.
    fileprivate var unknownTypes: [String] {
        typeNames.values.filter { InventoryEventKind(contractName: $0) == nil }.sorted()
    }

    fileprivate var unknownColumns: [String] {
        guard case .files(let settings) = kind else { return [] }
        return settings.columns.values.filter { $0 != RowNames.ignored && !RowFormat.fields.contains($0) }.sorted()
    }

    fileprivate var types: [String: InventoryEventKind] {
        typeNames.compactMapValues { InventoryEventKind(contractName: $0) }
    }
}

extension CloudEventTerms {
    init(_ feed: ConfiguredFeed, _ mapping: FeedMapping) {
        self.init(source: feed.source, sources: feed.sourceNames, types: feed.types, mapping: mapping)
    }
}

extension RowFormat {
    init(_ feed: ConfiguredFeed, _ settings: FilesFeedSettings, _ mapping: FeedMapping) {
        self.init(
            source: feed.source, mapping: mapping, isCSV: settings.format == .csv,
            names: RowNames(columns: settings.columns, types: feed.types))
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
                        order: Order(settings.locationOrder)))
            }
        self.init(
            skuQualifiers: settings.skuQualifiers, quantityQualifiers: settings.quantityQualifiers, location: location)
        sender = settings.sender ?? ""
        receiver = settings.receiver ?? ""
        takesTests = settings.takesTests
        units = settings.units
        lot = settings.lot.map { lot in
            switch lot {
            case .lin: .line(qualifier: settings.lotQualifier)
            case .ref: .reference(qualifier: settings.lotQualifier, order: Order(settings.lotOrder))
            }
        }
        timeQualifiers = settings.dateQualifiers
        expectedQualifiers = settings.expectedQualifiers
        utcOffsetMinutes = settings.utcOffsetMinutes.map { Int($0) }
    }
}

extension PartnerMap.Order {
    fileprivate init(_ order: X12PartnerSettings.Order) {
        self = order == .before ? .before : .after
    }
}
