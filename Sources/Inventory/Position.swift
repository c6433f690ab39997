/// What is known of one sku at one location.
public struct Position: Sendable, Equatable {
    public var buckets = Buckets()
    /// The ledger sequence of the last change.
    public var sequence: UInt64 = 0
    /// When the newest event placed here occurred; 0 when there was none.
    public var authoritativeTimeNanoseconds: WallNanoseconds = 0
    /// Who sent that event; 0 when there was none, or when several sources did at that very time.
    public var authoritativeSource: SourceNumber = 0
    /// When the next open hold expires; 0 when none does. Only past it does a reader walk the position's holds.
    public var nextExpiryNanoseconds: WallNanoseconds = 0
    /// The greatest `OrderKey.primary` applied to this position; `Int64.min` before the first. An event beyond it is in
    /// order and needs no look at the journal.
    public var newestPrimary: Int64 = .min
    /// The greatest `OrderKey.primary` of an absolute event applied to this position; `Int64.min` before the first. A
    /// late difference beyond it needs no look at the journal either.
    public var newestAbsolutePrimary: Int64 = .min
    /// Journal entries up to and including this `OrderKey.primary` are pruned: an event at or below it can no longer be
    /// placed and is TOO_OLD. `Int64.min` while nothing is pruned.
    public var prunedThroughPrimary: Int64 = .min

    public init() {}

    /// on_hand − quarantined − damaged − allocated − reserved − releasing − safety_stock; signed.
    public var sellable: Int64 { StockFigures(self).sellable() }

    /// By how many units our open holds exceed what is there; 0 when they do not.
    public var shortfall: Int64 { max(0, min(buckets[.reserved], -sellable)) }
}
