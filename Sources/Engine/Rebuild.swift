public import Inventory
internal import Ledger

/// The figures of all positions made anew, beside those that answer. A document in the ledger, so that it goes on after a
/// restart.
public struct Rebuild: Sendable, Equatable, Codable {
    public enum State: String, Sendable, Codable {
        /// Its steps are read; what is published meanwhile goes into both.
        case filling
        /// Everything was read; it keeps up with the running figures.
        case ready
        /// Its figures answer.
        case switched
        case abandoned
        /// It could not be filled.
        case failed

        /// Whether it is neither switched to nor given up.
        public var isOpen: Bool { self == .filling || self == .ready }
    }

    public var id: String
    public var state = State.filling
    public var createTimeNanoseconds: WallNanoseconds
    /// 0: not yet.
    public var endTimeNanoseconds: WallNanoseconds = 0
    public var reason: String
    /// Who began it.
    public var actor: String
    /// What was written to the feeds at this time or later is read; 0: everything.
    public var fromTimeNanoseconds: WallNanoseconds
    /// In the order they are read.
    public var steps: [RebuildStep]
    public var switchesWhenReady: Bool
    /// Positions it holds.
    public var positions: UInt64 = 0
    /// How its positions differed from the running ones when they were last compared; nil: not yet.
    public var differences: RebuildDifferences?
    /// Events that were published meanwhile and taken in here, too.
    public var published: UInt64 = 0
    /// Of those, the ones that only the running figures took; and of all events taken in here, those that are not wholly in.
    public var refusals = RebuildRefusals()
    /// Why it failed; empty otherwise.
    public var error = ""
    /// The number that its rows begin with.
    var figures: TenantNumber = 0
    /// Figures that answer no more, whose rows are still to be deleted; 0: none.
    var leftFigures: TenantNumber = 0
    /// The holds of reservations up to this number are beside its positions; changes of others are not followed yet.
    var holdsCopiedThrough: ReservationNumber = 0
    /// What is stored of the figures that do not answer.
    var rows = FiguresRows()
    /// Repairs of the running figures that are to be made here as well, once everything is read.
    public internal(set) var repairsWaiting: UInt64 = 0

    /// Whether every hold is beside its positions.
    public var hasAllHolds: Bool { holdsCopiedThrough == .max }
    /// Whether rows of figures that answer no more are still to be deleted.
    public var hasRowsLeft: Bool { leftFigures != 0 }
    /// Positions that differed when they were last compared.
    public var differingPositions: UInt64 { differences?.positions ?? 0 }
    /// Of those, the ones that would have more to sell.
    public var risingPositions: UInt64 { differences?.rising ?? 0 }
    /// Events that are not in it, or not wholly, by reason.
    public var allRefusals: RebuildRefusals { steps.reduce(into: refusals) { $0.add($1.refusals) } }
    /// Whether somebody must have looked before it answers: events are missing, or more would be sold somewhere.
    public var needsAcceptance: Bool {
        !refusals.isEmpty || steps.contains { $0.refused > 0 } || differences.map { $0.rising > 0 } ?? true
    }
    /// Positions that are stored and do not answer.
    public var silentPositions: UInt64 { rows.positions }
    /// The same, of those whose stock is below their holds.
    public var silentShortPositions: UInt64 { rows.shortPositions }
}

/// How far one feed or ERP of a rebuild has been read.
public struct RebuildStep: Sendable, Equatable, Codable {
    public enum Kind: String, Sendable, Codable {
        case feed
        case erp
    }

    /// The feed's or the ERP's id.
    public var id: String
    public var kind: Kind
    /// Events or positions taken in so far.
    public var taken: UInt64 = 0
    /// Of those, the ones that no figure came of.
    public var refused: UInt64 = 0
    /// The same, by reason.
    public var refusals = RebuildRefusals()
    public var isDone = false
    /// Why it stopped; empty otherwise.
    public var error = ""

    public init(id: String, kind: Kind) {
        self.id = id
        self.kind = kind
    }

    /// Counts those of some events that became dead letters.
    public mutating func count(refused results: [EventResult], of events: [IncomingEvent]) {
        for (incoming, result) in zip(events, results) where result.outcome == .deadLettered {
            refused += 1
            refusals.add(incoming.event, result)
        }
    }
}

