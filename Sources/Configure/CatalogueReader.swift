import Inventory
import Yams

/// Reads locations, groups, sources and channels from the file.
struct CatalogueReader {
    /// The structured parts of the file. The example file shows each, and a test holds it to that.
    enum Keys {
        static let sections = [
            "locations", "groups", "sources", "channels", "erps", "feeds", "publications", "reason_codes",
        ]
        static let location = ["display_name", "active", "owner", "bucket_owners"]
        static let source = ["order", "lots"]
        static let terms = [
            "share_percent", "buffer", "safety_stock", "allowed_oversell", "count_in_transit", "stale_after",
            "stale_action",
        ]
        static let holds = ["default_ttl", "longest_ttl", "customer_units_max", "write_mode", "erp_wait_max"]
        static let channel =
            ["display_name", "sourcing"] + terms + holds
            + [
                "cap", "floor", "split_allowed", "customer_holds_max", "degradation_buffer", "throttle", "overrides",
            ]
        static let throttle = [
            "read_units_per_second", "read_units_burst", "reservations_per_second", "reservations_burst",
            "calls_in_flight_max",
        ]
        static let override = ["sku", "sku_prefix", "location"] + terms + holds
    }

    let root: MappingReader
    var catalogue = ConfiguredCatalogue()

    init(_ root: MappingReader) {
        self.root = root
        readLocations()
        readGroups()
        readSources()
        readChannels()
        readErps()
        readReasonCodes()
        readFeeds()
        readPublications()
        root.limit("locations", catalogue.locations.count, most: Limits.locationsMax)
        root.limit("groups", catalogue.groups.count, most: Limits.locationGroupsMax)
        root.limit("sources", catalogue.allSources.count, most: Limits.sourcesMax)
        root.limit("channels", catalogue.channels.count, most: Limits.channelsMax)
        root.limit("feeds", catalogue.feeds.count, most: Limits.feedsMax)
        root.limit("publications", catalogue.publications.count, most: Limits.publicationsMax)
        checkOwners()
    }

    private mutating func readLocations() {
        for (id, reader) in root.child("locations")?.entries(named: "a location") ?? [] {
            reader.refuseUnknownKeys(known: Keys.location)
            var location = Location(id: id, number: 0)
            location.displayName = reader.displayName()
            location.isActive = reader.flag("active") ?? true
            location.owner = reader.name("owner", "a source")
            for (bucketNode, _) in reader.child("bucket_owners")?.mapping ?? Node.Mapping([]) {
                guard let owners = reader.child("bucket_owners"), let bucket = bucketNode.string else { continue }
                let known = Bucket.allCases.filter(\.isFed).map(\.name)
                guard known.contains(bucket) else {
                    let meant = Suggestion.nearest(to: bucket, among: known).map { "; did you mean \($0)?" }
                    owners.report(bucket, "unknown bucket" + (meant ?? ": one of \(known.joined(separator: ", "))"))
                    continue
                }
                location.bucketOwners[bucket] = owners.name(bucket, "a source")
            }
            catalogue.locations.append(location)
        }
    }

    private mutating func readGroups() {
        guard let section = root.child("groups") else { return }
        let locationIds = Set(catalogue.locations.map(\.id))
        for (keyNode, _) in section.mapping {
            guard let id = keyNode.string, Quantities.identifier(id) != nil else {
                section.report(keyNode.string ?? "?", "expected a name of 1 to 32 bytes without control characters")
                continue
            }
            if locationIds.contains(id) { section.report(id, "a location has the same name", at: keyNode) }
            let members = section.references(id, "a location", to: locationIds)
            if section.node(id) == nil || section.mapping[id]?.sequence?.isEmpty == true {
                section.report(id, "a group needs at least one location", at: keyNode)
            }
            catalogue.groups.append(LocationGroup(id: id, members: members))
        }
    }

