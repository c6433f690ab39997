/// Builds the text of one flat JSON object (RFC 8259).
struct JSONText {
    private(set) var text = "{"

    mutating func add(_ key: String, string value: String) {
        begin(key)
        Self.append(value, to: &text)
    }

    /// `value` must be JSON already.
    mutating func add(_ key: String, raw value: String) {
        begin(key)
        text += value
    }

    mutating func finish() -> String {
        text += "}"
        return text
    }

    private mutating func begin(_ key: String) {
        if text.utf8.count > 1 { text += "," }
        Self.append(key, to: &text)
        text += ":"
    }

    /// Appends `value` as a JSON string: quotes, backslashes and control characters are escaped.
    static func append(_ value: String, to text: inout String) {
        text += "\""
        for scalar in value.unicodeScalars {
            switch scalar {
            case "\"": text += "\\\""
            case "\\": text += "\\\\"
            case "\n": text += "\\n"
            case "\r": text += "\\r"
            case "\t": text += "\\t"
            case _ where scalar.properties.generalCategory == .control || scalar == "\u{2028}" || scalar == "\u{2029}":
                let digits = String(scalar.value, radix: 16)
                text += "\\u" + String(repeating: "0", count: 4 - digits.count) + digits
            default: text.unicodeScalars.append(scalar)
            }
        }
        text += "\""
    }
}
