/// A place where stock lies.
public struct Location: Sendable, Equatable, Codable {
    public var id: String
    public var number: LocationNumber
    public var displayName: String
    /// A location that is not active sells nothing.
    public var isActive: Bool
    /// The source that owns every bucket not named in `bucketOwners`; absent: any source may send.
    public var owner: String?
    /// Bucket name → the source that owns it.
    public var bucketOwners: [String: String]

    public init(
        id: String, number: LocationNumber, displayName: String = "", isActive: Bool = true, owner: String? = nil,
        bucketOwners: [String: String] = [:]
    ) {
        self.id = id
        self.number = number
        self.displayName = displayName
        self.isActive = isActive
        self.owner = owner
        self.bucketOwners = bucketOwners
    }
}

/// Locations under one name, for requests and sourcing lists.
public struct LocationGroup: Sendable, Equatable, Codable {
    public var id: String
    /// Location ids, in order.
    public var members: [String]

    public init(id: String, members: [String]) {
        self.id = id
        self.members = members
    }
}

/// How a source's events are ordered, and what is known of it beforehand.
public struct SourceTerms: Sendable, Equatable, Codable {
    public enum Order: String, Sendable, Equatable, Codable {
        case occurredAt
        case sequence
    }

    public var id: String
    public var order: Order
    /// Of the positions whose `on_hand` it owns.
    public var lots: LotMode

    public init(id: String, order: Order = .occurredAt, lots: LotMode = .separate) {
        self.id = id
        self.order = order
        self.lots = lots
    }
}