    private mutating func readSources() {
        for (id, reader) in root.child("sources")?.entries(named: "a source") ?? [] {
            reader.refuseUnknownKeys(known: Keys.source)
            let order: SourceTerms.Order? = reader.value("order", expected: "occurred_at or sequence") {
                switch $0 {
                case "occurred_at": .occurredAt
                case "sequence": .sequence
                default: nil
                }
            }
            let lots = reader.value("lots", expected: "separate or included") { LotMode(rawValue: $0) }
            catalogue.sources.append(SourceTerms(id: id, order: order ?? .occurredAt, lots: lots ?? .separate))
        }
    }

    private mutating func readReasonCodes() {
        let expected = "a reason code of 1 to \(Limits.idBytesMax) bytes without control characters"
        guard
            let codes = root.list(
                "reason_codes", expected: expected, { Quantities.identifier($0, bytesMax: Limits.idBytesMax) })
        else { return }
        if root.mapping["reason_codes"]?.sequence?.isEmpty == true {
            root.report("reason_codes", "at least one; without this key any reason is taken")
        }
        root.limit("reason_codes", codes.count, most: Limits.reasonCodesMax)
        catalogue.reasonCodes = codes.map(\.value)
    }

    /// Places of events ordered by time and by sequence cannot be compared, so one location has one kind of owners. An
    /// owner that is not listed is ordered by time.
    private func checkOwners() {
        let bySequence = Set(catalogue.sources.filter { $0.order == .sequence }.map(\.id))
        for location in catalogue.locations {
            let owners = [location.owner].compactMap(\.self) + location.bucketOwners.values
            guard !bySequence.isDisjoint(with: owners), !bySequence.isSuperset(of: owners) else { continue }
            root.child("locations")?.report(location.id, "owners ordered by time and by sequence do not mix")
        }
    }

    private mutating func readChannels() {
        let locationIds = Set(catalogue.locations.map(\.id))
        let sellable = locationIds.union(catalogue.groups.map(\.id))
        for (id, reader) in root.child("channels")?.entries(named: "a channel") ?? [] {
            reader.refuseUnknownKeys(known: Keys.channel)
            let policy = reader.channelPolicy(sellable: sellable, locations: locationIds)
            catalogue.channels.append(
                Channel(
                    id: id, displayName: reader.displayName(), policyVersion: 1, updateTimeNanoseconds: 0,
                    policy: policy))
        }
    }
}

extension MappingReader {
    func flag(_ key: String) -> Bool? {
        value(key, expected: "true or false", Quantities.flag)
    }

    func displayName() -> String {
        value(
            "display_name", expected: "text of at most \(Limits.displayNameBytesMax) bytes without control characters"
        ) {
            Quantities.identifier($0, bytesMax: Limits.displayNameBytesMax)
        } ?? ""
    }

    func name(_ key: String, _ kind: String) -> String? {
        value(key, expected: "\(kind): a name of 1 to 32 bytes without control characters") {
            Quantities.identifier($0)
        }
    }

    /// A quantity within the contract's bounds, 0 or more.
    func units(_ key: String) -> Int64? {
        count(key, most: Limits.quantityMax, of: "of units ")
    }

    func count(_ key: String, least: Int64 = 0, most: Int64, of what: String = "") -> Int64? {
        value(key, expected: "a whole number \(what)from \(least) to \(most)") { text in
            Quantities.count(text).flatMap { $0 >= least && $0 <= most ? $0 : nil }
        }
    }

    /// Reports a list or mapping with more entries than the domain takes.
    func limit(_ key: String, _ count: Int, most: Int) {
        if count > most { report(key, "at most \(most), has \(count)") }
    }

    /// The names listed under `key`, each known and none twice; others are reported.
    func references(_ key: String, _ kind: String, to known: Set<String>) -> [String] {
        var names: [String] = []
        for (name, node) in list(key, expected: "names", { $0 }) ?? [] {
            if !known.contains(name) {
                let meant = Suggestion.nearest(to: name, among: known.sorted()).map { "; did you mean \($0)?" } ?? ""
                report(key, "'\(name)' is not \(kind) of this file\(meant)", at: node)
            } else if names.contains(name) {
                report(key, "'\(name)' is listed twice", at: node)
            } else {
                names.append(name)
            }
        }
        return names
    }
}