/// Rows of some figures, by what the ledger counts of all. Differences wrap around.
struct FiguresRows: Sendable, Equatable, Codable {
    var positions: UInt64 = 0
    var shortPositions: UInt64 = 0
    var references: UInt64 = 0
    var supplies: UInt64 = 0

    init() {}

    init(_ state: LedgerState) {
        positions = state.positions
        shortPositions = state.shortPositions
        references = state.references
        supplies = state.supplies
    }

    static func - (left: Self, right: Self) -> Self {
        var result = left
        result.positions &-= right.positions
        result.shortPositions &-= right.shortPositions
        result.references &-= right.references
        result.supplies &-= right.supplies
        return result
    }

    static func + (left: Self, right: Self) -> Self { left - (Self() - right) }
}

/// What a person decides about a rebuild; goes to the audit log.
public struct RebuildDecision: Sendable, Equatable {
    public var reason: String
    public var actor: String
    public var requestID: String

    public init(reason: String, actor: String, requestID: String) {
        self.reason = reason
        self.actor = actor
        self.requestID = requestID
    }
}

/// What is to be rebuilt, and from what.
public struct RebuildWish: Sendable, Equatable {
    public var fromTimeNanoseconds: WallNanoseconds
    public var steps: [RebuildStep]
    public var switchesWhenReady: Bool
    public var decision: RebuildDecision

    public init(
        fromTimeNanoseconds: WallNanoseconds, steps: [RebuildStep], switchesWhenReady: Bool, decision: RebuildDecision
    ) {
        self.fromTimeNanoseconds = fromTimeNanoseconds
        self.steps = steps
        self.switchesWhenReady = switchesWhenReady
        self.decision = decision
    }
}

/// The commands of a rebuild. Those that come too late, for one that is over, are refused.
public enum RebuildCommand: Sendable {
    case start(RebuildWish)
    /// Puts the holds of some more reservations beside its positions.
    case copyHolds(id: String)
    /// Takes in what a feed has in its past: into these figures only.
    case take(id: String, step: Int, [IncomingEvent])
    /// How far a step is.
    case note(id: String, step: Int, RebuildStep)
    /// Makes some more of the repairs that were made to the running figures meanwhile. Everything was read.
    case repair(id: String)
    /// Everything was read and compared. Unless repairs came since: then it stays as it is.
    case becomeReady(id: String, RebuildDifferences)
    /// It was compared once more.
    case compared(id: String, RebuildDifferences)
    /// - Parameter acceptsDifferences: though events are missing, or more would be sold somewhere.
    case switchTo(id: String, RebuildDecision, acceptsDifferences: Bool = false)
    case abandon(id: String, RebuildDecision)
    case fail(id: String, String)
    /// Deletes some more rows of figures that answer no more.
    case deleteRows(id: String)

    /// Rows that `deleteRows` goes through in one commit.
    static let rowsPerCommit = 500
    /// Lines of reservations that `copyHolds` goes through in one commit, but for those of the last one; and repairs. Each
    /// changes a position, and mostly a row beside it.
    static let linesPerCommit = 200

    var weight: Int {
        switch self {
        case .take(_, _, let events): max(1, events.reduce(0) { $0 + 1 + $1.original.count / 1_024 })
        case .copyHolds, .repair: Self.linesPerCommit * 2
        case .deleteRows: Self.rowsPerCommit
        case .start, .note, .becomeReady, .compared, .switchTo, .abandon, .fail: 1
        }
    }

    var isGrowing: Bool {
        switch self {
        case .start, .take, .copyHolds, .repair: true
        case .note, .becomeReady, .compared, .switchTo, .abandon, .fail, .deleteRows: false
        }
    }
}

extension LedgerReading where Self: ~Copyable {
    /// The newest rebuild of a tenant; nil: there never was one.
    borrowing func newestRebuild(of tenant: TenantNumber) throws(LedgerError) -> Rebuild? {
        var newest: Rebuild?
        try forEachDocument(Rebuild.self, tenant: tenant, kind: .rebuild) { _, rebuild in
            if rebuild.isNewer(than: newest) { newest = rebuild }
            return true
        }
        return newest
    }
}

extension Rebuild {
    /// By the ledger sequence that it is called.
    func isNewer(than other: Rebuild?) -> Bool {
        guard let other else { return true }
        return UInt64(id) ?? 0 > UInt64(other.id) ?? 0
    }
}
