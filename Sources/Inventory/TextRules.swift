/// What ids and names may contain: printable UTF-8, no control characters (Unicode category Cc).
public enum TextRules {
    /// Whether the bytes are valid UTF-8 (RFC 3629) without control characters. Allocates nothing.
    @inline(__always)
    public static func isPrintable(_ bytes: UnsafeRawBufferPointer) -> Bool {
        isPrintableASCII(bytes) || isPrintableScalars(bytes)
    }

    /// The usual case, eight bytes at a time; the last eight may overlap those before. False for fewer than eight.
    @inline(__always)
    private static func isPrintableASCII(_ bytes: UnsafeRawBufferPointer) -> Bool {
        guard bytes.count >= 8 else { return false }
        let last = bytes.count - 8
        var offset = 0
        while offset < last {
            if !isPrintableASCII(bytes.loadUnaligned(fromByteOffset: offset, as: UInt64.self)) { return false }
            offset += 8
        }
        return isPrintableASCII(bytes.loadUnaligned(fromByteOffset: last, as: UInt64.self))
    }

    /// Whether each of eight bytes is 0x20 to 0x7E: the top bit of a byte is set by itself, by taking 0x20 from a smaller
    /// one, or by adding 1 to 0x7F. A borrow can only refuse what the slow way then accepts.
    @inline(__always)
    private static func isPrintableASCII(_ word: UInt64) -> Bool {
        (word | (word &- 0x2020_2020_2020_2020) | (word &+ 0x0101_0101_0101_0101)) & 0x8080_8080_8080_8080 == 0
    }

    private static func isPrintableScalars(_ bytes: UnsafeRawBufferPointer) -> Bool {
        var index = 0
        while index < bytes.count {
            let byte = bytes[index]
            if byte < 0x80 {
                guard byte >= 0x20, byte != 0x7F else { return false }
                index += 1
                continue
            }
            let length = scalarLength(bytes, at: index)
            guard length > 0 else { return false }
            index += length
        }
        return true
    }

    /// The length of the printable multi-byte scalar at `index`; 0 when it is ill-formed or a C1 control character.
    private static func scalarLength(_ bytes: UnsafeRawBufferPointer, at index: Int) -> Int {
        let lead = bytes[index]
        let length: Int
        // The second byte's range excludes overlong forms, surrogates and what lies beyond U+10FFFF.
        let second: ClosedRange<UInt8>
        switch lead {
        case 0xC2: (length, second) = (2, 0xA0...0xBF)
        case 0xC3...0xDF: (length, second) = (2, 0x80...0xBF)
        case 0xE0: (length, second) = (3, 0xA0...0xBF)
        case 0xED: (length, second) = (3, 0x80...0x9F)
        case 0xE1...0xEF: (length, second) = (3, 0x80...0xBF)
        case 0xF0: (length, second) = (4, 0x90...0xBF)
        case 0xF1...0xF3: (length, second) = (4, 0x80...0xBF)
        case 0xF4: (length, second) = (4, 0x80...0x8F)
        default: return 0
        }
        guard index + length <= bytes.count, second.contains(bytes[index + 1]) else { return 0 }
        for offset in 2..<max(2, length) where bytes[index + offset] & 0xC0 != 0x80 { return 0 }
        return length
    }

    /// What is wrong with a text that must have 1 to `bytesMax` printable bytes; nil when nothing is.
    public static func problem(_ text: String, bytesMax: Int) -> String? {
        if text.isEmpty { return "is required" }
        return problemUnlessEmpty(text, bytesMax: bytesMax)
    }

    /// As `problem`, for a text that may be empty.
    public static func problemUnlessEmpty(_ text: String, bytesMax: Int) -> String? {
        let count = text.utf8.count
        if count > bytesMax { return "at most \(bytesMax) bytes, has \(count)" }
        var text = text
        let isClean = text.withUTF8 { isPrintable(UnsafeRawBufferPointer($0)) }
        return isClean ? nil : "must be printable UTF-8 without control characters"
    }
}
