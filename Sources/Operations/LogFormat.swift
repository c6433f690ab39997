import Foundation
public import Logging

/// How log records are written.
public enum LogFormat: Sendable {
    /// One JSON object a line.
    case json
    /// Lines for people.
    case text

    /// Text when standard error is a terminal, else JSON.
    public static var automatic: LogFormat {
        isatty(STDERR_FILENO) == 1 ? .text : .json
    }

    /// A handler that writes to standard error.
    public func handler(label: String, level: Logger.Level) -> any LogHandler {
        switch self {
        case .json: JSONLogHandler(label: label, level: level)
        case .text: TextLogHandler(label: label, level: level)
        }
    }
}

/// Where a log handler's finished lines go, and what time it is.
struct LogOutput: Sendable {
    var write: @Sendable (String) -> Void
    var now: @Sendable () -> Date
    /// Lines that could not be written since the start, once after each time it has grown.
    var untoldDropped: @Sendable () -> Int? = { nil }

    static let standardError = LogOutput(
        write: DescriptorLines.standardError.write, now: { Date() },
        untoldDropped: DescriptorLines.standardError.untoldDropped)

    /// RFC 3339 in UTC with milliseconds.
    func timestamp() -> String {
        now().formatted(Date.ISO8601FormatStyle(includingFractionalSeconds: true))
    }
}

/// A record's metadata with every source of it merged: the provider's under the handler's under the record's own.
func mergedMetadata(
    provider: Logger.MetadataProvider?, handler: Logger.Metadata, record: Logger.Metadata?
) -> Logger.Metadata {
    var merged = provider?.get() ?? [:]
    merged.merge(handler) { $1 }
    if let record { merged.merge(record) { $1 } }
    return merged
}
