public import Inventory

/// How one partner writes its 846: what it means is agreed with each, and no two agree alike. The `partner` of a feed in the
/// configuration.
public struct PartnerMap: Sendable, Equatable {
    /// What an interchange's ISA06 must be; empty: any sender's is taken.
    public var sender = ""
    /// What its ISA08 must be; empty: any.
    public var receiver = ""
    /// Whether an interchange that ISA15 marks as a test (`T`) is taken.
    public var takesTests = false
    /// The qualifiers in LIN under which the sku may stand; the first that a line has counts.
    public var skuQualifiers: [String]
    /// The qualifiers in QTY01 that tell a bucket; the first that a line has counts. Others are passed over.
    public var quantityQualifiers: [Bucket: [String]]
    /// What QTY03 and SCH02 may be: the units that skus are counted in. A segment without a unit is taken.
    public var units: [String] = ["EA"]
    public var location: LocationRule
    /// Where the lot stands that figures are of; nil: lots are not told apart. A line without one tells of what belongs to no
    /// lot.
    public var lot: LotRule?
    /// The qualifiers in DTM01 of the time that the figures are of; the first that is there counts, in the LIN loop before
    /// the heading. Without one: BIA, GS, ISA.
    public var timeQualifiers: [String] = []
    /// The qualifiers in SCH05 and SCH08 of the day that supply is expected; the first that is there counts. Empty: SCH is
    /// passed over.
    public var expectedQualifiers: [String] = []
    /// Minutes east of Greenwich of times that do not say; nil: they are UTC, and a time zone that has two offsets over
    /// the year is refused.
    public var utcOffsetMinutes: Int?

    public init(skuQualifiers: [String], quantityQualifiers: [Bucket: [String]], location: LocationRule) {
        self.skuQualifiers = skuQualifiers
        self.quantityQualifiers = quantityQualifiers
        self.location = location
    }

    /// Where the figures' location stands.
    public enum LocationRule: Sendable, Equatable {
        /// Nowhere: all figures are of this one of the partner's.
        case fixed(String)
        /// In a segment of the LIN loop or of the heading.
        case named(LocationSegment)
    }

    /// Where the lot of figures stands, with its qualifier, such as `LT`.
    public enum LotRule: Sendable, Equatable {
        /// Among the pairs of LIN: the whole LIN loop is of that lot.
        case line(qualifier: String)
        /// REF02 of a REF in the LIN loop.
        case reference(qualifier: String, order: Order)
    }

    /// Where in a LIN loop a segment stands to the QTY and SCH that it is for.
    public enum Order: String, Sendable, CaseIterable {
        case before
        case after
    }

    /// A segment that names a location. In the heading it is for every line that has none.
    public struct LocationSegment: Sendable, Equatable {
        public enum Kind: String, Sendable, CaseIterable {
            /// N104, or N102 where that is empty.
            case party = "N1"
            /// REF02.
            case reference = "REF"
        }

        public var kind: Kind
        /// N101 or REF01, such as `WH`.
        public var qualifier: String
        public var order: Order

        public init(kind: Kind, qualifier: String, order: Order = .before) {
            self.kind = kind
            self.qualifier = qualifier
            self.order = order
        }
    }

    /// The bucket that a qualifier tells, and its place in the bucket's order of preference.
    func bucket(of qualifier: ArraySlice<UInt8>) -> (bucket: Bucket, rank: Int)? {
        for (bucket, qualifiers) in quantityQualifiers {
            if let rank = qualifiers.firstIndex(where: { qualifier.elementsEqual($0.utf8) }) { return (bucket, rank) }
        }
        return nil
    }
}
