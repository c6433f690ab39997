public import Inventory
internal import Ledger

/// By whom, and under which id, something is asked.
public struct RequestIdentity: Sendable {
    /// The idempotency key within tenant, channel and method.
    public var requestID: String
    /// Of the request's meaning: the same id with another digest is refused.
    public var bodyDigest: UInt64
    /// For the history.
    public var correlationID: String

    public init(requestID: String, bodyDigest: UInt64, correlationID: String) {
        self.requestID = requestID
        self.bodyDigest = bodyDigest
        self.correlationID = correlationID
    }
}

/// A wished hold, its texts and figures checked.
public struct ReservationWish: Sendable {
    public var channelID: String
    public var lines: [GrantLine]
    /// Nil: the channel's default.
    public var ttlNanoseconds: Int64?
    public var orderReference: String
    public var customer: String
    public var allowsPartial: Bool

    public init(
        channelID: String, lines: [GrantLine], ttlNanoseconds: Int64?, orderReference: String, customer: String,
        allowsPartial: Bool
    ) {
        self.channelID = channelID
        self.lines = lines
        self.ttlNanoseconds = ttlNanoseconds
        self.orderReference = orderReference
        self.customer = customer
        self.allowsPartial = allowsPartial
    }
}

/// What is to become of a reservation.
public enum ReservationChangeKind: Sendable {
    /// Nil: the channel's default.
    case extend(ttlNanoseconds: Int64?)
    /// Without quantities: everything open.
    case commit([LineQuantity], reacquires: Bool, orderReference: String)
    /// Without quantities: everything open.
    case release([LineQuantity])

    var method: RequestMethod {
        switch self {
        case .extend: .extend
        case .commit: .commit
        case .release: .release
        }
    }
}

/// A change of one reservation.
public struct ReservationChangeWish: Sendable {
    public var number: ReservationNumber
    public var epoch: UInt64
    /// Nil: any.
    public var expectedVersion: UInt64?
    public var kind: ReservationChangeKind

    public init(number: ReservationNumber, epoch: UInt64, expectedVersion: UInt64?, kind: ReservationChangeKind) {
        self.number = number
        self.epoch = epoch
        self.expectedVersion = expectedVersion
        self.kind = kind
    }
}

/// Lines of holds that a read of an ERP's figures lacked.
public struct MissedHolds: Sendable {
    public var erp: String
    /// When the read was begun: ledger time.
    public var askedNanoseconds: WallNanoseconds
    public var lines: [ReservationNumber: Set<UInt32>]

    public init(erp: String, askedNanoseconds: WallNanoseconds, lines: [ReservationNumber: Set<UInt32>]) {
        self.erp = erp
        self.askedNanoseconds = askedNanoseconds
        self.lines = lines
    }
}

/// What an ERP answered about one reservation.
public struct ErpOutcome: Sendable {
    public var number: ReservationNumber
    public var erp: String
    public var kind: ErpWriteKind
    public var answer: ErpAnswer
    /// The call, for the history; may be empty.
    public var correlationID: String
    /// Units of each line that were shipped when the ERP was asked.
    public var shippedWhenAsked: [UInt32: Int64]

    public init(
        number: ReservationNumber, erp: String, kind: ErpWriteKind, answer: ErpAnswer, correlationID: String = "",
        shippedWhenAsked: [UInt32: Int64] = [:]
    ) {
        self.shippedWhenAsked = shippedWhenAsked
        self.number = number
        self.erp = erp
        self.kind = kind
        self.answer = answer
        self.correlationID = correlationID
    }
}

/// A reservation as it stands after a command.
public struct ReservationReply: Sendable {
    public var reservation: Reservation
    /// The ledger sequence at which it stands so.
    public var sequence: UInt64
    /// The epoch of `sequence`.
    public var epoch: UInt64
    /// How long the caller would wait for the ERP at most, by the channel's policy; nil: as long as it can.
    public var erpWaitMaxNanoseconds: Int64?

    public init(reservation: Reservation, sequence: UInt64, epoch: UInt64, erpWaitMaxNanoseconds: Int64?) {
        self.epoch = epoch
        self.reservation = reservation
        self.sequence = sequence
        self.erpWaitMaxNanoseconds = erpWaitMaxNanoseconds
    }

    /// Whether the ERP has yet to say whether it holds.
    public var awaitsDecision: Bool {
        reservation.writeMode == .through
            && reservation.lines.contains { $0.erpState == .pending || $0.erpState == .unknown }
    }
}
