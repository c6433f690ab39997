/// What an answer needs of a position: its buckets summed as far as every channel sums them, and who vouches for it.
///
/// The read path takes these from the ledger's record or from the hot table; `LineEvaluation` cannot tell which.
public struct StockFigures: Sendable, Equatable, BitwiseCopyable {
    /// on_hand − quarantined − damaged − allocated − reserved − releasing, in units; signed.
    public var unreserved: Int64
    /// The position's own safety stock, in units.
    public var safetyStock: Int64
    /// Arriving by transfer, in units.
    public var inTransit: Int64
    /// See `Position.authoritativeTimeNanoseconds`.
    public var authoritativeTimeNanoseconds: WallNanoseconds
    /// See `Position.authoritativeSource`.
    public var authoritativeSource: SourceNumber
    /// Whether any channel holds units there. Holds run out by themselves, and a share counts the channel's own.
    public var hasHolds: Bool

    public init(
        unreserved: Int64, safetyStock: Int64, inTransit: Int64, authoritativeTimeNanoseconds: WallNanoseconds,
        authoritativeSource: SourceNumber, hasHolds: Bool = false
    ) {
        self.hasHolds = hasHolds
        self.unreserved = unreserved
        self.safetyStock = safetyStock
        self.inTransit = inTransit
        self.authoritativeTimeNanoseconds = authoritativeTimeNanoseconds
        self.authoritativeSource = authoritativeSource
    }

    public init(_ position: borrowing Position) {
        unreserved =
            position.buckets[.onHand] &- position.buckets[.quarantined] &- position.buckets[.damaged]
            &- position.buckets[.allocated] &- position.buckets[.reserved] &- position.buckets[.releasing]
        safetyStock = position.buckets[.safetyStock]
        inTransit = position.buckets[.inTransit]
        authoritativeTimeNanoseconds = position.authoritativeTimeNanoseconds
        authoritativeSource = position.authoritativeSource
        hasHolds = position.buckets[.reserved] != 0
    }

    /// What is left for selling, with the larger of the position's own safety stock and a channel's; signed.
    public func sellable(safetyStockAtLeast floor: Int64 = 0) -> Int64 {
        unreserved &- max(safetyStock, floor)
    }
}
