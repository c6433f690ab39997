/// Where the values of a JSON text lie, by its brackets and strings alone (RFC 8259): so that one bad value of an array is
/// known from the good ones beside it. What is between is for the decoder to judge.
enum JSONShape {
    /// How deep values may lie in each other.
    static let depthMax = 32

    enum Problem: Error, Equatable {
        case tooDeep
        /// Brackets or quotes do not fit, or something follows.
        case unbalanced
        case notAnArray
        /// The array has more values than are asked for; what follows was not looked at.
        case tooMany
    }

    /// The values of an array, at most so many.
    static func elements(of bytes: [UInt8], countMax: Int = .max) throws(Problem) -> [Range<Int>] {
        var index = skipBlanks(bytes, 0)
        guard index < bytes.count, bytes[index] == UInt8(ascii: "[") else { throw .notAnArray }
        var elements: [Range<Int>] = []
        index = skipBlanks(bytes, index + 1)
        if index < bytes.count, bytes[index] == UInt8(ascii: "]") {
            try checkEnd(bytes, index + 1)
            return []
        }
        while true {
            guard elements.count < countMax else { throw .tooMany }
            let end = try endOfValue(bytes, index)
            elements.append(index..<end)
            guard end < bytes.count else { throw .unbalanced }
            if bytes[end] == UInt8(ascii: "]") {
                try checkEnd(bytes, end + 1)
                return elements
            }
            guard bytes[end] == UInt8(ascii: ",") else { throw .unbalanced }
            index = skipBlanks(bytes, end + 1)
        }
    }

    /// Whether the text is one value that is not too deep.
    static func check(_ bytes: [UInt8], depthMax: Int = JSONShape.depthMax) throws(Problem) {
        guard try endOfValue(bytes, skipBlanks(bytes, 0), depthMax) == bytes.count else { throw .unbalanced }
    }

    /// The index of the comma or bracket after the value that begins at `start`, or the text's end.
    private static func endOfValue(
        _ bytes: [UInt8], _ start: Int, _ depthMax: Int = JSONShape.depthMax
    ) throws(Problem) -> Int {
        // A byte order mark is none of JSON's.
        guard start < bytes.count, bytes[start] < 0x80 else { throw .unbalanced }
        var depth = 0
        var index = start
        value: while index < bytes.count {
            switch bytes[index] {
            case UInt8(ascii: "\""): index = try endOfString(bytes, index)
            case UInt8(ascii: "{"), UInt8(ascii: "["):
                depth += 1
                if depth > depthMax { throw .tooDeep }
            case UInt8(ascii: "}"), UInt8(ascii: "]"):
                if depth == 0 { break value }
                depth -= 1
            case UInt8(ascii: ","):
                if depth == 0 { break value }
            // No other encoding than UTF-8 gets by.
            case 0: throw .unbalanced
            default: break
            }
            index += 1
        }
        guard depth == 0, index > start else { throw .unbalanced }
        return index
    }

    /// The index of the quote that ends the string whose first quote is at `start`.
    private static func endOfString(_ bytes: [UInt8], _ start: Int) throws(Problem) -> Int {
        var index = start + 1
        while index < bytes.count {
            switch bytes[index] {
            case UInt8(ascii: "\""): return index
            case UInt8(ascii: "\\"): index += 2
            default: index += 1
            }
        }
        throw .unbalanced
    }

    private static func checkEnd(_ bytes: [UInt8], _ index: Int) throws(Problem) {
        guard skipBlanks(bytes, index) == bytes.count else { throw .unbalanced }
    }

    private static func skipBlanks(_ bytes: [UInt8], _ start: Int) -> Int {
        var index = start
        while index < bytes.count, [0x20, 0x09, 0x0A, 0x0D].contains(bytes[index]) { index += 1 }
        return index
    }
}
