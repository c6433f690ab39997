internal import Inventory
internal import Yams

extension CatalogueReader.Keys {
    static let feed = ["kind", "source", "lag_max", "map"]
    static let feedMap = [
        "skus", "skus_file", "unlisted_skus", "locations", "unlisted_locations", "reasons",
    ]
    static let filesFeed = ["folder", "format", "settle", "poll_every", "columns", "types", "partner"]
    static let partner = [
        "sender", "receiver", "takes_tests", "sku_qualifiers", "quantity_qualifiers", "units", "location",
        "location_qualifier", "location_order", "fixed_location", "lot", "lot_qualifier", "lot_order",
        "date_qualifiers",
        "expected_qualifiers", "utc_offset",
    ]
    static let httpFeed = ["path", "bearer_file", "allowed_origins", "sources", "types"]
    static let shopifyFeed = ["path", "secret_files", "shop", "available_as", "order_reference"]
    static let natsFeed = [
        "url", "stream", "subjects", "durable", "credentials_file", "ca_file", "sources", "types", "batch",
    ]
    static let erpFeed = ["erp", "poll_every", "overlap"]
    /// The keys of each kind's own.
    static let feedKinds = [
        "files": filesFeed, "http": httpFeed, "shopify": shopifyFeed, "nats": natsFeed, "erp": erpFeed,
    ]
}

extension CatalogueReader {
    mutating func readFeeds() {
        var folders: [String: String] = [:]
        var paths: [String: String] = [:]
        var shopPaths: Set<String> = []
        var shops: [String: String] = [:]
        var polled: [String: String] = [:]
        for (id, reader) in root.child("feeds")?.entries(named: "a feed") ?? [] {
            guard let kind = reader.feedKind(id: id, erps: catalogue.erps.map(\.id)) else { continue }
            var source = reader.name("source", "a source")
            if source == nil, case .erp(let settings) = kind { source = settings.erp }
            if source == nil, reader.node("source") == nil {
                reader.report("source", "is required: whose events it brings")
            }
            var feed = ConfiguredFeed(id: id, kind: kind, source: source ?? "")
            feed.lagMaxNanoseconds = reader.duration("lag_max", 1_000_000_000...604_800_000_000_000, "1s to 7d")
            if let map = reader.child("map") { feed.map = map.feedMap(locations: catalogue.locations.map(\.id)) }
            switch kind {
            case .files(let settings): reader.claim("folder", settings.folder, of: id, in: &folders)
            case .http(let settings): reader.claim("path", settings.path, of: id, in: &paths)
            case .shopify(let settings):
                // Shops share a path, and are told apart by their domains.
                if shopPaths.insert(settings.path).inserted { reader.claim("path", settings.path, of: id, in: &paths) }
                reader.claim("shop", settings.shop.lowercased(), of: id, in: &shops)
            case .erp(let settings):
                reader.claim("erp", settings.erp, of: id, in: &polled)
                reader.checkPolling(feed, settings)
            case .nats: break
            }
            catalogue.feeds.append(feed)
        }
    }
}

extension MappingReader {
    /// Nil when it is reported.
    fileprivate func feedKind(id: String, erps: [String]) -> ConfiguredFeed.Kind? {
        let kinds = CatalogueReader.Keys.feedKinds
        let names = ["files", "http", "shopify", "nats", "erp"]
        guard node("kind") != nil else {
            report("kind", "is required: one of \(names.joined(separator: ", "))")
            return nil
        }
        let kind = value("kind", expected: "one of \(names.joined(separator: ", "))") { kinds[$0] == nil ? nil : $0 }
        guard let kind, let own = kinds[kind] else { return nil }
        refuseUnknownKeys(known: CatalogueReader.Keys.feed + own) { key in
            let others = names.filter { kinds[$0]?.contains(key) == true }
            return others.isEmpty ? nil : "is for kind \(others.joined(separator: " and ")) only"
        }
        return switch kind {
        case "files": .files(filesFeed())
        case "http": .http(httpFeed())
        case "shopify": .shopify(shopifyFeed())
        case "nats": .nats(natsFeed(id: id))
        default: .erp(erpFeed(erps: erps))
        }
    }

