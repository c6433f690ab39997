/// What a source says of one supply: so many units are still to come, and when.
public struct SupplyFigure: Sendable, Equatable {
    public var occurredAtNanoseconds: WallNanoseconds
    public var source: SourceDigest
    /// The event's id.
    public var id: String
    /// Units still to come at that time, 0 or more; 0 when it is cancelled.
    public var quantity: Int64
    /// When they are expected; 0 when it is cancelled.
    public var expectedAtNanoseconds: WallNanoseconds
    /// Units of it that are promised already, 0 or more.
    public var backordered: Int64
    public var isCancelled: Bool

    public init(
        occurredAtNanoseconds: WallNanoseconds, source: SourceDigest, id: String, quantity: Int64,
        expectedAtNanoseconds: WallNanoseconds, backordered: Int64 = 0, isCancelled: Bool = false
    ) {
        self.occurredAtNanoseconds = occurredAtNanoseconds
        self.source = source
        self.id = id
        self.quantity = quantity
        self.expectedAtNanoseconds = expectedAtNanoseconds
        self.backordered = backordered
        self.isCancelled = isCancelled
    }

    /// At the same time what is cancelled wins: less is promised.
    func isNewer(than other: SupplyFigure) -> Bool {
        if occurredAtNanoseconds != other.occurredAtNanoseconds {
            return occurredAtNanoseconds > other.occurredAtNanoseconds
        }
        if isCancelled != other.isCancelled { return isCancelled }
        if source != other.source { return source > other.source }
        return other.id.utf8.lexicographicallyPrecedes(id.utf8)
    }
}

/// Goods of a supply that came in.
public struct SupplyReceipt: Sendable, Equatable {
    public var occurredAtNanoseconds: WallNanoseconds
    /// Its event's place on the position's time line.
    public var key: OrderKey
    /// 1 or more.
    public var units: Int64
    /// Whether its source may move `incoming` of the position.
    public var mayLowerIncoming: Bool
    /// What of it stands on the time line of `incoming` now: 0 or less.
    public var effect: Int64 = 0
    /// Its place there is pruned, or full: the effect stays what it is.
    public var isFixed = false

    public init(occurredAtNanoseconds: WallNanoseconds, key: OrderKey, units: Int64, mayLowerIncoming: Bool) {
        self.occurredAtNanoseconds = occurredAtNanoseconds
        self.key = key
        self.units = units
        self.mayLowerIncoming = mayLowerIncoming
    }
}

/// One supply of a position: the newest figure that was told of it, and what came in since. The same events come to the
/// same line, whatever the order they arrive in.
///
/// Figures and receipts mostly have different sources, the ERP and the warehouse, so they are ordered by when they
/// occurred, also where a source is ordered by sequence. At the same time a receipt is in the figure.
public struct SupplyLine: Sendable, Equatable {
    /// Nil: only receipts name it so far.
    public private(set) var figure: SupplyFigure?
    /// Those after the figure, by time and key.
    public private(set) var receipts: [SupplyReceipt] = []
    /// Receipts up to this time are not told apart any more.
    public private(set) var foldedThroughNanoseconds: WallNanoseconds = 0
    /// Units of those that were after the figure. A later figure from among them counts all of them as after it: less
    /// is promised.
    public private(set) var foldedUnits: Int64 = 0

    public init() {}

    /// As read from the ledger.
    public init(
        figure: SupplyFigure?, receipts: [SupplyReceipt], foldedThroughNanoseconds: WallNanoseconds, foldedUnits: Int64
    ) {
        self.figure = figure
        self.receipts = receipts
        self.foldedThroughNanoseconds = foldedThroughNanoseconds
        self.foldedUnits = foldedUnits
    }

    /// False: a newer figure is known, and nothing was changed. `compact` must follow.
    public mutating func tell(_ told: SupplyFigure) -> Bool {
        if let figure, !told.isNewer(than: figure) { return false }
        figure = told
        if told.occurredAtNanoseconds >= foldedThroughNanoseconds { foldedUnits = 0 }
        return true
    }

    /// Counts in a receipt that is not in it. `compact` must follow.
    public mutating func receive(_ receipt: SupplyReceipt) {
        let place = receipts.firstIndex { Self.isBefore(receipt, $0) } ?? receipts.count
        receipts.insert(receipt, at: place)
    }

    private static func isBefore(_ left: SupplyReceipt, _ right: SupplyReceipt) -> Bool {
        (left.occurredAtNanoseconds, left.key) < (right.occurredAtNanoseconds, right.key)
    }

    /// What a receipt should do to the position's undated `incoming`: it lowers it as long as nobody tells of the supply,
    /// and the supply itself from then on.
    public func wantedEffect(of receipt: SupplyReceipt) -> Int64 {
        if receipt.isFixed { return receipt.effect }
        return figure == nil && receipt.mayLowerIncoming ? -receipt.units : 0
    }

    public mutating func setEffect(_ units: Int64, at index: Int) { receipts[index].effect = units }

    public mutating func fix(at index: Int) { receipts[index].isFixed = true }

    /// Forgets the receipts that are in the figure, and tells the earliest apart no longer when they are too many. To be
    /// called once their effects are what they should be.
    public mutating func compact(receiptsMax: Int = Limits.receiptsPerSupplyMax) {
        if let figure { receipts.removeAll { $0.occurredAtNanoseconds <= figure.occurredAtNanoseconds } }
        while receipts.count > receiptsMax {
            let first = receipts.removeFirst()
            // No figure is as great: beyond it nothing is open whatever comes.
            foldedUnits = min(Limits.bucketMax, foldedUnits + first.units)
            foldedThroughNanoseconds = max(foldedThroughNanoseconds, first.occurredAtNanoseconds)
        }
    }

    /// Units still to come; 0 as long as nobody told of it.
    public var open: Int64 {
        guard let figure else { return 0 }
        return max(0, receipts.reduce(figure.quantity - foldedUnits) { $0 - $1.units })
    }

    /// What it brings, and when; nil: nothing.
    public var dated: DatedSupply? {
        guard let figure, open > 0 || figure.backordered > 0 else { return nil }
        return DatedSupply(
            timeNanoseconds: figure.expectedAtNanoseconds, incoming: open, backordered: figure.backordered)
    }

    /// Whether it is closed and nothing of it happened since a time: then no event within a horizon that begins there can
    /// need it.
    public func isOver(beforeNanoseconds time: WallNanoseconds) -> Bool {
        let newest = max(
            figure?.occurredAtNanoseconds ?? 0, foldedThroughNanoseconds, receipts.last?.occurredAtNanoseconds ?? 0)
        return open == 0 && newest < time
    }
}
