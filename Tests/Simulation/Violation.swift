/// An invariant that did not hold. Numbers up to 15 are those of the design's list.
struct Violation: Error {
    enum Invariant: Int {
        case grantWithinStock = 1
        case countersRecomputed = 2
        case acknowledgedIsThere = 3
        case wholeOrAbsent = 4
        case oneTerminalState = 5
        case partialReturnsRest = 6
        case idempotent = 7
        case errorsWithoutEffect = 8
        case expiryInTime = 9
        case outboxDrains = 10
        case feedInAnyOrder = 11
        case countedOnce = 12
        case tenantsApart = 13
        case recovers = 15
        /// Dead letters, variances and what was decided about them.
        case nothingLostSilently = 16
    }

    var invariant: Invariant
    var text: String

    init(_ invariant: Invariant, _ text: String) {
        self.invariant = invariant
        self.text = text
    }

    var description: String { "invariant \(invariant.rawValue) (\(invariant)): \(text)" }
}

/// Throws unless the condition holds.
func require(
    _ condition: Bool, _ invariant: Violation.Invariant, _ text: @autoclosure () -> String
) throws(Violation) {
    if !condition { throw Violation(invariant, text()) }
}
