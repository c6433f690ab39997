/// The encoding of `grpc-message`: printable ASCII other than `%` stands for itself, every other byte is `%XX`.
enum PercentEncoding {
    private static let hexadecimal: [UInt8] = Array("0123456789ABCDEF".utf8)

    /// At most `limit` bytes: what does not fit is cut between characters.
    static func encode(_ text: String, limit: Int) -> [UInt8] {
        var encoded: [UInt8] = []
        encoded.reserveCapacity(min(limit, text.utf8.count))
        for scalar in text.unicodeScalars {
            let before = encoded.count
            for byte in String(scalar).utf8 {
                if byte >= 0x20, byte <= 0x7E, byte != UInt8(ascii: "%") {
                    encoded.append(byte)
                } else {
                    encoded.append(UInt8(ascii: "%"))
                    encoded.append(hexadecimal[Int(byte >> 4)])
                    encoded.append(hexadecimal[Int(byte & 15)])
                }
            }
            if encoded.count > limit {
                encoded.removeLast(encoded.count - before)
                break
            }
        }
        return encoded
    }
}
