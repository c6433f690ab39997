/// The sources' watermarks as they stood at one ledger sequence. Immutable; any thread may read it.
public final class SourceWatermarks: Sendable {
    let table: Table<WallNanoseconds>

    /// `watermarks[n]` is that of the source with number n; element 0 belongs to nobody. 0: never vouched.
    public init(_ watermarks: [WallNanoseconds]) {
        table = Table(watermarks)
    }

    deinit { table.deallocate() }

    /// Up to where the source vouches for its locations; 0 for number 0 and for an unknown source.
    public subscript(_ source: SourceNumber) -> WallNanoseconds { table.watermark(of: source) }
}

extension Table where Element == WallNanoseconds {
    func watermark(of source: SourceNumber) -> WallNanoseconds {
        source != 0 && Int(source) < count ? self[Int(source)] : 0
    }
}
