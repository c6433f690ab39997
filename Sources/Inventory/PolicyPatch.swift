/// Some terms of a policy, in a form that costs nothing to apply.
struct PolicyPatch: BitwiseCopyable {
    /// The terms that are stated.
    struct Fields: OptionSet, BitwiseCopyable {
        let rawValue: UInt8
        static let share = Fields(rawValue: 1)
        static let buffer = Fields(rawValue: 2)
        static let safetyStock = Fields(rawValue: 4)
        static let inTransit = Fields(rawValue: 8)
        static let staleAfter = Fields(rawValue: 16)
        static let staleAction = Fields(rawValue: 32)
        static let oversell = Fields(rawValue: 64)
        static let all = Fields(rawValue: 127)
    }

    private(set) var stated: Fields = []
    private(set) var terms = PolicyTerms()

    /// States nothing.
    init() {}

    /// States every term.
    init(_ terms: PolicyTerms) {
        self.terms = terms
        stated = .all
    }

    init(_ override: PolicyOverride) {
        if let value = override.sharePercent { set(.share) { $0.sharePercent = value } }
        if let value = override.buffer { set(.buffer) { $0.buffer = value } }
        if let value = override.safetyStock { set(.safetyStock) { $0.safetyStock = value } }
        if let value = override.allowedOversell { set(.oversell) { $0.allowedOversell = value } }
        if let value = override.countInTransit { set(.inTransit) { $0.countInTransit = value } }
        if let value = override.staleAfterNanoseconds { set(.staleAfter) { $0.staleAfterNanoseconds = value } }
        if let value = override.staleAction { set(.staleAction) { $0.staleAction = value } }
    }

    private mutating func set(_ field: Fields, _ change: (inout PolicyTerms) -> Void) {
        stated.insert(field)
        change(&terms)
    }

    /// Sets in `target` what is stated here and still open, and closes it. Called from the most specific patch on.
    func fill(_ target: inout PolicyTerms, open: inout Fields) {
        let taken = stated.intersection(open)
        if taken.isEmpty { return }
        if taken.contains(.share) { target.sharePercent = terms.sharePercent }
        if taken.contains(.buffer) { target.buffer = terms.buffer }
        if taken.contains(.safetyStock) { target.safetyStock = terms.safetyStock }
        if taken.contains(.oversell) { target.allowedOversell = terms.allowedOversell }
        if taken.contains(.inTransit) { target.countInTransit = terms.countInTransit }
        if taken.contains(.staleAfter) { target.staleAfterNanoseconds = terms.staleAfterNanoseconds }
        if taken.contains(.staleAction) { target.staleAction = terms.staleAction }
        open.subtract(taken)
    }

    /// The terms with what is stated here in their place.
    func applied(to terms: PolicyTerms) -> PolicyTerms {
        var result = terms
        var open = Fields.all
        fill(&result, open: &open)
        return result
    }
}
