/// What an available quantity means for the quantity asked. Raw values are those of the contract.
public enum AvailabilityStatus: Int, Sendable, Equatable, BitwiseCopyable {
    case inStock = 1
    /// More than 0 but less than asked; or no single location can serve it and splitting is forbidden.
    case limited = 2
    case outOfStock = 3
    /// No event has ever named the sku.
    case unknownSku = 4
    /// Stock exists; policy or the figures' age keeps it back.
    case withheld = 5
}

/// A location whose figures are too old for a call to go on: UNAVAILABLE / STALE_DATA.
public struct StaleRefusal: Sendable, Equatable, BitwiseCopyable {
    public let location: LocationNumber
    public let ageNanoseconds: Int64
    /// The age that was allowed: the smaller of the channel's and the caller's.
    public let thresholdNanoseconds: Int64
}

/// What a channel may sell of one line.
public struct LineAnswer: Sendable, Equatable, BitwiseCopyable {
    /// Units, 0 or more.
    public let available: Int64
    public let status: AvailabilityStatus
    /// Whether any considered location's figures are beyond their threshold.
    public let isStale: Bool
    /// Age of the oldest considered figures; 0 when no location was considered.
    public let ageMilliseconds: Int64
    /// When present, the call must fail and the rest of the answer must not be used.
    public let refused: StaleRefusal?
}
