extension DescriptorSet {
    /// The serialized google.protobuf.FileDescriptorSet: every file of the server and what it imports, each after those
    /// it imports. Decoded anew by each call; a caller that needs it often keeps it.
    public static func bytes() -> [UInt8] {
        base64.withUTF8Buffer { text in
            var decoded: [UInt8] = []
            decoded.reserveCapacity(text.count / 4 * 3)
            var bits: UInt32 = 0
            var bitCount = 0
            for character in text {
                guard let digit = sextet(character) else { continue }
                bits = bits << 6 | digit
                bitCount += 6
                if bitCount >= 8 {
                    bitCount -= 8
                    decoded.append(UInt8(truncatingIfNeeded: bits >> UInt32(bitCount)))
                }
            }
            return decoded
        }
    }

    /// The value of a base64 digit (RFC 4648 section 4); nil for line breaks and padding.
    private static func sextet(_ character: UInt8) -> UInt32? {
        switch character {
        case UInt8(ascii: "A")...UInt8(ascii: "Z"): UInt32(character - UInt8(ascii: "A"))
        case UInt8(ascii: "a")...UInt8(ascii: "z"): UInt32(character - UInt8(ascii: "a")) + 26
        case UInt8(ascii: "0")...UInt8(ascii: "9"): UInt32(character - UInt8(ascii: "0")) + 52
        case UInt8(ascii: "+"): 62
        case UInt8(ascii: "/"): 63
        default: nil
        }
    }
}
