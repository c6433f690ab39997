/// Order from disorder: any order of arrival within the horizon gives one state.
///
/// A bucket's value is that of the latest absolute event that touches it, by `OrderKey`, plus all later deltas (0 plus
/// all deltas when there is no absolute one). What arrives late is put in its place: a delta below a later absolute event
/// is already in that event's figure; an absolute event replaces what lies below it and is rebased under later deltas.
/// The one thing that depends on the order of arrival is a refusal as `outOfRange`, which no honest feed comes near.
///
/// The authoritative time is the greatest `occurred_at` of all events placed, superseded ones included, and the
/// authoritative source is that event's, or nobody when several sources share that time: the same for any order. A
/// difference counts as much as a figure: who tells of a movement knows the place.
extension Position {
    /// Places one event, which must not have been placed before.
    ///
    /// - Parameters:
    ///   - entry: touches at least one bucket, only fed ones, each by at most `Limits.quantityMax`.
    ///   - source: who sent it.
    ///   - occurredAtNanoseconds: the event's own time, whatever its source is ordered by.
    ///   - fits: whether the buckets may become these, as far as others depend on them; else it is `outOfRange`.
    public mutating func apply<Journal: PositionJournal & ~Copyable>(
        _ entry: JournalEntry, source: SourceNumber, occurredAtNanoseconds: WallNanoseconds, journal: inout Journal,
        fits: (Buckets) -> Bool = { _ in true }
    ) throws(Journal.Failure) -> EventPlacement {
        precondition(!entry.effect.touched.isEmpty, "an effect touches a bucket")
        precondition(!entry.effect.touched.contains(.reserved), "no event moves our holds")
        precondition(!entry.effect.touched.contains(.releasing), "no event moves our holds")
        if entry.key.primary <= prunedThroughPrimary { return .tooOld }

        var later = LaterEffects(touched: entry.effect.touched)
        // Later absolutes matter to both kinds, later differences only to an absolute event.
        if entry.key.primary <= (entry.effect.isAbsolute ? newestPrimary : newestAbsolutePrimary) {
            try journal.forEachEntry(after: entry.key) { later.add($0.effect) }
        }
        let effective = entry.effect.touched.subtracting(later.replaced)
        guard let moved = moved(by: entry.effect, effective, later.sums), fits(moved) else { return .outOfRange }

        noteAuthority(occurredAtNanoseconds, source)
        if effective.isEmpty { return .superseded }
        buckets = moved
        newestPrimary = max(newestPrimary, entry.key.primary)
        if entry.effect.isAbsolute {
            newestAbsolutePrimary = max(newestAbsolutePrimary, entry.key.primary)
            try dropReplaced(below: entry, replaced: later.absolutes.union(entry.effect.touched), &journal)
        }
        try journal.insert(entry)
        return .applied
    }

    /// Notes that somebody told of the position and moved nothing.
    public mutating func see(source: SourceNumber, occurredAtNanoseconds: WallNanoseconds) {
        noteAuthority(occurredAtNanoseconds, source)
    }

    /// Removes entries with primaries up to `horizonPrimary`, oldest first, at most `limit`, and remembers up to where:
    /// an event at or below that place is from then on `tooOld`. Returns how many went.
    public mutating func prune<Journal: PositionJournal & ~Copyable>(
        through horizonPrimary: Int64, limit: Int, journal: inout Journal
    ) throws(Journal.Failure) -> Int {
        precondition(limit > 0)
        var old: [OrderKey] = []
        try journal.forEachEntry(after: .lowest) { entry in
            guard entry.key.primary <= horizonPrimary, old.count < limit else { return false }
            old.append(entry.key)
            return true
        }
        for key in old { try journal.remove(key) }
        if let last = old.last { prunedThroughPrimary = max(prunedThroughPrimary, last.primary) }
        return old.count
    }

    /// The buckets after the effect; nil when one leaves its range. `sums`: later deltas, for an absolute effect.
    private func moved(by effect: StockEffect, _ effective: BucketSet, _ sums: Buckets?) -> Buckets? {
        guard let sums else { return nil }
        var result = buckets
        for bucket in Bucket.allCases where effective.contains(bucket) {
            let base = effect.isAbsolute ? sums[bucket] : buckets[bucket]
            let (value, overflow) = base.addingReportingOverflow(effect.values[bucket])
            guard !overflow, (-Limits.bucketMax...Limits.bucketMax).contains(value) else { return nil }
            result[bucket] = value
        }
        return result
    }

    private mutating func noteAuthority(_ time: WallNanoseconds, _ source: SourceNumber) {
        if time > authoritativeTimeNanoseconds {
            authoritativeTimeNanoseconds = time
            authoritativeSource = source
        } else if time == authoritativeTimeNanoseconds && source != authoritativeSource {
            authoritativeSource = 0
        }
    }

    /// Drops entries below a landing absolute event that no later arrival can need: those replaced in every bucket they
    /// touch by absolute events after them, which supersede also whatever would land below the dropped entry.
    private mutating func dropReplaced<Journal: PositionJournal & ~Copyable>(
        below entry: JournalEntry, replaced: BucketSet, _ journal: inout Journal
    ) throws(Journal.Failure) {
        var replaced = replaced
        var visited = 0
        var dropped: [OrderKey] = []
        try journal.forEachEntry(before: entry.key) { earlier in
            if earlier.effect.touched.isSubset(of: replaced) {
                dropped.append(earlier.key)
            } else if earlier.effect.isAbsolute {
                replaced.formUnion(earlier.effect.touched)
            }
            visited += 1
            return visited < Limits.journalDropsPerEventMax
        }
        for key in dropped { try journal.remove(key) }
    }
}

/// What the entries beyond an event's place do to the buckets it touches.
private struct LaterEffects {
    let touched: BucketSet
    /// Touched buckets that a later absolute event sets.
    private(set) var replaced: BucketSet = []
    /// All buckets seen to be set by a later absolute event.
    private(set) var absolutes: BucketSet = []
    /// Sums of the later deltas; right for buckets not replaced. Nil: beyond 64 bits.
    private(set) var sums: Buckets? = Buckets()

    init(touched: BucketSet) {
        self.touched = touched
    }

    /// Returns whether further entries can matter.
    mutating func add(_ effect: StockEffect) -> Bool {
        if effect.isAbsolute {
            absolutes.formUnion(effect.touched)
            replaced.formUnion(effect.touched.intersection(touched))
            return replaced != touched
        }
        for bucket in Bucket.allCases where effect.touched.contains(bucket) && touched.contains(bucket) {
            guard let sum = sums?[bucket].addingReportingOverflow(effect.values[bucket]), !sum.overflow else {
                sums = nil
                return false
            }
            sums?[bucket] = sum.partialValue
        }
        return true
    }
}
