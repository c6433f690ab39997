/// Who vouches for a position's figures, and until when: the one rule of how old figures are.
public struct Vouched: Sendable, Equatable, BitwiseCopyable {
    /// The source that owns the location, or else the one that last told of the position; 0: nobody alone.
    public let source: SourceNumber
    /// The later of the position's own authoritative time and that source's watermark; 0: never.
    public let untilNanoseconds: WallNanoseconds

    /// - Parameter owner: of the location; 0: it has none.
    @inline(__always)
    init(
        authoritativeTimeNanoseconds: WallNanoseconds, authoritativeSource: SourceNumber, owner: SourceNumber,
        watermarks: Table<WallNanoseconds>
    ) {
        source = owner != 0 ? owner : authoritativeSource
        untilNanoseconds = max(authoritativeTimeNanoseconds, watermarks.watermark(of: source), 0)
    }

    public init(_ figures: StockFigures, owner: SourceNumber, watermarks: SourceWatermarks) {
        self.init(
            authoritativeTimeNanoseconds: figures.authoritativeTimeNanoseconds,
            authoritativeSource: figures.authoritativeSource, owner: owner, watermarks: watermarks.table)
    }

    /// How old the figures are; never negative.
    @inline(__always)
    public func ageNanoseconds(nowNanoseconds: WallNanoseconds) -> Int64 { max(0, nowNanoseconds - untilNanoseconds) }
}