    /// Reports what two feeds cannot share.
    fileprivate func claim(_ key: String, _ text: String, of id: String, in owners: inout [String: String]) {
        guard !text.isEmpty else { return }
        if let other = owners.updateValue(id, forKey: text) { report(key, "is that of the feed \(other) already") }
    }

    private func filesFeed() -> FilesFeedSettings {
        var settings = FilesFeedSettings()
        settings.folder = required("folder", "the folder's path")
        let formats = FilesFeedSettings.Format.allCases.map(\.rawValue).joined(separator: ", ")
        if node("format") == nil { report("format", "is required: one of \(formats)") }
        let format = value("format", expected: "one of \(formats)") { FilesFeedSettings.Format(rawValue: $0) }
        if let format { settings.format = format }
        if let settle = duration("settle", 0...600_000_000_000, "0 to 10m") { settings.settleNanoseconds = settle }
        if let every = duration("poll_every", 100_000_000...3_600_000_000_000, "100ms to 1h") {
            settings.pollNanoseconds = every
        }
        settings.columns = names("columns", "a field", bytesMax: Limits.idBytesMax)
        settings.types = eventTypes()
        if format == .x12Inventory {
            for key in ["columns", "types"] where node(key) != nil {
                report(key, "is for the formats csv and json_lines only")
            }
            if let partner = child("partner") {
                settings.partner = partner.x12Partner()
            } else {
                report("partner", "is required for the format x12_846: how the partner fills it")
            }
        } else if node("partner") != nil {
            report("partner", "is for the format x12_846 only")
        }
        return settings
    }

    private func httpFeed() -> HTTPFeedSettings {
        var settings = HTTPFeedSettings()
        if let path = httpPath() { settings.path = path }
        settings.bearerFile = value("bearer_file", expected: "a file's path") { $0 }
        settings.allowedOrigins = list("allowed_origins", expected: "host names; *: any") { $0 }?.map(\.value) ?? []
        (settings.sources, settings.types) = (sourceNames(), eventTypes())
        return settings
    }

    private func sourceNames() -> [String: String] { names("sources", "a source", bytesMax: Limits.nameBytesMax) }

    private func eventTypes() -> [String: String] { names("types", "an event type", bytesMax: Limits.idBytesMax) }

    private func httpPath() -> String? {
        let path = value("path", expected: "a path such as /events, of letters, digits and ./_-") { text in
            let isPath = text.hasPrefix("/") && text.utf8.count > 1 && text.utf8.count <= 128
            return isPath && text.utf8.allSatisfy { "./_-".utf8.contains($0) || $0.isLetterOrDigit } ? text : nil
        }
        guard let path else { return nil }
        for served in ["/livez", "/readyz", "/metrics", "/erps"] where path == served || path.hasPrefix(served + "/") {
            report("path", "the server answers \(served) itself")
        }
        return path
    }

    private func shopifyFeed() -> ShopifyFeedSettings {
        var settings = ShopifyFeedSettings()
        if let path = httpPath() { settings.path = path }
        settings.secretFiles = list("secret_files", expected: "files' paths") { $0 }?.map(\.value) ?? []
        if !(1...2).contains(settings.secretFiles.count) {
            report("secret_files", "one or two are required: the app's client secret, and the next during a rotation")
        }
        settings.shop = required("shop", "the shop's domain, such as example.myshopify.com")
        if let bucket = fedBucket("available_as") { settings.availableAs = bucket }
        let byName = value("order_reference", expected: "id or name") { ["id": false, "name": true][$0] }
        if let byName { settings.ordersByName = byName }
        return settings
    }

    private func natsFeed(id: String) -> NatsFeedSettings {
        var settings = NatsFeedSettings()
        settings.url = required("url", "an address such as nats://127.0.0.1:4222") { text in
            ["nats://", "tls://"].contains { text.hasPrefix($0) && text.utf8.count > $0.utf8.count }
        }
        settings.stream = required("stream", "the stream's name")
        settings.subjects = list("subjects", expected: "subjects such as stock.>") { $0 }?.map(\.value) ?? []
        if settings.subjects.isEmpty { report("subjects", "at least one is required") }
        let expected = "a name without dots, blanks, * and >"
        func isName(_ text: String) -> Bool { !text.isEmpty && !text.contains { ". *>\t/\\".contains($0) } }
        settings.durable = value("durable", expected: expected) { isName($0) ? $0 : nil } ?? id
        if node("durable") == nil, !isName(id) { report("durable", "is required: \(expected), unlike the feed's id") }
        settings.credentialsFile = value("credentials_file", expected: "a file's path") { $0 }
        settings.caFile = value("ca_file", expected: "a file's path") { $0 }
        (settings.sources, settings.types) = (sourceNames(), eventTypes())
        if let batch = count("batch", least: 1, most: Int64(Limits.eventsPerBatchMax)) { settings.batch = batch }
        return settings
    }

