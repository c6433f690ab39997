public import Inventory

/// What a partner calls things, and what they are called here: the `map` of a feed in the configuration.
public struct FeedMapping: Sendable, Equatable {
    /// Their skus; what is not listed is taken as it is when `passesUnlistedSkus`.
    public var skus: [String: String]
    public var passesUnlistedSkus: Bool
    /// Their locations; what is not listed is taken as it is when `passesUnlistedLocations`.
    public var locations: [String: String]
    public var passesUnlistedLocations: Bool
    /// Their reason codes; what is not listed is taken as it is.
    public var reasons: [String: String]

    public init(
        skus: [String: String] = [:], passesUnlistedSkus: Bool = true, locations: [String: String] = [:],
        passesUnlistedLocations: Bool = true, reasons: [String: String] = [:]
    ) {
        self.skus = skus
        self.passesUnlistedSkus = passesUnlistedSkus
        self.locations = locations
        self.passesUnlistedLocations = passesUnlistedLocations
        self.reasons = reasons
    }

    /// Our sku; nil: the mapping has none for it, and the event is a dead letter that says so.
    public func sku(_ theirs: String) -> String? {
        skus[theirs] ?? (passesUnlistedSkus ? theirs : nil)
    }

    /// Our location; nil: the mapping has none for it.
    public func location(_ theirs: String) -> String? {
        locations[theirs] ?? (passesUnlistedLocations ? theirs : nil)
    }

    public func reason(_ theirs: String) -> String { reasons[theirs] ?? theirs }

    /// Puts our names in the place of theirs. Throws what the event's dead letter says where there is none.
    public func translate(_ event: inout InventoryEvent) throws(EventRejection) {
        if !event.sku.isEmpty {
            guard let ours = sku(event.sku) else { throw Self.unlisted("sku", event.sku) }
            event.sku = ours
        }
        if !event.location.isEmpty {
            guard let ours = location(event.location) else { throw Self.unlisted("location", event.location) }
            event.location = ours
        }
        if !event.toLocation.isEmpty {
            guard let ours = location(event.toLocation) else { throw Self.unlisted("to_location", event.toLocation) }
            event.toLocation = ours
        }
        if !event.reason.isEmpty { event.reason = reason(event.reason) }
    }

    private static func unlisted(_ field: String, _ theirs: String) -> EventRejection {
        EventRejection(.invalidField, "\(field): \(theirs) is not in the feed's map")
    }
}
