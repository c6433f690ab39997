/// The likely cause of a variance. Raw values are stored, and are the contract's: fixed.
public enum VarianceCause: Int, Sendable, Equatable, Codable, CaseIterable {
    /// Our figure is older: an event is still to come.
    case lag = 1
    /// A hold of ours is on its way to or from the ERP.
    case holdInFlight = 2
    /// Neither: the figures have drifted apart.
    case drift = 3
    /// Goods of a closed or unknown hold were shipped.
    case shippedWithoutHold = 4
    /// A confirmed hold of ours is not known to the ERP.
    case holdNotFound = 5
    /// A transfer was received, or an allocation released, whose beginning nobody told within the horizon.
    case closedWithoutOpening = 6
}

/// Where a variance stands. Raw values are stored, and are the contract's: fixed.
public enum VarianceState: Int, Sendable, Equatable, Codable, CaseIterable {
    /// Nobody has decided.
    case open = 1
    /// The repair was applied.
    case applied = 2
    /// It went away by itself.
    case resolved = 3
}

/// A difference between our figure and another's.
public struct Variance: Sendable, Equatable, Codable {
    /// The reconciliation that found it last; empty: an event did.
    public var reconciliation = ""
    public var sku = ""
    public var location: LocationNumber = 0
    /// The lot that the event at fault named; nil: none.
    public var lot: String?
    /// By its name; empty: it is about no bucket.
    public var bucket = ""
    /// Our figure, in units.
    public var ours: Int64 = 0
    /// The other's figure, in units.
    public var theirs: Int64 = 0
    public var cause: VarianceCause
    public var state = VarianceState.open
    public var reservationID = ""
    public var eventID = ""
    public var createTimeNanoseconds: WallNanoseconds = 0
    /// The newest place on the position's time line when the figures were compared: a repair is for what was known then.
    /// Not the position's sequence, which every hold moves.
    public var newestPrimary: Int64 = 0

    public init(cause: VarianceCause) {
        self.cause = cause
    }

    /// What applying it would do, for people.
    public var proposal: String {
        switch cause {
        case .lag: "wait: an event is still to come; applied, \(bucket) moves by \(theirs - ours) to \(theirs)"
        case .holdInFlight: "wait: a hold is on its way; applied, \(bucket) moves by \(theirs - ours) to \(theirs)"
        case .drift: "\(bucket) moves by \(theirs - ours) to \(theirs)"
        case .shippedWithoutHold: "on_hand is lowered already; applied, it is taken note of"
        case .holdNotFound: "release the reservation, or have the ERP told again; applied, it is taken note of"
        case .closedWithoutOpening:
            "\(bucket) was not lowered, for nobody told what raised it; compare it with its source; applied, it is taken note of"
        }
    }

    /// Whether applying it moves a bucket.
    public var movesStock: Bool {
        switch cause {
        case .lag, .holdInFlight, .drift: true
        case .shippedWithoutHold, .holdNotFound, .closedWithoutOpening: false
        }
    }
}

/// What is known beside two figures that differ.
public struct VarianceEvidence: Sendable, Equatable {
    /// An ERP call about a hold at the position is under way, or ended since the figures were asked for.
    public var hasHoldInFlight: Bool
    /// An event came to the position since the figures were asked for.
    public var hasChangedSinceAsked: Bool
    /// The source of our figure has told everything up to a little before the figures were asked for.
    public var isVouchedFor: Bool
    /// An earlier comparison found the same figures on both sides.
    public var wasFoundBefore: Bool

    public init(hasHoldInFlight: Bool, hasChangedSinceAsked: Bool, isVouchedFor: Bool, wasFoundBefore: Bool) {
        self.hasHoldInFlight = hasHoldInFlight
        self.hasChangedSinceAsked = hasChangedSinceAsked
        self.isVouchedFor = isVouchedFor
        self.wasFoundBefore = wasFoundBefore
    }

    public var cause: VarianceCause {
        if hasHoldInFlight { return .holdInFlight }
        if hasChangedSinceAsked { return .lag }
        return isVouchedFor || wasFoundBefore ? .drift : .lag
    }
}
