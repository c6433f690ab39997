/// A position is split by lot where its sources tell of lots. The position's own row is the whole; a lot has a row and a time
/// line of its own, as has the part without a lot, whose time line is the one beside the position. Each is rebased alone.
extension Position {
    /// A lot that nothing was told of yet. What was too old for the position, is for its lots.
    public init(newLotOf position: Position) {
        self.init()
        prunedThroughPrimary = position.prunedThroughPrimary
    }

    /// Nothing is there, on its way or held.
    public var isEmpty: Bool { buckets == Buckets() }
}

extension Buckets {
    /// Bucket by bucket; within `Limits.bucketMax` none can overflow.
    public static func + (left: Buckets, right: Buckets) -> Buckets {
        var result = left
        for bucket in Bucket.allCases { result[bucket] += right[bucket] }
        return result
    }

    public static func - (left: Buckets, right: Buckets) -> Buckets {
        var result = left
        for bucket in Bucket.allCases { result[bucket] -= right[bucket] }
        return result
    }

    /// Whether a position may have them.
    public var isInRange: Bool {
        Bucket.allCases.allSatisfy { (-Limits.bucketMax...Limits.bucketMax).contains(self[$0]) }
    }
}
