public import Logging

/// Writes each record as one JSON object on a line of its own: `timestamp`, `level`, `logger`, `message`, then the
/// metadata, nested dictionaries flattened with dots.
public struct JSONLogHandler: LogHandler {
    public var logLevel: Logger.Level
    public var metadata: Logger.Metadata = [:]
    public var metadataProvider: Logger.MetadataProvider?
    private let label: String
    private let output: LogOutput

    /// Metadata under these names is written as `metadata.<name>`.
    private static let reserved: Set<String> = ["timestamp", "level", "logger", "message", "error", "dropped_lines"]

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
        var json = JSONText()
        json.add("timestamp", string: output.timestamp())
        json.add("level", string: event.level.rawValue)
        json.add("logger", string: label)
        json.add("message", string: event.message.description)
        if let error = event.error { json.add("error", string: "\(error)") }
        if let dropped = output.untoldDropped() { json.add("dropped_lines", raw: "\(dropped)") }
        let merged = mergedMetadata(provider: metadataProvider, handler: metadata, record: event.metadata)
        for (key, value) in merged.sorted(by: { $0.key < $1.key }) {
            Self.add(Self.reserved.contains(key) ? "metadata." + key : key, value, to: &json)
        }
        output.write(json.finish() + "\n")
    }

    private static func add(_ key: String, _ value: Logger.MetadataValue, to json: inout JSONText) {
        switch value {
        case .string(let string):
            json.add(key, string: string)
        case .stringConvertible(let value as any FixedWidthInteger):
            json.add(key, raw: "\(value)")
        case .stringConvertible(let value as Bool):
            json.add(key, raw: "\(value)")
        case .stringConvertible(let value as Double) where value.isFinite:
            json.add(key, raw: "\(value)")
        case .stringConvertible(let value):
            json.add(key, string: value.description)
        case .dictionary(let dictionary):
            for (inner, value) in dictionary.sorted(by: { $0.key < $1.key }) {
                add("\(key).\(inner)", value, to: &json)
            }
        case .array(let values):
            var list = "["
            for (index, value) in values.enumerated() {
                if index > 0 { list += "," }
                JSONText.append("\(value)", to: &list)
            }
            json.add(key, raw: list + "]")
        }
    }
}
