public import Inventory

/// A page of a comparison. Judged in the writer, so that every cause is found against one state.
public struct ComparisonPage: Sendable {
    public var reconciliationID: String
    public var figures: [ErpPosition]
    /// When the page was asked for: wall time, ledger time, and the ledger's sequence then.
    public var askedWallNanoseconds: WallNanoseconds
    public var askedLedgerNanoseconds: WallNanoseconds
    public var askedSequence: UInt64
    /// Everything up to this sku is compared with it.
    public var cursor: String
    /// How the comparison ends with this page; nil: it goes on.
    public var end: ReconciliationState?
    /// Why it failed.
    public var error: String

    public init(
        reconciliationID: String, figures: [ErpPosition] = [], askedWallNanoseconds: WallNanoseconds = 0,
        askedLedgerNanoseconds: WallNanoseconds = 0, askedSequence: UInt64 = 0, cursor: String = "",
        end: ReconciliationState? = nil, error: String = ""
    ) {
        self.reconciliationID = reconciliationID
        self.figures = figures
        self.askedWallNanoseconds = askedWallNanoseconds
        self.askedLedgerNanoseconds = askedLedgerNanoseconds
        self.askedSequence = askedSequence
        self.cursor = cursor
        self.end = end
        self.error = error
    }
}

/// Which repairs are to be applied.
public struct VarianceRepair: Sendable {
    public var numbers: [UInt64]
    /// Who asks, for the audit log.
    public var actor: String
    public var reason: String
    public var requestID: String
    /// Checks everything and changes nothing.
    public var validateOnly: Bool

    public init(numbers: [UInt64], actor: String, reason: String, requestID: String, validateOnly: Bool) {
        self.numbers = numbers
        self.actor = actor
        self.reason = reason
        self.requestID = requestID
        self.validateOnly = validateOnly
    }
}

/// What became of one variance.
public struct VarianceOutcome: Sendable, Equatable {
    public var number: UInt64
    /// Nil: there is none of that number.
    public var state: VarianceState?
    /// Why it was not applied: an UPPER_SNAKE reason; empty if it was.
    public var reason: String

    public init(number: UInt64, state: VarianceState?, reason: String = "") {
        self.number = number
        self.state = state
        self.reason = reason
    }
}

/// The commands of reconciliation.
public enum ReconciliationCommand: Sendable {
    /// Answers with the comparison of the same request id, if there is one. `correlationID` follows the call that asks.
    case start(Reconciliation, correlationID: String = "")
    case compare(ComparisonPage)
    case repair(VarianceRepair)
}

/// What they come to.
public enum ReconciliationReply: Sendable {
    case reconciliation(Reconciliation)
    case repaired([VarianceOutcome])
}
