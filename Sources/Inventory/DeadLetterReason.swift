/// Why an event could not be applied. Raw values are those of the contract.
public enum DeadLetterReason: String, Sendable, CaseIterable {
    /// A field is missing, too long, malformed or out of its range.
    case invalidField = "INVALID_FIELD"
    /// The id was used before, with another body.
    case idReused = "ID_REUSED"
    /// Behind the horizon, or its place in the journal is pruned.
    case tooOld = "TOO_OLD"
    /// Another source owns a bucket it touches.
    case notOwner = "NOT_OWNER"
    /// It claims to have happened too far ahead of our clock.
    case clockSkew = "CLOCK_SKEW"
    case unknownLocation = "UNKNOWN_LOCATION"
    case lotNotSupported = "LOT_NOT_SUPPORTED"
    case typeNotSupported = "TYPE_NOT_SUPPORTED"
    /// A bucket would leave its range.
    case outOfRange = "OUT_OF_RANGE"
    /// The credential may not speak for the source.
    case sourceForbidden = "SOURCE_FORBIDDEN"
}

/// An event's way to the dead letters.
public struct EventRejection: Error, Sendable, Equatable, CustomStringConvertible {
    public let reason: DeadLetterReason
    /// For people: the field and its limit.
    public let message: String

    public init(_ reason: DeadLetterReason, _ message: String) {
        self.reason = reason
        self.message = message
    }

    /// As in an event's result, such as `INVALID_FIELD: sku: at most 64 bytes, has 80`.
    public var description: String { "\(reason.rawValue): \(message)" }
}
