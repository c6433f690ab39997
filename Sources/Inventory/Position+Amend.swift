/// What came of amending an event's effect.
public enum Amendment: Sendable, Equatable {
    case done
    /// The event's place on the time line is no longer known.
    case tooOld
    /// The bucket would leave its range.
    case outOfRange
}

extension Position {
    /// Changes what one event does to one bucket, as if it had come so: for effects that depend on other events. A later
    /// absolute event that sets the bucket makes it none, now as at the event's arrival.
    ///
    /// - Parameter key: of a difference, not of an absolute event.
    public mutating func amend<Journal: PositionJournal & ~Copyable>(
        _ key: OrderKey, _ bucket: Bucket, by difference: Int64, journal: inout Journal
    ) throws(Journal.Failure) -> Amendment {
        precondition(!key.isAbsolute && bucket.isFed, "only differences of what sources tell are amended")
        if key.primary <= prunedThroughPrimary { return .tooOld }
        if key.primary <= newestAbsolutePrimary {
            var isReplaced = false
            try journal.forEachEntry(after: key) { later in
                if later.effect.isAbsolute, later.effect.touched.contains(bucket) { isReplaced = true }
                return !isReplaced
            }
            if isReplaced { return .done }
        }
        let (value, overflow) = buckets[bucket].addingReportingOverflow(difference)
        guard !overflow, (-Limits.bucketMax...Limits.bucketMax).contains(value) else { return .outOfRange }
        buckets[bucket] = value
        var entry = try journal.entry(key) ?? JournalEntry(key: key, effect: StockEffect(isAbsolute: false))
        entry.effect.touched.insert(BucketSet(bucket))
        entry.effect.values[bucket] += difference
        try journal.put(entry)
        // A figure that comes late must look for it.
        newestPrimary = max(newestPrimary, key.primary)
        return .done
    }
}
