/// Where a change stands among all of an ERP's: by the ERP's own clock, and by its record among those of one moment. A
/// record that is changed again has another mark.
public struct ErpChangeMark: Sendable, Hashable, Comparable {
    /// Nanoseconds since 1970 by the ERP's clock, which need not agree with ours: only the ERP's own are compared.
    public var timeNanoseconds: Int64
    public var record: Int64

    public init(timeNanoseconds: Int64, record: Int64) {
        self.timeNanoseconds = timeNanoseconds
        self.record = record
    }

    /// Before everything of that time.
    public init(beforeNanoseconds: Int64) { self.init(timeNanoseconds: beforeNanoseconds, record: .min) }

    public static func < (one: ErpChangeMark, other: ErpChangeMark) -> Bool {
        (one.timeNanoseconds, one.record) < (other.timeNanoseconds, other.record)
    }
}

/// A sku at one of our locations, as an ERP's figures are read.
public struct ErpPlace: Sendable, Hashable {
    public var sku: String
    public var location: String

    public init(sku: String, location: String) {
        self.sku = sku
        self.location = location
    }
}

/// What one record of an ERP moved, or may have: a reason to read the figures there, never a difference to be added.
public struct ErpChange: Sendable, Equatable {
    public var mark: ErpChangeMark
    /// One for each of our locations that it touches.
    public var places: [ErpPlace]

    public init(mark: ErpChangeMark, places: [ErpPlace]) {
        self.mark = mark
        self.places = places
    }
}

/// A page of an ERP's changes, in the order of their marks.
public struct ErpChangePage: Sendable, Equatable {
    public var changes: [ErpChange]
    /// Up to where it was looked; nil: there is nothing behind the mark that was asked for.
    public var reached: ErpChangeMark?
    /// Whether there may be more behind `reached`.
    public var hasMore: Bool

    public init(changes: [ErpChange], reached: ErpChangeMark?, hasMore: Bool) {
        self.changes = changes
        self.reached = reached
        self.hasMore = hasMore
    }
}
