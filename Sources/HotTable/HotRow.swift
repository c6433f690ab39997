public import Inventory
internal import Synchronization

/// Where a sku's row lies and how it is laid out, in words:
///
///     0        hash 32 bits | locations 16 | sku bytes 8 | flags 8
///     1 …      the sku, filled up with zeros
///     then, for each location, `HotRow.wordsPerLocation`:
///     0        unreserved i32 | safety stock i32
///     1        in transit i32 | has holds 1 bit | location 15 bits | authoritative source u16
///     2        authoritative time i64
///
/// Rows begin at multiples of eight words, a cache line. Readable until the table's version changes.
@safe
public struct HotRow {
    static let wordsPerLine = 8
    static let wordsPerLocation = 3
    /// Beyond it a row says that the ledger must be asked: such a sku is rare and its row would be moved too often.
    static let locationsMax = 1_000
    static let linesMax = lines(locations: locationsMax, skuWords: 8)

    // Into the table's memory, which outlives every reader and goes on for `linesMax` lines behind the last row: so a
    // header that no longer belongs to its row never leads outside.
    private let words: UnsafePointer<Atomic<UInt64>>
    /// How many locations the sku has.
    public let count: Int

    /// `words` begins with `header`.
    @inline(__always)
    init(_ words: UnsafePointer<Atomic<UInt64>>, header: HotRowHeader) {
        unsafe self.words = unsafe words + (1 + SkuWords.count(bytes: header.skuBytes))
        count = header.locations
    }

    /// The location's number, and what an answer needs of it. `index` is below `count`.
    @inline(__always)
    public func figures(at index: Int) -> (location: LocationNumber, figures: StockFigures) {
        let place = unsafe words + index * HotRow.wordsPerLocation
        return unsafe HotRow.decode(
            place.pointee.load(ordering: .relaxed), (place + 1).pointee.load(ordering: .relaxed),
            (place + 2).pointee.load(ordering: .relaxed))
    }

    @inline(__always)
    static func decode(
        _ units: UInt64, _ place: UInt64, _ time: UInt64
    ) -> (location: LocationNumber, figures: StockFigures) {
        let figures = StockFigures(
            unreserved: Int64(Int32(truncatingIfNeeded: units)),
            safetyStock: Int64(Int32(truncatingIfNeeded: units >> 32)),
            inTransit: Int64(Int32(truncatingIfNeeded: place)),
            authoritativeTimeNanoseconds: Int64(bitPattern: time),
            authoritativeSource: SourceNumber(truncatingIfNeeded: place >> 48), hasHolds: place & hasHoldsFlag != 0)
        return (location(of: place), figures)
    }

    private static let hasHoldsFlag: UInt64 = 1 << 47

    /// A location's number is below `Limits.locationsMax`, so its first bit is free.
    @inline(__always)
    static func location(of place: UInt64) -> LocationNumber {
        LocationNumber(truncatingIfNeeded: place >> 32) & 0x7FFF
    }

    /// Nil when a figure does not fit: the ledger must then be asked.
    static func encode(_ location: LocationNumber, _ figures: StockFigures) -> (UInt64, UInt64, UInt64)? {
        guard let unreserved = Int32(exactly: figures.unreserved), let safety = Int32(exactly: figures.safetyStock),
            let inTransit = Int32(exactly: figures.inTransit)
        else { return nil }
        return (
            UInt64(UInt32(bitPattern: unreserved)) | UInt64(UInt32(bitPattern: safety)) << 32,
            UInt64(UInt32(bitPattern: inTransit)) | UInt64(location & 0x7FFF) << 32
                | (figures.hasHolds ? hasHoldsFlag : 0) | UInt64(figures.authoritativeSource) << 48,
            UInt64(bitPattern: figures.authoritativeTimeNanoseconds)
        )
    }

    /// Cache lines that a row is given. Long rows have up to a quarter to spare, so that one that grows by and by is
    /// seldom moved.
    static func lines(locations: Int, skuWords: Int) -> Int {
        let needed = (1 + skuWords + locations * wordsPerLocation + wordsPerLine - 1) / wordsPerLine
        if needed <= 4 { return needed }
        let step = (1 << (Int.bitWidth - 1 - needed.leadingZeroBitCount)) / 4
        return (needed + step - 1) / step * step
    }
}

/// The first word of a row.
struct HotRowHeader: Equatable {
    private static let askLedgerFlag: UInt64 = 1 << 56

    let rawValue: UInt64

    @inline(__always)
    init(rawValue: UInt64) {
        self.rawValue = rawValue
    }

    init(hash: UInt32, locations: Int, skuBytes: Int, asksLedger: Bool) {
        rawValue =
            UInt64(hash) | UInt64(locations) << 32 | UInt64(skuBytes) << 48
            | (asksLedger ? HotRowHeader.askLedgerFlag : 0)
    }

    @inline(__always)
    var hash: UInt32 { UInt32(truncatingIfNeeded: rawValue) }
    @inline(__always)
    var locations: Int { Int(rawValue >> 32 & 0xFFFF) }
    @inline(__always)
    var skuBytes: Int { Int(rawValue >> 48 & 0xFF) }
    /// The row holds no figures: they do not fit.
    @inline(__always)
    var asksLedger: Bool { rawValue & HotRowHeader.askLedgerFlag != 0 }
}
