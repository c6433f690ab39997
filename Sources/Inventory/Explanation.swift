/// The steps an explanation is made of. Raw values are those of the contract.
public enum ExplanationTermKind: Int, Sendable, Equatable, BitwiseCopyable {
    case onHand = 1
    case quarantined = 2
    case damaged = 3
    case allocated = 4
    case reserved = 5
    case releasing = 6
    /// The larger of the position's own safety stock and the policy's.
    case safetyStock = 7
    case sellable = 8
    case inTransit = 9
    case buffer = 11
    case share = 12
    case staleCut = 13
    case withheld = 14
    case clamp = 15
    case locationAvailable = 16
    case sum = 17
    case floor = 18
    case cap = 19
    case available = 20
    case notEligible = 21
    case locationInactive = 22
    case noPosition = 23
    case degradationBuffer = 24
    case allowedOversell = 26
}

/// One step: the running figure changes by `amount` to `result`.
public struct ExplanationTerm: Sendable, Equatable, BitwiseCopyable {
    public var kind: ExplanationTermKind
    /// 0 for the steps over the sum.
    public var location: LocationNumber = 0
    /// Units; 0 for steps that only state something.
    public var amount: Int64
    /// The running figure after the step, in units.
    public var result: Int64
    /// The policy's figure behind the step (units or percent, as the policy says it), for a note; absent otherwise.
    public var setting: Int64?
    /// Who vouches for the location's figures; 0 where nobody does or the step is over the sum.
    public var source: SourceNumber = 0
    /// Absent where the step uses no stock figure.
    public var ageMilliseconds: Int64?
    /// The ledger sequence at which the position last changed; absent where the step uses no stock figure.
    public var sequence: UInt64?

    public init(kind: ExplanationTermKind, amount: Int64, result: Int64) {
        self.kind = kind
        self.amount = amount
        self.result = result
    }
}

/// Listens to an evaluation. With `SilentRecorder` the compiler removes every trace of it.
public protocol EvaluationRecorder {
    /// Whether terms are wanted at all; a constant.
    static var isRecording: Bool { get }
    mutating func record(_ term: ExplanationTerm)
    /// Whether any term so far is about the location.
    func mentions(_ location: LocationNumber) -> Bool
    /// Puts the locations in the order of `rank`; terms of one location keep theirs.
    mutating func arrangeLocations(by rank: (LocationNumber) -> Int)
    /// A location was counted in; called once for each, also when no terms are wanted.
    ///
    /// - Parameters:
    ///   - figure: units it contributes to the sum, 0 or more.
    ///   - sellable: units that a grant may take at most, signed: sellable with the larger of the position's and the
    ///     policy's safety stock, plus the allowed oversell, without stock in transit.
    ///   - isWithheld: the stale action WITHHOLD or REFUSE cut the figure to 0.
    mutating func contributed(_ location: LocationNumber, figure: Int64, sellable: Int64, isWithheld: Bool)
    /// A location is about to be judged by its age; called once for each that is counted in, also when no terms are wanted.
    ///
    /// - Parameters:
    ///   - vouchedNanoseconds: up to when, by the wall clock, somebody vouches for its figures.
    ///   - staleAfterNanoseconds: the age beyond which the channel's stale action applies; 0: none.
    ///   - maxStalenessNanoseconds: the age that the caller accepts; negative: the caller did not say.
    mutating func vouched(
        forNanoseconds vouchedNanoseconds: WallNanoseconds, staleAfterNanoseconds: Int64, maxStalenessNanoseconds: Int64
    )
    /// Forgets everything: the evaluation begins anew.
    mutating func restart()
}

extension EvaluationRecorder {
    public mutating func contributed(_ location: LocationNumber, figure: Int64, sellable: Int64, isWithheld: Bool) {}
    @inline(__always)
    public mutating func vouched(
        forNanoseconds vouchedNanoseconds: WallNanoseconds, staleAfterNanoseconds: Int64, maxStalenessNanoseconds: Int64
    ) {}
    public mutating func restart() {}
}

/// Wants no terms: the read path.
public struct SilentRecorder: EvaluationRecorder, Sendable {
    public static var isRecording: Bool { false }

    public init() {}

    public mutating func record(_ term: ExplanationTerm) {}
    public func mentions(_ location: LocationNumber) -> Bool { false }
    public mutating func arrangeLocations(by rank: (LocationNumber) -> Int) {}
}

/// Keeps every term of one line.
public struct ExplainingRecorder: EvaluationRecorder, Sendable {
    public static var isRecording: Bool { true }

    /// Location by location in sourcing order, then the steps over the sum.
    public private(set) var terms: [ExplanationTerm] = []

    public init() {}

    public mutating func record(_ term: ExplanationTerm) { terms.append(term) }

    public mutating func restart() { terms = [] }

    public func mentions(_ location: LocationNumber) -> Bool { terms.contains { $0.location == location } }

    public mutating func arrangeLocations(by rank: (LocationNumber) -> Int) {
        let ordered = terms.enumerated().map { (place: (rank($0.element.location), $0.offset), term: $0.element) }
            .sorted { $0.place < $1.place }
        terms = ordered.map(\.term)
    }
}
