/// Where an event stands on the time line of a position: the same key whatever the order of delivery.
public struct OrderKey: Sendable, Equatable, Comparable {
    /// `occurred_at` in nanoseconds, or the source's sequence for a source that is ordered by sequence.
    public let primary: Int64
    /// At equal primaries absolute events come after deltas.
    public let isAbsolute: Bool
    public let source: SourceDigest
    /// The event's id, compared byte by byte.
    public let id: String

    public init(primary: Int64, isAbsolute: Bool, source: SourceDigest, id: String) {
        self.primary = primary
        self.isAbsolute = isAbsolute
        self.source = source
        self.id = id
    }

    /// Of a difference that lies behind a place; one behind, since at equal places absolute events come after differences.
    public init(behind primary: Int64, source: SourceDigest, id: String) {
        self.init(primary: min(primary, .max - 1) + 1, isAbsolute: false, source: source, id: id)
    }

    /// The digest of a source's name (64-bit FNV-1a).
    public static func digest(ofSource name: String) -> SourceDigest {
        var name = name
        return name.withUTF8 { NameHash.of(UnsafeRawBufferPointer($0)) }
    }

    public static func < (left: OrderKey, right: OrderKey) -> Bool {
        if left.primary != right.primary { return left.primary < right.primary }
        if left.isAbsolute != right.isAbsolute { return right.isAbsolute }
        if left.source != right.source { return left.source < right.source }
        return left.id.utf8.lexicographicallyPrecedes(right.id.utf8)
    }
}

/// What an event does to a position's buckets: sets those named, or moves them.
public struct StockEffect: Sendable, Equatable {
    public var isAbsolute: Bool
    /// The buckets touched; the others are not read or written.
    public var touched: BucketSet
    /// The new values if absolute, the differences if not. Zero for buckets not touched.
    public var values: Buckets

    public init(isAbsolute: Bool, touched: BucketSet = [], values: Buckets = Buckets()) {
        self.isAbsolute = isAbsolute
        self.touched = touched
        self.values = values
    }
}

/// One row of a position's journal: an event within the horizon that may still matter to a later arrival.
public struct JournalEntry: Sendable, Equatable {
    public var key: OrderKey
    public var effect: StockEffect

    public init(key: OrderKey, effect: StockEffect) {
        self.key = key
        self.effect = effect
    }
}
