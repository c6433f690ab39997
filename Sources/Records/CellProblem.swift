/// What is wrong with a row whose place in its file its reader knows.
public struct CellProblem: Error, Equatable, Sendable {
    /// Empty when the whole row is concerned.
    public var column: String
    public var reason: String

    public init(column: String = "", reason: String) {
        self.column = column
        self.reason = reason
    }
}
