/// Where a reservation stands. ACTIVE and COMMITTED hold stock; the other four are terminal, for ever. Raw values are the
/// contract's and are stored: fixed.
public enum ReservationState: UInt8, Sendable, Equatable, CaseIterable {
    /// Held until it expires.
    case active = 1
    /// The order is placed; it no longer expires.
    case committed = 2
    /// Everything open was shipped.
    case fulfilled = 3
    /// Given back.
    case released = 4
    /// Its time ran out.
    case expired = 5
    /// The ERP said no.
    case rejected = 6

    public var isTerminal: Bool { self != .active && self != .committed }

    /// Ended by our clock or by the ERP's word, not by what anybody decided of the goods.
    public var isLost: Bool { self == .expired || self == .rejected }

    /// The contract's name.
    public var name: String {
        switch self {
        case .active: "ACTIVE"
        case .committed: "COMMITTED"
        case .fulfilled: "FULFILLED"
        case .released: "RELEASED"
        case .expired: "EXPIRED"
        case .rejected: "REJECTED"
        }
    }
}

/// What the ERP knows of a hold. Raw values are the contract's and are stored: fixed.
public enum ErpState: UInt8, Sendable, Equatable, CaseIterable {
    /// Not yet sent, or sent and not yet answered.
    case pending = 1
    /// The ERP holds it too.
    case confirmed = 2
    /// The ERP refused.
    case rejected = 3
    /// Asked, no answer; it is looked up by our id before it is asked again.
    case unknown = 4
    /// Its release waits for the ERP's answer.
    case releasePending = 5
    /// The ERP has let go.
    case released = 6
    /// No ERP is asked about this location.
    case notRequired = 7

    /// A reservation shows the worst of its lines: the greatest of these.
    var badness: Int {
        switch self {
        case .notRequired: 0
        case .released: 1
        case .confirmed: 2
        case .releasePending: 3
        case .pending: 4
        case .unknown: 5
        case .rejected: 6
        }
    }

    /// Whether the ERP has yet to be told or asked something about the hold itself.
    public var awaitsErp: Bool { self == .pending || self == .unknown || self == .releasePending }
}

/// Why a reservation changed, by the contract's names. Raw values are stored: fixed.
public enum ReservationCause: UInt8, Sendable, Equatable, CaseIterable {
    case granted = 1
    case extended = 2
    case committed = 3
    case released = 4
    case expired = 5
    case erpConfirmed = 6
    case erpRejected = 7
    case erpRefusedAfterCommit = 8
    case erpUnknown = 9
    case erpNotFound = 10
    case erpReleased = 11
    case erpCancelled = 12
    case erpShipped = 13
    case shipped = 14
    case reacquired = 15
    /// The order, or the hold's place in a read of the ERP's figures, became known to the ERP.
    case erpCommitted = 16

    /// The contract's name.
    public var name: String {
        switch self {
        case .granted: "GRANTED"
        case .extended: "EXTENDED"
        case .committed: "COMMITTED"
        case .released: "RELEASED"
        case .expired: "EXPIRED"
        case .erpConfirmed: "ERP_CONFIRMED"
        case .erpRejected: "ERP_REJECTED"
        case .erpRefusedAfterCommit: "ERP_REFUSED_AFTER_COMMIT"
        case .erpUnknown: "ERP_UNKNOWN"
        case .erpNotFound: "ERP_NOT_FOUND"
        case .erpReleased: "ERP_RELEASED"
        case .erpCancelled: "ERP_CANCELLED"
        case .erpShipped: "ERP_SHIPPED"
        case .shipped: "SHIPPED"
        case .reacquired: "REACQUIRED"
        case .erpCommitted: "ERP_COMMITTED"
        }
    }
}
