internal import Inventory

/// What a cell's bytes say.
public enum CellText {
    /// A name of the contract: UTF-8 without control characters, at most so many bytes.
    public static func name(_ bytes: ArraySlice<UInt8>, bytesMax: Int, column: String) throws(CellProblem) -> String {
        guard let text = String(validating: bytes, as: UTF8.self) else {
            throw CellProblem(column: column, reason: "is not UTF-8")
        }
        if let reason = TextRules.problem(text, bytesMax: bytesMax) {
            throw CellProblem(column: column, reason: reason)
        }
        return text
    }

    /// A whole number within the contract's range, with blanks around it allowed.
    public static func quantity(_ bytes: ArraySlice<UInt8>, column: String) throws(CellProblem) -> Int64 {
        var digits = trimmed(bytes)
        let isNegative = digits.first == UInt8(ascii: "-")
        if isNegative || digits.first == UInt8(ascii: "+") { digits.removeFirst() }
        guard !digits.isEmpty, digits.allSatisfy(isDigit) else {
            throw CellProblem(column: column, reason: "\(shown(bytes)) is not a whole number")
        }
        var magnitude: Int64 = 0
        for digit in digits {
            magnitude = magnitude * 10 + Int64(digit - UInt8(ascii: "0"))
            guard magnitude <= Limits.quantityMax else {
                throw CellProblem(column: column, reason: "\(shown(bytes)) is beyond ±10¹²")
            }
        }
        return isNegative ? -magnitude : magnitude
    }

    /// Without blanks and tabs at either end.
    public static func trimmed(_ bytes: ArraySlice<UInt8>) -> ArraySlice<UInt8> {
        var rest = bytes
        while let first = rest.first, first == 0x20 || first == 0x09 { rest.removeFirst() }
        while let last = rest.last, last == 0x20 || last == 0x09 { rest.removeLast() }
        return rest
    }

    /// A value for a message: short, and harmless on a terminal.
    public static func shown(_ bytes: ArraySlice<UInt8>) -> String {
        let text = String(decoding: bytes.prefix(40), as: UTF8.self)
        let scalars = text.unicodeScalars.map { scalar -> Character in
            scalar.value < 0x20 || (0x7F...0x9F).contains(scalar.value) ? "\u{FFFD}" : Character(scalar)
        }
        return "\"\(String(scalars))\(bytes.count > 40 ? "…" : "")\""
    }

    public static func isDigit(_ byte: UInt8) -> Bool { byte >= UInt8(ascii: "0") && byte <= UInt8(ascii: "9") }
}
