import CNGHTTP2

extension ByteQueue {
    /// Appends a GOAWAY frame (RFC 9113 6.8).
    mutating func appendGoAway(lastStreamID: Int32, code: UInt32, reason: StaticString) {
        append(UInt32(8 + reason.utf8CodeUnitCount) << 8 | NGHTTP2_GOAWAY.rawValue)
        // No flags, and stream 0.
        unsafe withUnsafeBytes(of: UInt8(0)) { unsafe append($0) }
        append(0)
        append(UInt32(bitPattern: lastStreamID))
        append(code)
        unsafe append(UnsafeRawBufferPointer(start: reason.utf8Start, count: reason.utf8CodeUnitCount))
    }

    private mutating func append(_ word: UInt32) {
        unsafe withUnsafeBytes(of: word.bigEndian) { unsafe append($0) }
    }
}
