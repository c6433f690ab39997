/// The ledger's own number of a reservation: the sequence of its grant. Unique within an epoch.
public typealias ReservationNumber = UInt64

/// One held quantity of one sku at one location.
public struct ReservationLine: Sendable, Equatable {
    /// Unique within the reservation, from 1.
    public var id: UInt32
    public var sku: String
    /// Where it was sourced from.
    public var location: LocationNumber
    /// The lot that is held; empty: any.
    public var lot: String
    /// Units the caller asked for on this line; 0 for the further parts of a split line.
    public var requested: Int64
    /// Units granted.
    public var quantity: Int64
    /// Units still held: granted, less fulfilled and released.
    public var open: Int64
    public var committed: Int64 = 0
    public var fulfilled: Int64 = 0
    /// Given back, by release, expiry, partial commit or refusal.
    public var released: Int64 = 0
    /// Units that ran out with the reservation: what a reacquisition asks for again.
    public var lapsed: Int64 = 0
    /// Units of it that the position's figures contain: the ERP's figures as last applied were taken with this hold in
    /// them. Beyond `open` they are what `releasing` counts.
    public var contained: Int64 = 0
    /// Units of `fulfilled` that the ERP said it shipped and of which no shipment's event has come.
    public var shippedByErp: Int64 = 0
    /// The ERP that is told of it; empty: none.
    public var erp: String
    public var erpState: ErpState
    /// Units the ERP was last heard to hold.
    public var erpQuantity: Int64 = 0
    /// The ERP has yet to be told that the order is placed.
    public var isCommitDue = false
    /// A read of the ERP's figures lacked the hold: it has yet to be looked for. Goes with the answer, or with the hold.
    public var isMissed = false
    /// The ERP's own name for the hold; may be empty.
    public var erpReference = ""
    /// Why less was granted, or why the ERP refused: UPPER_SNAKE, optionally followed by `: ` and text.
    public var reason = ""

    public init(
        id: UInt32, sku: String, location: LocationNumber, lot: String = "", requested: Int64, quantity: Int64,
        erp: String
    ) {
        self.id = id
        self.lot = lot
        self.sku = sku
        self.location = location
        self.requested = requested
        self.quantity = quantity
        open = quantity
        self.erp = erp
        erpState = erp.isEmpty || quantity == 0 ? .notRequired : .pending
    }

    /// Closed units that the position's figures still contain.
    public var releasing: Int64 { max(0, contained - open) }

    /// Whether anything of it can still change a position or an ERP.
    public var isSettled: Bool { open == 0 && contained == 0 && !erpState.awaitsErp && !isCommitDue }

    /// The one rule of every hold: what was granted is open, shipped or given back.
    var isBalanced: Bool {
        quantity == open + fulfilled + released && open >= 0 && fulfilled >= 0 && released >= 0 && contained >= 0
    }
}

/// One change of a reservation.
public struct ReservationTransition: Sendable, Equatable {
    /// Ledger time.
    public var timeNanoseconds: WallNanoseconds
    /// Nil for the grant.
    public var from: ReservationState?
    public var to: ReservationState
    public var cause: ReservationCause
    /// The request or event behind it; may be empty.
    public var correlationID: String
    /// The ledger sequence of the commit.
    public var sequence: UInt64

    public init(
        timeNanoseconds: WallNanoseconds, from: ReservationState?, to: ReservationState, cause: ReservationCause,
        correlationID: String, sequence: UInt64
    ) {
        self.timeNanoseconds = timeNanoseconds
        self.from = from
        self.to = to
        self.cause = cause
        self.correlationID = correlationID
        self.sequence = sequence
    }
}

/// A hold on stock, and after the order was placed, the claim of that order.
///
/// All times are ledger time. Its changes are pure: `Reservation+Changes.swift` for what callers and the clock do,
/// `Reservation+Erp.swift` for what an ERP answers.
public struct Reservation: Sendable, Equatable {
    public var number: ReservationNumber
    /// The ledger's epoch when it was granted: a restored backup may give a number again, never with the same epoch.
    public var epoch: UInt64
    public var state: ReservationState
    public var channel: String
    public var customer: String
    public var orderReference: String
    public var createTimeNanoseconds: WallNanoseconds
    /// When it ends by itself; 0 once COMMITTED or terminal.
    public var expireTimeNanoseconds: WallNanoseconds
    /// The latest that an extension may reach.
    public var expireMaxNanoseconds: WallNanoseconds
    /// Rises with every change, from 1.
    public var version: UInt64
    /// The expired reservation that this one replaces, or the one that replaces it; 0: none.
    public var linkedNumber: ReservationNumber = 0
    public var linkedEpoch: UInt64 = 0
    /// Less than asked may be held, here and at the ERP.
    public var allowsPartial: Bool
    public var writeMode: WriteMode
    public var lines: [ReservationLine]
    /// Oldest first; at most `Limits.reservationHistoryMax`, of which the first is always the grant.
    public var history: [ReservationTransition]

