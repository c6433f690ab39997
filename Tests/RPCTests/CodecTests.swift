import Testing

@testable import RPC

struct CallTimeoutTests {
    @Test(
        arguments: [
            ("1H", 3_600_000_000_000), ("2M", 120_000_000_000), ("3S", 3_000_000_000), ("4m", 4_000_000), ("5u", 5_000),
            ("6n", 6), ("0S", 0), ("00000010m", 10_000_000), ("99999999S", 99_999_999_000_000_000),
        ] as [(String, UInt64)])
    func wellFormedTimeoutIsNanoseconds(text: String, nanoseconds: UInt64) {
        #expect(parse(text) == nanoseconds)
    }

    @Test func timeoutBeyondTheClockNeverComes() {
        #expect(parse("99999999H") == .max)
    }

    @Test(arguments: ["", "S", "1", "1s", "123456789S", "-1S", "1 S", " 1S", "+1S", "1.5S", "1SS", "Sm"])
    func malformedTimeoutIsNone(text: String) {
        #expect(parse(text) == nil)
    }

    private func parse(_ text: String) -> UInt64? {
        Array(text.utf8).withUnsafeBytes { CallTimeout.parse($0) }
    }
}

struct PercentEncodingTests {
    @Test(arguments: [
        ("", ""), ("plain text ~", "plain text ~"), ("50%", "50%25"), ("a\nb", "a%0Ab"), ("ü", "%C3%BC"),
        ("\u{7F}", "%7F"), ("😀", "%F0%9F%98%80"),
    ])
    func messageIsEncoded(text: String, encoded: String) {
        #expect(String(decoding: PercentEncoding.encode(text, limit: 100), as: UTF8.self) == encoded)
    }

    @Test func cutFallsBetweenCharacters() {
        for limit in 0...12 {
            let encoded = PercentEncoding.encode("aüü", limit: limit)
            #expect(encoded.count <= limit)
            #expect([0, 1, 7, 13].contains(encoded.count))
        }
    }
}

struct Base64Tests {
    @Test(arguments: [("", ""), ("f", "Zg"), ("fo", "Zm8"), ("foo", "Zm9v"), ("foob", "Zm9vYg")])
    func encodingHasNoPadding(text: String, encoded: String) {
        let bytes = Base64.encode(Array(text.utf8))
        #expect(String(decoding: bytes, as: UTF8.self) == encoded)
        #expect(bytes.count == Base64.encodedCount(text.utf8.count))
    }

    @Test func everyByteValueIsEncoded() {
        let encoded = String(decoding: Base64.encode([0xFB, 0xFF, 0xFE]), as: UTF8.self)
        #expect(encoded == "+//+")
    }
}

struct MessagePrefixTests {
    @Test func prefixIsReadAsWritten() {
        for length in [0, 1, 255, 256, 65_536, 16_777_216, 4_294_967_295] {
            for compressed in [false, true] {
                var bytes = [UInt8](repeating: 0, count: 5)
                bytes.withUnsafeMutableBytes {
                    MessagePrefix.write(to: $0.baseAddress!, compressed: compressed, length: length)
                }
                let prefix = bytes.withUnsafeBytes { MessagePrefix($0) }
                #expect(prefix?.length == length && prefix?.isCompressed == compressed)
            }
        }
    }

    @Test func fewerThanFiveBytesAreNoPrefix() {
        for count in 0..<5 {
            #expect([UInt8](repeating: 0, count: count).withUnsafeBytes { MessagePrefix($0) } == nil)
        }
    }
}

struct GzipTests {
    @Test(arguments: [0, 1, 100, 4_096, 100_000])
    func whatIsDeflatedInflates(count: Int) {
        var gzip = Gzip()
        let message = (0..<count).map { UInt8(truncatingIfNeeded: $0 &* $0 >> 3) }
        for _ in 0..<3 {
            var packed = ByteQueue()
            var plain = ByteQueue()
            let isDeflated = message.withUnsafeBytes { gzip.deflate($0, into: &packed) }
            let inflated = gzip.inflate(packed.bytes, limit: count, into: &plain)
            #expect(isDeflated && inflated == .whole)
            let bytes = Array(plain.bytes)
            #expect(bytes == message)
        }
    }

    @Test func inflatingStopsAtTheLimit() {
        var gzip = Gzip()
        var packed = ByteQueue()
        var plain = ByteQueue()
        let bomb = [UInt8](repeating: 0, count: 10_000_000)
        let isDeflated = bomb.withUnsafeBytes { gzip.deflate($0, into: &packed) }
        let inflated = gzip.inflate(packed.bytes, limit: 1_000, into: &plain)
        let count = plain.count
        #expect(isDeflated && inflated == .tooLarge && count <= 1_001)
    }

    @Test func damagedDataIsCorrupt() {
        var gzip = Gzip()
        var packed = ByteQueue()
        let message = Array("availability availability availability".utf8)
        let isDeflated = message.withUnsafeBytes { gzip.deflate($0, into: &packed) }
        #expect(isDeflated)
        let whole = Array(packed.bytes)
        var flipped = whole
        flipped[whole.count - 5] ^= 1
        let damaged = (0..<whole.count).map { Array(whole[..<$0]) } + [whole + [0], flipped]
        for bytes in damaged {
            let inflated = inflate(&gzip, bytes)
            #expect(inflated == .corrupt, "\(bytes.count) of \(whole.count) bytes")
        }
        let inflated = inflate(&gzip, whole)
        #expect(inflated == .whole)
    }

    private func inflate(_ gzip: inout Gzip, _ bytes: [UInt8]) -> Gzip.Inflated {
        var plain = ByteQueue()
        return bytes.withUnsafeBytes { gzip.inflate($0, limit: 1_000, into: &plain) }
    }
}
