/// Reads the tokens of a JSON object (RFC 8259) out of one line. Objects and lists are no values: who expects some takes their
/// brackets, so depth is bounded.
public struct JSONScanner: Sendable {
    public enum Value: Equatable, Sendable {
        case string([UInt8])
        /// Its text, checked against the grammar.
        case number([UInt8])
        case boolean
        case null
    }

    private var line: [UInt8] = []
    private var offset = 0

    public init() {}

    public mutating func begin(_ line: [UInt8]) {
        self.line = line
        offset = 0
    }

    /// Whether `scalar` is next, which is then behind.
    public mutating func take(_ scalar: Unicode.Scalar) -> Bool {
        skipBlanks()
        return takeByte(scalar)
    }

    public mutating func expect(_ scalar: Unicode.Scalar, _ what: String) throws(CellProblem) {
        guard take(scalar) else { throw unexpected(what) }
    }

    public mutating func expectEnd() throws(CellProblem) {
        skipBlanks()
        guard offset == line.count else { throw unexpected("nothing after the object") }
    }

    public mutating func value(of column: String) throws(CellProblem) -> Value {
        skipBlanks()
        guard offset < line.count else { throw unexpected("a value") }
        switch line[offset] {
        case UInt8(ascii: "\""): return .string(try string())
        case UInt8(ascii: "-"), UInt8(ascii: "0")...UInt8(ascii: "9"): return .number(try number())
        case UInt8(ascii: "{"), UInt8(ascii: "["):
            throw CellProblem(column: column, reason: "is an object or a list, expected one value")
        default:
            if takeWord("null") { return .null }
            if takeWord("true") || takeWord("false") { return .boolean }
            throw unexpected("a value")
        }
    }

    /// A string's bytes, escapes resolved.
    public mutating func string() throws(CellProblem) -> [UInt8] {
        try expect("\"", "a string")
        var bytes: [UInt8] = []
        while offset < line.count {
            let byte = line[offset]
            offset += 1
            switch byte {
            case UInt8(ascii: "\""):
                guard String(validating: bytes, as: UTF8.self) != nil else {
                    throw CellProblem(reason: "position \(offset): a string is not UTF-8")
                }
                return bytes
            case UInt8(ascii: "\\"): try escape(into: &bytes)
            case 0..<0x20: throw CellProblem(reason: "position \(offset): a control character inside a string")
            default: bytes.append(byte)
            }
        }
        throw CellProblem(reason: "a string is not closed")
    }

    private mutating func escape(into bytes: inout [UInt8]) throws(CellProblem) {
        guard offset < line.count else { throw CellProblem(reason: "a string is not closed") }
        let byte = line[offset]
        offset += 1
        switch byte {
        case UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "/"): bytes.append(byte)
        case UInt8(ascii: "b"): bytes.append(0x08)
        case UInt8(ascii: "f"): bytes.append(0x0C)
        case UInt8(ascii: "n"): bytes.append(0x0A)
        case UInt8(ascii: "r"): bytes.append(0x0D)
        case UInt8(ascii: "t"): bytes.append(0x09)
        case UInt8(ascii: "u"): bytes.append(contentsOf: String(Character(try unicodeScalar())).utf8)
        default: throw CellProblem(reason: "position \(offset): an unknown escape")
        }
    }

    /// After `\u`: a scalar, from two halves when it is beyond the first plane.
    private mutating func unicodeScalar() throws(CellProblem) -> Unicode.Scalar {
        let unit = try codeUnit()
        if let scalar = Unicode.Scalar(unit) { return scalar }
        guard UTF16.isLeadSurrogate(unit), offset + 1 < line.count, line[offset] == UInt8(ascii: "\\"),
            line[offset + 1] == UInt8(ascii: "u")
        else { throw CellProblem(reason: "position \(offset): half of a surrogate pair") }
        offset += 2
        let trail = try codeUnit()
        guard UTF16.isTrailSurrogate(trail) else {
            throw CellProblem(reason: "position \(offset): half of a surrogate pair")
        }
        return UTF16.decode(UTF16.EncodedScalar([unit, trail]))
    }

    private mutating func codeUnit() throws(CellProblem) -> UInt16 {
        var unit: UInt16 = 0
        for _ in 0..<4 {
            guard offset < line.count, let digit = Character(Unicode.Scalar(line[offset])).hexDigitValue else {
                throw CellProblem(reason: "position \(offset + 1): expected four hexadecimal digits")
            }
            unit = unit << 4 | UInt16(digit)
            offset += 1
        }
        return unit
    }

    private mutating func number() throws(CellProblem) -> [UInt8] {
        let start = offset
        _ = takeByte("-")
        if takeByte("0") {
            guard offset == line.count || !CellText.isDigit(line[offset]) else {
                throw CellProblem(reason: "position \(start + 1): a number with a leading zero")
            }
        } else {
            try digits()
        }
        if takeByte(".") { try digits() }
        if takeByte("e") || takeByte("E") {
            _ = takeByte("+") || takeByte("-")
            try digits()
        }
        return Array(line[start..<offset])
    }

    /// At least one.
    private mutating func digits() throws(CellProblem) {
        let start = offset
        while offset < line.count, CellText.isDigit(line[offset]) { offset += 1 }
        if offset == start { throw unexpected("a digit") }
    }

    /// As `take`, with no blanks before it.
    private mutating func takeByte(_ scalar: Unicode.Scalar) -> Bool {
        guard offset < line.count, line[offset] == UInt8(ascii: scalar) else { return false }
        offset += 1
        return true
    }

    private mutating func takeWord(_ word: String) -> Bool {
        guard line[offset...].starts(with: word.utf8) else { return false }
        offset += word.utf8.count
        return true
    }

    private mutating func skipBlanks() {
        while offset < line.count, line[offset] == 0x20 || line[offset] == 0x09 || line[offset] == 0x0D { offset += 1 }
    }

    private func unexpected(_ what: String) -> CellProblem {
        CellProblem(reason: "position \(offset + 1): expected \(what)")
    }
}
