/// How a file of positions is written.
public enum PositionFormat: String, Sendable, CaseIterable {
    /// RFC 4180 with a header.
    case csv
    /// One JSON object a line.
    case jsonLines = "jsonl"

    /// By the end of the file's name; nil when that says nothing.
    public init?(path: String) {
        switch path.split(separator: ".").last?.lowercased() {
        case "csv": self = .csv
        case "jsonl", "ndjson", "json": self = .jsonLines
        default: return nil
        }
    }
}