    public init(
        number: ReservationNumber, epoch: UInt64, channel: String, customer: String, orderReference: String,
        createTimeNanoseconds: WallNanoseconds, expireTimeNanoseconds: WallNanoseconds,
        expireMaxNanoseconds: WallNanoseconds, allowsPartial: Bool, writeMode: WriteMode, lines: [ReservationLine]
    ) {
        self.number = number
        self.epoch = epoch
        state = .active
        self.channel = channel
        self.customer = customer
        self.orderReference = orderReference
        self.createTimeNanoseconds = createTimeNanoseconds
        self.expireTimeNanoseconds = expireTimeNanoseconds
        self.expireMaxNanoseconds = expireMaxNanoseconds
        version = 0
        self.allowsPartial = allowsPartial
        self.writeMode = writeMode
        self.lines = lines
        history = []
    }

    /// The name that callers know it by.
    public var id: String { ReservationID.text(number: number, epoch: epoch) }

    /// The worst of its lines.
    public var erpState: ErpState {
        lines.map(\.erpState).max { $0.badness < $1.badness } ?? .notRequired
    }

    public var open: Int64 { lines.reduce(0) { $0 + $1.open } }

    /// Whether anything of it can still change a position or an ERP.
    public var isSettled: Bool { state.isTerminal && lines.allSatisfy(\.isSettled) }

    /// Whether its time has run out, swept or not.
    public func isDue(at ledgerNanoseconds: WallNanoseconds) -> Bool {
        state == .active && expireTimeNanoseconds <= ledgerNanoseconds
    }

    /// Notes a change: the version rises, the history grows.
    public mutating func note(
        _ cause: ReservationCause, from: ReservationState?, at moment: ReservationMoment
    ) {
        version += 1
        history.append(
            ReservationTransition(
                timeNanoseconds: moment.ledgerNanoseconds, from: from, to: state, cause: cause,
                correlationID: moment.correlationID, sequence: moment.sequence))
        // The grant stays; of the rest the oldest go.
        if history.count > Limits.reservationHistoryMax { history.remove(at: 1) }
    }
}

/// When and for whom a change is made.
public struct ReservationMoment: Sendable {
    public var ledgerNanoseconds: WallNanoseconds
    public var sequence: UInt64
    public var correlationID: String

    public init(ledgerNanoseconds: WallNanoseconds, sequence: UInt64, correlationID: String) {
        self.ledgerNanoseconds = ledgerNanoseconds
        self.sequence = sequence
        self.correlationID = correlationID
    }
}

/// A reservation's name outside: `r-<epoch>-<number>`, both in base 32 of digits and lower-case letters.
public enum ReservationID {
    public static func text(number: ReservationNumber, epoch: UInt64) -> String {
        "r-\(String(epoch, radix: 32))-\(String(number, radix: 32))"
    }

    /// Nil for what cannot be an id of ours.
    public static func parse(_ text: String) -> (number: ReservationNumber, epoch: UInt64)? {
        let parts = text.split(separator: "-", omittingEmptySubsequences: false)
        guard parts.count == 3, parts[0] == "r", let epoch = UInt64(parts[1], radix: 32),
            let number = UInt64(parts[2], radix: 32), self.text(number: number, epoch: epoch) == text
        else { return nil }
        return (number, epoch)
    }
}

extension Reservation {
    /// The first of its own rules that does not hold; nil: all do.
    public var problem: String? {
        if let line = lines.first(where: { !$0.isBalanced }) { return "the units of line \(line.id) do not add up" }
        if state.isTerminal && open != 0 { return "it is over and still holds \(open)" }
        if !state.isTerminal && open == 0 { return "it is not over and holds nothing" }
        if (state == .active) != (expireTimeNanoseconds != 0) { return "only an ACTIVE one expires" }
        if Set(lines.map(\.id)).count != lines.count { return "two lines have one id" }
        return nil
    }
}
