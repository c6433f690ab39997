/// A publication as the configuration file describes it.
public struct ConfiguredPublication: Sendable, Equatable {
    public enum Kind: Sendable, Equatable {
        case nats(NatsPublicationSettings)
        case webhook(WebhookPublicationSettings)
    }

    public var id: String
    public var kind: Kind
    public var channel = ""
    /// Empty: every sku that the channel may sell.
    public var skus: [String] = []
    /// Where each sku is told apart; empty: wherever the channel sells from.
    public var locations: [String] = []
    /// Rising; empty: every change is told.
    public var bands: [Int64] = []
    /// What comes before `.availability.changed.v1`; empty: nothing.
    public var typePrefix = ""
    public var inFlightMax: Int64 = 8
    /// How long a message is tried before it becomes a dead letter.
    public var giveUpNanoseconds: Int64 = 86_400_000_000_000

    public init(id: String, kind: Kind) {
        self.id = id
        self.kind = kind
    }
}

/// Subjects of NATS JetStream.
public struct NatsPublicationSettings: Sendable, Equatable {
    public var url = ""
    public var subject = "availability.{channel}.{sku}"
    public var credentialsFile: String?
    public var caFile: String?

    public init() {}
}

/// An HTTP endpoint.
public struct WebhookPublicationSettings: Sendable, Equatable {
    public var url = ""
    public var secretFile = ""
    public var caFile: String?
    public var timeoutNanoseconds: Int64 = 15_000_000_000
    public var headers: [String: String] = [:]
    public var allowsHTTP = false
    public var allowsPrivateAddresses = false

    public init() {}
}