    private func erpFeed(erps: [String]) -> ErpFeedSettings {
        var settings = ErpFeedSettings()
        settings.erp = required("erp", "one of the ERPs of this file")
        if !settings.erp.isEmpty, !erps.contains(settings.erp) {
            let meant = Suggestion.nearest(to: settings.erp, among: erps).map { "; did you mean \($0)?" } ?? ""
            report("erp", "'\(settings.erp)' is not an ERP of this file\(meant)")
        }
        if let every = duration("poll_every", 100_000_000...86_400_000_000_000, "100ms to 1d") {
            settings.pollNanoseconds = every
        }
        if let overlap = duration("overlap", 0...86_400_000_000_000, "0 to 1d") {
            settings.overlapNanoseconds = overlap
        }
        return settings
    }

    /// What an ERP calls things is said where it is configured, and holds need it as well.
    fileprivate func checkPolling(_ feed: ConfiguredFeed, _ settings: ErpFeedSettings) {
        if node("map") != nil { report("map", "is not for kind erp: its figures are named as its holds are") }
        if let most = feed.lagMaxNanoseconds, most <= settings.pollNanoseconds {
            report("lag_max", "must be longer than poll_every: a feed of kind erp lags by that before each poll")
        }
    }

    fileprivate func feedMap(locations: [String]) -> ConfiguredFeedMap {
        refuseUnknownKeys(known: CatalogueReader.Keys.feedMap)
        var map = ConfiguredFeedMap()
        map.skus = names("skus", "a sku", bytesMax: Limits.skuBytesMax)
        map.skusFile = value("skus_file", expected: "a file's path") { $0 }
        if map.skusFile != nil, node("skus") != nil { report("skus_file", "excludes skus") }
        map.passesUnlistedSkus = passes("unlisted_skus")
        map.locations = names("locations", "a location", bytesMax: Limits.nameBytesMax, among: locations)
        map.passesUnlistedLocations = passes("unlisted_locations")
        map.reasons = names("reasons", "a reason code", bytesMax: Limits.idBytesMax)
        return map
    }

    private func passes(_ key: String) -> Bool {
        value(key, expected: "pass or refuse") { ["pass": true, "refuse": false][$0] } ?? true
    }

    /// Ours by theirs, each within the contract's bounds.
    private func names(_ key: String, _ kind: String, bytesMax: Int, among known: [String]? = nil) -> [String: String] {
        var names: [String: String] = [:]
        guard let section = child(key) else { return names }
        for (theirs, node) in section.mapping {
            guard let theirs = theirs.string else { continue }
            let expected = "\(kind): a name of 1 to \(bytesMax) bytes"
            let ours = section.scalar(node, key: theirs, expected: expected) {
                Quantities.identifier($0, bytesMax: bytesMax)
            }
            guard let ours else { continue }
            if let known, !known.contains(ours) {
                let meant = Suggestion.nearest(to: ours, among: known).map { "; did you mean \($0)?" } ?? ""
                section.report(theirs, "'\(ours)' is not \(kind) of this file\(meant)", at: node)
            }
            names[theirs] = ours
        }
        return names
    }

    func fedBucket(_ key: String) -> Bucket? {
        let fed = Bucket.allCases.filter(\.isFed)
        return value(key, expected: "one of \(fed.map(\.name).joined(separator: ", "))") { text in
            fed.first { $0.name == text }
        }
    }

    func duration(_ key: String, _ range: ClosedRange<Int64>, _ words: String) -> Int64? {
        value(key, expected: "a duration from \(words)") { text in
            Quantities.duration(text).flatMap { range.contains($0) ? $0 : nil }
        }
    }
}

extension UInt8 {
    fileprivate var isLetterOrDigit: Bool {
        switch self {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
            UInt8(ascii: "0")...UInt8(ascii: "9"):
            true
        default: false
        }
    }
}
