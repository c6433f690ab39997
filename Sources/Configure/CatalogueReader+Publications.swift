internal import Inventory
internal import Yams

extension CatalogueReader.Keys {
    static let publication = [
        "kind", "channel", "skus", "locations", "bands", "type_prefix", "in_flight_max", "give_up_after",
    ]
    /// The keys of each kind's own.
    static let publicationKinds = [
        "nats": ["url", "subject", "credentials_file", "ca_file"],
        "webhook": ["url", "secret_file", "ca_file", "timeout", "headers", "allow_http", "allow_private_addresses"],
    ]
}

extension CatalogueReader {
    mutating func readPublications() {
        let sellable = Set(catalogue.locations.map(\.id)).union(catalogue.groups.map(\.id))
        for (id, reader) in root.child("publications")?.entries(named: "a publication") ?? [] {
            guard let kind = reader.publicationKind() else { continue }
            var publication = ConfiguredPublication(id: id, kind: kind)
            publication.channel = reader.required("channel", "whose figures are told") {
                Quantities.identifier($0) != nil
            }
            publication.skus = reader.publishedSkus()
            publication.locations = reader.references("locations", "a location or group", to: sellable)
            if publication.skus.isEmpty {
                reader.limit("locations", publication.locations.count, most: Limits.watchPlacesMax)
            }
            let lines = publication.skus.count * max(1, publication.locations.count)
            if lines > Limits.linesPerCheckMax {
                reader.report(
                    "skus", "times locations at most \(Limits.linesPerCheckMax), are \(lines); `skus: all` has no limit"
                )
            }
            publication.bands = reader.bands()
            publication.typePrefix =
                reader.value("type_prefix", expected: "a prefix such as com.example, of letters, digits, . and -") {
                    CatalogueReader.isTypePrefix($0) ? $0 : nil
                } ?? ""
            if let most = reader.count("in_flight_max", least: 1, most: 100) { publication.inFlightMax = most }
            if let time = reader.duration("give_up_after", 1_000_000_000...2_678_400_000_000_000, "1s to 31d") {
                publication.giveUpNanoseconds = time
            }
            catalogue.publications.append(publication)
        }
    }

    fileprivate static func isTypePrefix(_ text: String) -> Bool {
        (1...128).contains(text.utf8.count)
            && text.utf8.allSatisfy { byte in
                switch byte {
                case 0x30...0x39, 0x41...0x5A, 0x61...0x7A, 0x2D, 0x2E: true
                default: false
                }
            }
            && text.split(separator: ".", omittingEmptySubsequences: false).allSatisfy { !$0.isEmpty }
    }
}

extension MappingReader {
    /// Nil when it is reported.
    fileprivate func publicationKind() -> ConfiguredPublication.Kind? {
        let kinds = CatalogueReader.Keys.publicationKinds
        guard node("kind") != nil else {
            report("kind", "is required: nats or webhook")
            return nil
        }
        let kind = value("kind", expected: "nats or webhook") { kinds[$0] == nil ? nil : $0 }
        guard let kind, let own = kinds[kind] else { return nil }
        refuseUnknownKeys(known: CatalogueReader.Keys.publication + own) { key in
            kinds.first { $0.value.contains(key) }.map { "is for kind \($0.key) only" }
        }
        return kind == "nats" ? .nats(natsPublication()) : .webhook(webhookPublication())
    }

    private func natsPublication() -> NatsPublicationSettings {
        var settings = NatsPublicationSettings()
        settings.url = required("url", "an address such as nats://127.0.0.1:4222")
        if let subject = value("subject", expected: "a subject such as \(settings.subject)", { $0 }) {
            settings.subject = subject
        }
        settings.credentialsFile = value("credentials_file", expected: "a file's path") { $0 }
        settings.caFile = value("ca_file", expected: "a file's path") { $0 }
        return settings
    }

    private func webhookPublication() -> WebhookPublicationSettings {
        var settings = WebhookPublicationSettings()
        settings.url = required("url", "an address such as https://shop.example/hooks/stock")
        settings.secretFile = required("secret_file", "the path of a file with one or two secrets, whsec_ and base64")
        settings.caFile = value("ca_file", expected: "a file's path") { $0 }
        if let timeout = duration("timeout", 100_000_000...60_000_000_000, "100ms to 1m") {
            settings.timeoutNanoseconds = timeout
        }
        for (key, node) in child("headers")?.mapping ?? Node.Mapping([]) {
            guard let name = key.string, let value = node.string else { continue }
            settings.headers[name] = value
        }
        limit("headers", settings.headers.count, most: 32)
        settings.allowsHTTP = flag("allow_http") ?? false
        settings.allowsPrivateAddresses = flag("allow_private_addresses") ?? false
        return settings
    }

    /// Empty: all.
    fileprivate func publishedSkus() -> [String] {
        guard let node = node("skus") else { return [] }
        if node.string != nil {
            _ = value("skus", expected: "all, or a list of skus") { $0 == "all" ? $0 : nil }
            return []
        }
        let expected = "skus: names of 1 to \(Limits.skuBytesMax) bytes"
        let listed = list("skus", expected: expected) { Quantities.identifier($0, bytesMax: Limits.skuBytesMax) } ?? []
        if listed.isEmpty { report("skus", "a list needs at least one sku; `all` means every sku") }
        var skus: [String] = []
        var seen: Set<[UInt8]> = []
        for (sku, node) in listed {
            if seen.insert(Array(sku.utf8)).inserted {
                skus.append(sku)
            } else {
                report("skus", "'\(sku)' is listed twice", at: node)
            }
        }
        return skus
    }

    fileprivate func bands() -> [Int64] {
        let expected = "whole numbers of units from 0 to \(Limits.quantityMax)"
        let bands = list("bands", expected: expected) { text in
            Quantities.count(text).flatMap { $0 <= Limits.quantityMax ? $0 : nil }
        }
        let bounds = bands?.map(\.value) ?? []
        limit("bands", bounds.count, most: Limits.watchBandsMax)
        if !zip(bounds, bounds.dropFirst()).allSatisfy({ $0 < $1 }) { report("bands", "must rise") }
        return bounds
    }
}
