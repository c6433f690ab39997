/// Tenants, locations and sources are known by name outside and by a small number inside, so that keys stay short and
/// tables can be arrays. The ledger assigns the numbers, from 1, and never reuses one.
public typealias TenantNumber = UInt16
/// See `TenantNumber`.
public typealias LocationNumber = UInt16
/// See `TenantNumber`.
public typealias ChannelNumber = UInt16
/// See `TenantNumber`. 0 stands for "no source".
public typealias SourceNumber = UInt16

/// A source in an order of events: made of its name alone, so that ties fall the same way whichever source came first.
/// A `SourceNumber` would depend on that.
public typealias SourceDigest = UInt64

/// Wall time in nanoseconds since 1970-01-01T00:00:00Z; 0 stands for "never".
public typealias WallNanoseconds = Int64

extension WallNanoseconds {
    public static var perSecond: Int64 { 1_000_000_000 }
    public static var perMillisecond: Int64 { 1_000_000 }
}
