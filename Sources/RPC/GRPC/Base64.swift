/// Base64 of `-bin` values, sent without padding (PROTOCOL-HTTP2, Binary-Header).
enum Base64 {
    private static let alphabet = Array("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/".utf8)

    static func encodedCount(_ byteCount: Int) -> Int { (byteCount * 4 + 2) / 3 }

    static func encode(_ bytes: [UInt8]) -> [UInt8] {
        var encoded: [UInt8] = []
        encoded.reserveCapacity(encodedCount(bytes.count))
        var bits: UInt32 = 0
        var bitCount = 0
        for byte in bytes {
            bits = bits << 8 | UInt32(byte)
            bitCount += 8
            while bitCount >= 6 {
                bitCount -= 6
                encoded.append(alphabet[Int(bits >> UInt32(bitCount) & 63)])
            }
        }
        if bitCount > 0 { encoded.append(alphabet[Int(bits << UInt32(6 - bitCount) & 63)]) }
        return encoded
    }
}
