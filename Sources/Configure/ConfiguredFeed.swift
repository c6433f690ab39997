public import Inventory

/// A feed as the configuration file describes it.
public struct ConfiguredFeed: Sendable, Equatable {
    public enum Kind: Sendable, Equatable {
        case files(FilesFeedSettings)
        case http(HTTPFeedSettings)
        case shopify(ShopifyFeedSettings)
        case nats(NatsFeedSettings)
        case erp(ErpFeedSettings)

        /// As `kind` says it.
        public var name: String {
            switch self {
            case .files: "files"
            case .http: "http"
            case .shopify: "shopify"
            case .nats: "nats"
            case .erp: "erp"
            }
        }
    }

    public var id: String
    public var kind: Kind
    /// The source whose events it brings.
    public var source: String
    /// Channels that sell what the source owns tighten once the feed is further behind; nil: never.
    public var lagMaxNanoseconds: Int64?
    public var map = ConfiguredFeedMap()

    /// All sources whose events it may bring.
    public var sources: [String] { [source] + sourceNames.values.sorted() }

    /// Ours by theirs; empty: all events are the feed's source's.
    public var sourceNames: [String: String] {
        switch kind {
        case .http(let settings): settings.sources
        case .nats(let settings): settings.sources
        case .files, .shopify, .erp: [:]
        }
    }

    /// The contract's names of event types, without prefix, by theirs.
    public var typeNames: [String: String] {
        switch kind {
        case .http(let settings): settings.types
        case .nats(let settings): settings.types
        case .files(let settings): settings.types
        case .shopify, .erp: [:]
        }
    }

    public init(id: String, kind: Kind, source: String) {
        self.id = id
        self.kind = kind
        self.source = source
    }
}

/// What a partner calls things: ours by theirs.
public struct ConfiguredFeedMap: Sendable, Equatable {
    public var skus: [String: String] = [:]
    /// A CSV file of two columns, theirs and ours, in place of `skus`.
    public var skusFile: String?
    public var passesUnlistedSkus = true
    public var locations: [String: String] = [:]
    public var passesUnlistedLocations = true
    public var reasons: [String: String] = [:]

    public init() {}
}

/// Files that are put into a folder.
public struct FilesFeedSettings: Sendable, Equatable {
    public enum Format: String, Sendable, CaseIterable {
        case csv
        case jsonLines = "json_lines"
        case x12Inventory = "x12_846"
    }

    public var folder = ""
    public var format = Format.csv
    /// How long a file must stand still before it is taken.
    public var settleNanoseconds: Int64 = 2_000_000_000
    public var pollNanoseconds: Int64 = 1_000_000_000
    /// Of rows: our fields by their columns.
    public var columns: [String: String] = [:]
    /// Of rows: event types by their words, besides our own.
    public var types: [String: String] = [:]
    /// Of X12: how this partner says things.
    public var partner = X12PartnerSettings()

    public init() {}
}

/// How a partner fills an X12 846.
public struct X12PartnerSettings: Sendable, Equatable {
    public enum Location: String, Sendable, CaseIterable {
        /// An N1 segment.
        case n1
        /// A REF segment.
        case ref
    }

    /// Where a lot stands.
    public enum Lot: String, Sendable, CaseIterable {
        /// A pair of the LIN segment.
        case lin
        /// A REF segment.
        case ref
    }

    /// Where a segment stands to its quantities.
    public enum Order: String, Sendable, CaseIterable {
        case before
        case after
    }

    /// What ISA06 and ISA08 must be; nil: anything.
    public var sender: String?
    public var receiver: String?
    /// Whether what ISA15 marks as a test is taken.
    public var takesTests = false
    /// Of the LIN segment, the first that is there.
    public var skuQualifiers: [String] = []
    /// The QTY qualifiers that fill a bucket, in the file's order: the first that is there.
    public var quantityQualifiers: [Bucket: [String]] = [:]
    /// The units that skus are counted in.
    public var units = ["EA"]
    public var location = Location.n1
    /// Of the segment that names the location.
    public var locationQualifier = "WH"
    /// Where it stands to its quantities.
    public var locationOrder = Order.before
    /// The partner's location that all figures are of; nil: a segment names it.
    public var fixedLocation: String?
    /// Nil: lots are not told apart.
    public var lot: Lot?
    /// Of the pair or the segment that names the lot.
    public var lotQualifier = "LT"
    /// Of the segment.
    public var lotOrder = Order.after
    /// Of the DTM segment, the first that is there.
    public var dateQualifiers: [String] = []
    /// Of the SCH segment's dates, the first that is there; empty: SCH is passed over.
    public var expectedQualifiers: [String] = []
    /// Of times that do not say, east of Greenwich; nil: they are UTC.
    public var utcOffsetMinutes: Int64?

    public init() {}
}

/// CloudEvents that are posted to the HTTP port.
public struct HTTPFeedSettings: Sendable, Equatable {
    public static let pathDefault = "/events"

    public var path = Self.pathDefault
    /// Has the token that callers must show; nil: none.
    public var bearerFile: String?
    /// Who may register by the webhook handshake, and send; empty: anybody.
    public var allowedOrigins: [String] = []
    /// The sources of CloudEvents by their `source` attribute; empty: all are the feed's.
    public var sources: [String: String] = [:]
    /// Types by their `type` attribute, besides those that follow our pattern: the contract's names without prefix.
    public var types: [String: String] = [:]

    public init() {}
}

/// Shopify's webhooks of one shop.
public struct ShopifyFeedSettings: Sendable, Equatable {
    public static let pathDefault = "/webhooks/shopify"

    public var path = Self.pathDefault
    /// One or two, since a rotation lasts an hour.
    public var secretFiles: [String] = []
    public var shop = ""
    /// The bucket that Shopify's `available` fills.
    public var availableAs = Bucket.onHand
    /// Whether reservations have an order's name, such as `#1001`, as their reference, and not its id.
    public var ordersByName = false

    public init() {}
}

/// A NATS JetStream consumer.
public struct NatsFeedSettings: Sendable, Equatable {
    public var url = ""
    public var stream = ""
    public var subjects: [String] = []
    public var durable = ""
    public var credentialsFile: String?
    public var caFile: String?
    /// As of CloudEvents over HTTP.
    public var sources: [String: String] = [:]
    public var types: [String: String] = [:]
    /// Messages fetched at a time.
    public var batch: Int64 = 1_000

    public init() {}
}

/// Changes polled from an ERP.
public struct ErpFeedSettings: Sendable, Equatable {
    /// As `erps` names it.
    public var erp = ""
    public var pollNanoseconds: Int64 = 10_000_000_000
    /// How far behind the last reading the next begins: an ERP's change may carry the time its transaction began.
    public var overlapNanoseconds: Int64 = 60_000_000_000

    public init() {}
}

extension ConfiguredCatalogue {
    /// The sources of the file, and those that only feeds name: ordered by time.
    public var allSources: [SourceTerms] {
        var known = Set(sources.map(\.id))
        let others = feeds.flatMap(\.sources).filter { known.insert($0).inserted }
        return sources + others.map { SourceTerms(id: $0, order: .occurredAt) }
    }
}
