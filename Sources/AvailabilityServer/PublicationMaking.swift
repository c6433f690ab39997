internal import Configure
internal import Engine
internal import Feeds
internal import Inventory
internal import JetStream
internal import Ledger
internal import Webhooks

/// How the publications of the configuration are made. What is wrong with one is told by check-config and at the start.
enum PublicationMaking {
    /// - Throws: every publication that cannot be made.
    static func check(_ loaded: LoadedConfiguration) throws(ConfigurationError) {
        let found = loaded.catalogue.publications.compactMap { publication -> ConfigurationProblem? in
            do throws(FeedFailure) {
                switch publication.kind {
                case .nats(let settings): _ = try terms(publication, settings)
                case .webhook(let settings): _ = try WebhookSettings(settings)
                }
                return nil
            } catch {
                // Problems begin with the name of their key.
                let parts = error.description.split(separator: ":", maxSplits: 1)
                return ConfigurationProblem(
                    place: loaded.file ?? "", key: "publications.\(publication.id).\(parts[0])",
                    reason: parts.count == 2 ? String(parts[1].drop { $0 == " " }) : error.description)
            }
        }
        guard found.isEmpty else { throw ConfigurationError(problems: found) }
    }

    static func make(
        _ publication: ConfiguredPublication
    ) throws(FeedFailure) -> (settings: PublicationSettings, target: any PublicationTarget) {
        switch publication.kind {
        case .nats(let settings):
            let (endpoint, pattern) = try terms(publication, settings)
            let target = JetStreamTarget(
                endpoint, pattern: pattern, channel: publication.channel, callsMax: Int(publication.inFlightMax))
            return (PublicationSettings(publication, to: [settings.url, settings.subject]), target)
        case .webhook(let settings):
            let target = WebhookTarget(
                try WebhookSettings(settings), connectionsMax: Int(publication.inFlightMax), now: wallClockNanoseconds,
                monotonicNow: monotonicClockNanoseconds)
            return (PublicationSettings(publication, to: [settings.url]), target)
        }
    }

    private static func terms(
        _ publication: ConfiguredPublication, _ settings: NatsPublicationSettings
    ) throws(FeedFailure) -> (NatsEndpoint, SubjectPattern) {
        let endpoint = NatsEndpoint(
            url: settings.url, credentialsFile: settings.credentialsFile, caFile: settings.caFile,
            name: "availability-server \(publication.id)")
        if let problem = endpoint.problem { throw FeedFailure(problem) }
        let pattern: SubjectPattern
        do throws(FeedFailure) {
            pattern = try SubjectPattern(settings.subject)
        } catch {
            throw FeedFailure("subject: \(error)")
        }
        // A name between two dots is never empty.
        if pattern.namesLocations, publication.locations.isEmpty {
            throw FeedFailure("subject: {location} needs `locations`")
        }
        return (endpoint, pattern)
    }
}

extension WebhookSettings {
    fileprivate init(_ settings: WebhookPublicationSettings) throws(FeedFailure) {
        try self.init(
            url: settings.url, secretFile: settings.secretFile, caFile: settings.caFile,
            timeoutNanoseconds: settings.timeoutNanoseconds, headers: settings.headers, allowsHTTP: settings.allowsHTTP,
            allowsPrivateAddresses: settings.allowsPrivateAddresses)
    }
}

extension PublicationSettings {
    /// - Parameter target: what names the receiver.
    fileprivate init(_ publication: ConfiguredPublication, to target: [String]) {
        // A line without a sku stands for every sku there.
        let skus = publication.skus.isEmpty && !publication.locations.isEmpty ? [""] : publication.skus
        let lines = skus.flatMap { sku in
            (publication.locations.isEmpty ? [""] : publication.locations).map {
                PublicationLine(sku: sku, location: $0)
            }
        }
        let name = ([publication.typePrefix] + target).joined(separator: "\u{0}")
        var retry = WebhookRetry()
        retry.lifetimeNanoseconds = publication.giveUpNanoseconds
        self.init(
            id: publication.id,
            question: PublicationQuestion(channel: publication.channel, lines: lines, bands: publication.bands),
            typePrefix: publication.typePrefix, inFlightMax: Int(publication.inFlightMax), retry: retry,
            targetDigest: String(ContentDigest.of(Array(name.utf8)), radix: 16))
    }
}
