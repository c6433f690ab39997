/// Text on the wire.
enum WireText {
    /// Whether the bytes are well-formed UTF-8 (RFC 3629): no overlong forms, no surrogates, nothing above U+10FFFF.
    @inline(__always)
    static func isUTF8(_ bytes: UnsafeRawBufferPointer) -> Bool {
        unsafe isASCII(bytes) || isUTF8Scalars(bytes)
    }

    private static func isUTF8Scalars(_ bytes: UnsafeRawBufferPointer) -> Bool {
        var offset = 0
        while offset < bytes.count {
            let length = unsafe scalarLength(bytes, at: offset)
            if length == 0 { return false }
            offset += length
        }
        return true
    }

    /// The usual case, eight bytes at a time; the last eight may overlap those before.
    @inline(__always)
    private static func isASCII(_ bytes: UnsafeRawBufferPointer) -> Bool {
        let tops: UInt64 = 0x8080_8080_8080_8080
        guard bytes.count >= 8 else {
            var all: UInt8 = 0
            for index in 0..<bytes.count { all |= unsafe bytes[index] }
            return all < 0x80
        }
        let last = bytes.count - 8
        // Both loads stay below the count; unaligned because a string begins anywhere in a message.
        var all = unsafe bytes.loadUnaligned(fromByteOffset: last, as: UInt64.self)
        var offset = 0
        while offset < last {
            all |= unsafe bytes.loadUnaligned(fromByteOffset: offset, as: UInt64.self)
            offset += 8
        }
        return all & tops == 0
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
