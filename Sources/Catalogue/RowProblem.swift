/// Why a row of a file had no effect.
public struct RowProblem: Error, Sendable, Equatable {
    /// Of the row's first byte, counted from 1. A row with a line break inside quotes covers several lines.
    public var line: Int
    /// Empty when the whole row is concerned.
    public var column: String
    public var reason: String

    public init(line: Int, column: String, reason: String) {
        self.line = line
        self.column = column
        self.reason = reason
    }

    /// `FILE:LINE: column: reason`, as compilers write it.
    public func description(file: String) -> String {
        column.isEmpty ? "\(file):\(line): \(reason)" : "\(file):\(line): \(column): \(reason)"
    }
}
