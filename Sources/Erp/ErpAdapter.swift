public import Inventory

/// What an adapter can do. The dispatcher asks nothing of it beyond that.
public struct ErpCapabilities: Sendable, Equatable {
    /// The same reserve twice, by our id, holds once, and the first decision stands, a refusal as well. Otherwise an
    /// id without an answer is looked up first, and what is not found is only believed once nothing sent can still take effect (`latestEffectSeconds`).
    public var isIdempotent: Bool
    /// The lines of one reservation are held all or none.
    public var isAtomic: Bool
    /// Less than asked can be held, and a part of a hold can be given back.
    public var allowsPartial: Bool
    /// It wants to hear that the order is placed.
    public var takesCommits: Bool
    /// Holds in one call; 1: no batches.
    public var batchMax: Int
    /// How long after it was sent a call may still take effect at the ERP.
    public var latestEffectSeconds: Int
    /// A hold on a lot may be told it as a hold of so many units. Otherwise no lot is held at its locations.
    public var takesLots: Bool

    public init(
        isIdempotent: Bool, isAtomic: Bool, allowsPartial: Bool, takesCommits: Bool, batchMax: Int,
        latestEffectSeconds: Int, takesLots: Bool = true
    ) {
        self.takesLots = takesLots
        self.isIdempotent = isIdempotent
        self.isAtomic = isAtomic
        self.allowsPartial = allowsPartial
        self.takesCommits = takesCommits
        self.batchMax = batchMax
        self.latestEffectSeconds = latestEffectSeconds
    }
}

/// One line of a hold, in the ERP's terms.
public struct ErpHoldLine: Sendable, Equatable {
    public var lineID: UInt32
    public var sku: String
    /// Our location's id; the adapter's configuration says what the ERP calls it.
    public var location: String
    /// Units the ERP shall hold once the call is done: of a release what remains, 0 for nothing.
    public var quantity: Int64

    public init(lineID: UInt32, sku: String, location: String, quantity: Int64) {
        self.lineID = lineID
        self.sku = sku
        self.location = location
        self.quantity = quantity
    }
}

/// One reservation as far as one ERP is concerned.
public struct ErpHold: Sendable, Equatable {
    /// Ours, unique for ever: what the ERP must find it by again.
    public var reservationID: String
    public var channel: String
    public var customer: String
    public var orderReference: String
    /// Holding a part of the lines is welcome.
    public var allowsPartial: Bool
    public var lines: [ErpHoldLine]
    /// The ERP's own name for it, when it told one; else empty.
    public var erpReference: String

    public init(
        reservationID: String, channel: String, customer: String, orderReference: String, allowsPartial: Bool,
        lines: [ErpHoldLine], erpReference: String
    ) {
        self.reservationID = reservationID
        self.channel = channel
        self.customer = customer
        self.orderReference = orderReference
        self.allowsPartial = allowsPartial
        self.lines = lines
        self.erpReference = erpReference
    }
}

/// What came of one hold of a call.
public enum ErpReply: Sendable, Equatable {
    case answer(ErpAnswer)
    /// Surely without effect, and worth asking again: a conflict, a lock, an overload.
    case retry(String)
    /// Surely without effect, and a person is needed: an unknown sku, a forbidden method.
    case failed(String)
}

/// Why a whole call has no replies.
public enum ErpFailure: Error, Sendable, Equatable, CustomStringConvertible {
    /// Surely without effect: it never left, or the ERP turned it away at the door. Retriable.
    case notSent(String)
    /// Sent, and no answer came: it may take effect, now or later.
    case noAnswer(String)
    /// Surely without effect, and a person is needed: bad credentials, no such database.
    case misconfigured(String)

    public var description: String {
        switch self {
        case .notSent(let text): "not sent: \(text)"
        case .noAnswer(let text): "no answer: \(text)"
        case .misconfigured(let text): "misconfigured: \(text)"
        }
    }
}

/// A page of the ERP's figures, in the order of skus.
public struct ErpPositionPage: Sendable, Equatable {
    public var positions: [ErpPosition]
    /// The last sku of the page when there are more; nil after the last page.
    public var next: String?

    public init(positions: [ErpPosition], next: String?) {
        self.positions = positions
        self.next = next
    }
}

/// One ERP. The dispatcher sees to limits, retries, order and the circuit breaker; an adapter only translates. Every call
/// ends by `deadline`, one way or another.
///
/// Threads: calls may run side by side, never two about one reservation.
public protocol ErpAdapter: Sendable {
    var capabilities: ErpCapabilities { get }

    /// Has the lines held. One reply for each hold, in order: `.holds` names what is held now; a line that is not held in
    /// full says why. A hold without `allowsPartial` is held whole, or the ERP was left holding nothing of it.
    func reserve(_ holds: [ErpHold], deadline: ContinuousClock.Instant) async throws(ErpFailure) -> [ErpReply]

    /// Lets go, down to the lines' quantities. Of what it does not know: `.notFound`.
    func release(_ holds: [ErpHold], deadline: ContinuousClock.Instant) async throws(ErpFailure) -> [ErpReply]

    /// Tells that the orders are placed.
    func commit(_ holds: [ErpHold], deadline: ContinuousClock.Instant) async throws(ErpFailure) -> [ErpReply]

    /// Finds out by our ids what is held.
    func lookUp(_ holds: [ErpHold], deadline: ContinuousClock.Instant) async throws(ErpFailure) -> [ErpReply]

    /// The figures of some of our locations, after a sku (empty: from the first), at most `limit` skus.
    func readPositions(
        locations: [String], after sku: String, limit: Int, deadline: ContinuousClock.Instant
    ) async throws(ErpFailure) -> ErpPositionPage

    /// The figures of some skus at some of our locations, in the order of skus; what the ERP does not have is left out.
    func readPositions(
        skus: [String], locations: [String], deadline: ContinuousClock.Instant
    ) async throws(ErpFailure) -> [ErpPosition]

    /// What changed the figures of some of our locations behind a mark, or may have; at most `limit` records.
    ///
    /// A change may appear behind marks that were told before, by as long as the ERP took to commit it.
    func changes(
        at locations: [String], after mark: ErpChangeMark, limit: Int, deadline: ContinuousClock.Instant
    ) async throws(ErpFailure) -> ErpChangePage

    /// The newest change of some of our locations; nil: there is none yet.
    func newestChange(
        at locations: [String], deadline: ContinuousClock.Instant
    ) async throws(ErpFailure) -> ErpChangeMark?

    /// Answers when calls would have a chance.
    func checkHealth(deadline: ContinuousClock.Instant) async throws(ErpFailure)
}
