/// Text on the wire.
enum WireText {
    /// Whether the bytes are well-formed UTF-8 (RFC 3629): no overlong forms, no surrogates, nothing above U+10FFFF.
    static func isUTF8(_ bytes: UnsafeRawBufferPointer) -> Bool {
        var offset = unsafe asciiPrefixCount(bytes)
        while offset < bytes.count {
            let length = unsafe scalarLength(bytes, at: offset)
            if length == 0 { return false }
            offset += length
        }
        return true
    }

    /// How many leading bytes are certainly ASCII: whole words, then single bytes.
    private static func asciiPrefixCount(_ bytes: UnsafeRawBufferPointer) -> Int {
        let count = bytes.count
        var offset = 0
        while offset + 8 <= count {
            // Bounded by the condition; unaligned because a string begins anywhere in a message.
            let word = unsafe bytes.loadUnaligned(fromByteOffset: offset, as: UInt64.self)
            if word & 0x8080_8080_8080_8080 != 0 { return offset }
            offset += 8
        }
        while offset < count, unsafe bytes[offset] < 0x80 { offset += 1 }
        return offset
    }

    /// The length in bytes of the well-formed scalar at an offset below the count; 0 if there is none.
    private static func scalarLength(_ bytes: UnsafeRawBufferPointer, at offset: Int) -> Int {
        // The offset is below the count; every further byte is asked of `continuation`, which keeps to the count.
        let first = unsafe bytes[offset]
        switch first {
        case 0..<0x80:
            return 1
        case 0xc2...0xdf:
            return unsafe continuation(bytes, offset + 1, in: 0x80...0xbf) ? 2 : 0
        case 0xe0...0xef:
            let low: UInt8 = first == 0xe0 ? 0xa0 : 0x80
            let high: UInt8 = first == 0xed ? 0x9f : 0xbf
            let valid =
                unsafe continuation(bytes, offset + 1, in: low...high)
                && continuation(bytes, offset + 2, in: 0x80...0xbf)
            return valid ? 3 : 0
        case 0xf0...0xf4:
            let low: UInt8 = first == 0xf0 ? 0x90 : 0x80
            let high: UInt8 = first == 0xf4 ? 0x8f : 0xbf
            let valid =
                unsafe continuation(bytes, offset + 1, in: low...high)
                && continuation(bytes, offset + 2, in: 0x80...0xbf)
                && continuation(bytes, offset + 3, in: 0x80...0xbf)
            return valid ? 4 : 0
        default:
            return 0
        }
    }

    private static func continuation(
        _ bytes: UnsafeRawBufferPointer, _ offset: Int, in range: ClosedRange<UInt8>
    ) -> Bool {
        unsafe offset < bytes.count && range.contains(bytes[offset])
    }
}
