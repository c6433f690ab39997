import Testing

@testable import Configure

struct QuantitiesTests {
    @Test(
        arguments: [
            ("500ms", 500_000_000), ("30s", 30_000_000_000), ("5m", 300_000_000_000), ("1h", 3_600_000_000_000),
            ("7d", 604_800_000_000_000), ("0", 0), ("0s", 0),
        ] as [(String, Int64)])
    func durationsAreRead(_ text: String, _ nanoseconds: Int64) {
        #expect(Quantities.duration(text) == nanoseconds)
    }

    @Test(arguments: ["", "s", "5", "-5s", "5 s", "1.5h", "5S", "9999999999999d", "fives", "_5s"])
    func otherDurationsAreRefused(_ text: String) {
        #expect(Quantities.duration(text) == nil)
    }

    @Test(
        arguments: [
            ("0", 0), ("65536", 65_536), ("65_536", 65_536), ("10B", 10), ("64MiB", 64 << 20), ("1TiB", 1 << 40),
        ] as [(String, Int64)])
    func sizesAreRead(_ text: String, _ bytes: Int64) {
        #expect(Quantities.size(text) == bytes)
    }

    @Test(arguments: ["", "MiB", "1MB", "1.5GiB", "-1", "99999999999TiB"])
    func otherSizesAreRefused(_ text: String) {
        #expect(Quantities.size(text) == nil)
    }

    @Test(arguments: [("5%", 5), ("0%", 0), ("100%", 100), ("101%", nil), ("%", nil), ("5", nil)] as [(String, Int?)])
    func percentages(_ text: String, _ percent: Int?) {
        #expect(Quantities.percent(text) == percent)
    }

    @Test(arguments: [("A", true), ("", false), ("Ä" + String(repeating: "x", count: 30), true), ("a\u{7}b", false)])
    func identifiers(_ text: String, _ isValid: Bool) {
        #expect((Quantities.identifier(text) != nil) == isValid)
        #expect(Quantities.identifier(String(repeating: "x", count: 33)) == nil)
    }
}

struct SuggestionTests {
    @Test(
        arguments: [
            ("bufer", "buffer"), ("sharepercent", "share_percent"), ("lsiten", "listen"), ("colour", nil),
        ] as [(String, String?)])
    func theNearestNameIsSuggestedWhenItIsNear(_ name: String, _ suggestion: String?) {
        #expect(Suggestion.nearest(to: name, among: ["buffer", "share_percent", "listen", "cap"]) == suggestion)
    }
}

struct ListenAddressTests {
    @Test(
        arguments: [
            ("127.0.0.1:50051", "127.0.0.1", 50_051, true), ("[::1]:0", "::1", 0, true),
            ("localhost:80", "localhost", 80, true), ("0.0.0.0:1", "0.0.0.0", 1, false), ("[::]:2", "::", 2, false),
            ("127.evil.example.org:3", "127.evil.example.org", 3, false),
        ] as [(String, String, UInt16, Bool)])
    func addressesAreRead(_ text: String, _ host: String, _ port: UInt16, _ isLoopback: Bool) {
        let address = ListenAddress(text)
        #expect(address == ListenAddress(host: host, port: port))
        #expect(address?.isLoopback == isLoopback)
        #expect(address?.description == text)
    }

    @Test(arguments: ["", "8080", ":8080", "host", "host:", "host:99999", "::1:80", "[::1]", "[host]:80", "a b:1"])
    func otherAddressesAreRefused(_ text: String) {
        #expect(ListenAddress(text) == nil)
    }
}
