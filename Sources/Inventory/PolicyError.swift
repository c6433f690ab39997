/// Why a policy cannot be used.
public struct PolicyError: Error, Sendable, Equatable, CustomStringConvertible {
    /// The field by the contract's path, such as `policy.overrides[3].terms.share_percent`.
    public let field: String
    /// What is wrong and the limit, such as `0 to 100, is 140`.
    public let problem: String

    public init(field: String, problem: String) {
        self.field = field
        self.problem = problem
    }

    public var description: String { "\(field): \(problem)" }
}
