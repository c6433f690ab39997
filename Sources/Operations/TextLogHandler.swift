public import Logging

/// Writes each record as a line for people: time, level, logger, message, then the metadata as `key=value`.
public struct TextLogHandler: LogHandler {
    public var logLevel: Logger.Level
    public var metadata: Logger.Metadata = [:]
    public var metadataProvider: Logger.MetadataProvider?
    private let label: String
    private let output: LogOutput

    public init(label: String, level: Logger.Level) {
        self.init(label: label, level: level, output: .standardError)
    }

    init(label: String, level: Logger.Level, output: LogOutput) {
        self.label = label
        self.logLevel = level
        self.output = output
    }

    public subscript(metadataKey key: String) -> Logger.Metadata.Value? {
        get { metadata[key] }
        set { metadata[key] = newValue }
    }

    public func log(event: LogEvent) {
        let level = event.level.rawValue.uppercased()
        var line = output.timestamp() + " " + level + String(repeating: " ", count: max(1, 9 - level.count))
        line += "\(Self.plain(label)): \(Self.plain(event.message.description))"
        if let error = event.error { line += " error=\(Self.quoted("\(error)"))" }
        if let dropped = output.untoldDropped() { line += " dropped_lines=\(dropped)" }
        let merged = mergedMetadata(provider: metadataProvider, handler: metadata, record: event.metadata)
        for (key, value) in merged.sorted(by: { $0.key < $1.key }) {
            line += " \(Self.plain(key))=\(Self.quoted("\(value)"))"
        }
        output.write(line + "\n")
    }

    /// A value as it is, or as a JSON string when it would not read as one word.
    private static func quoted(_ value: String) -> String {
        let isWord =
            !value.isEmpty
            && value.unicodeScalars.allSatisfy {
                $0 != " " && $0 != "\"" && $0 != "=" && $0.properties.generalCategory != .control
            }
        if isWord { return value }
        var text = ""
        JSONText.append(value, to: &text)
        return text
    }

    /// Control characters made visible: what a caller sent must not steer the terminal or forge lines.
    private static func plain(_ text: String) -> String {
        guard text.unicodeScalars.contains(where: { $0.properties.generalCategory == .control }) else { return text }
        var escaped = ""
        JSONText.append(text, to: &escaped)
        return String(escaped.dropFirst().dropLast())
    }
}
