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
    /// Positions of the running figures that it did not hold, or held otherwise, when it became ready.
    public var differingPositions: UInt64 = 0
    /// Events that were published meanwhile and taken in here, too.
    public var published: UInt64 = 0
    /// Of those, the ones that only the running figures took.
    public var publishedRefused: UInt64 = 0
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

    /// Whether every hold is beside its positions.
    public var hasAllHolds: Bool { holdsCopiedThrough == .max }
    /// Whether rows of figures that answer no more are still to be deleted.
    public var hasRowsLeft: Bool { leftFigures != 0 }
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
    public var isDone = false
    /// Why it stopped; empty otherwise.
    public var error = ""

    public init(id: String, kind: Kind) {
        self.id = id
        self.kind = kind
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
    /// Everything was read.
    case becomeReady(id: String, differingPositions: UInt64)
    case switchTo(id: String, RebuildDecision)
    case abandon(id: String, RebuildDecision)
    case fail(id: String, String)
    /// Deletes some more rows of figures that answer no more.
    case deleteRows(id: String)

    /// Rows that `copyHolds` and `deleteRows` go through in one commit.
    static let rowsPerCommit = 500

    var weight: Int {
        switch self {
        case .take(_, _, let events): max(1, events.reduce(0) { $0 + 1 + $1.original.count / 1_024 })
        case .copyHolds, .deleteRows: Self.rowsPerCommit
        case .start, .note, .becomeReady, .switchTo, .abandon, .fail: 1
        }
    }

    var isGrowing: Bool {
        switch self {
        case .start, .take, .copyHolds: true
        case .note, .becomeReady, .switchTo, .abandon, .fail, .deleteRows: false
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
