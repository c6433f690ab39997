/// Why locations and groups cannot be used together as given.
public struct CatalogueError: Error, Sendable, Equatable, CustomStringConvertible {
    /// Such as `locations[2].owner` or `groups[0].members[3]`.
    public let field: String
    public let problem: String

    public init(field: String, problem: String) {
        self.field = field
        self.problem = problem
    }

    public var description: String { "\(field): \(problem)" }
}
