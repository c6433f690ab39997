import Inventory
import Testing

@testable import Catalogue

@Suite struct TimestampTests {
    @Test(arguments: [
        ("1970-01-01T00:00:00.000000001Z", 1),
        ("2000-02-29T12:00:00Z", 951_825_600_000_000_000),
        ("2026-11-21T03:00:00Z", 1_795_230_000_000_000_000),
        ("2026-11-21t03:00:00z", 1_795_230_000_000_000_000),
        ("2026-11-21 03:00:00Z", 1_795_230_000_000_000_000),
        ("2026-11-21T03:00:00.123456789123Z", 1_795_230_000_123_456_789),
        ("2026-11-21T05:30:00+02:30", 1_795_230_000_000_000_000),
        ("2026-11-20T22:00:00-05:00", 1_795_230_000_000_000_000),
        ("2016-12-31T23:59:60Z", 1_483_228_800_000_000_000),
        ("2262-04-11T23:47:16.854775807Z", Int64.max),
    ])
    func `a time of RFC 3339 is nanoseconds since 1970`(text: String, nanoseconds: Int64) {
        #expect(Timestamp.nanoseconds(Array(text.utf8)[...]) == nanoseconds)
    }

    @Test(arguments: [
        "", "2026-11-21", "2026-11-21T03:00:00", "2026-11-21T03:00Z", "2026-13-01T00:00:00Z", "2026-02-29T00:00:00Z",
        "2100-02-29T00:00:00Z", "2026-11-21T24:00:00Z", "2026-11-21T03:60:00Z", "2026-11-21T03:00:61Z",
        "2026-11-21T03:00:00.Z", "2026-11-21T03:00:00+0100", "2026-11-21T03:00:00Zx", "1970-01-01T00:00:00Z",
        "1969-12-31T23:59:59Z", "2263-01-01T00:00:00Z", "9999-12-31T23:59:59Z", "26-11-21T03:00:00Z",
    ])
    func `anything else is refused`(text: String) {
        #expect(Timestamp.nanoseconds(Array(text.utf8)[...]) == nil)
    }

    @Test func `what is written is read back`() {
        let seed = UInt64.random(in: 0 ... .max)
        var dice = Dice(seed: seed)
        let units: [Int64] = [1, 1_000, 1_000_000, 1_000_000_000]
        for _ in 0..<20_000 {
            let unit = units[Int(dice.number(0...3))]
            let time = max(1, dice.number(1...Int64.max) / unit * unit)
            #expect(Timestamp.nanoseconds(Array(Timestamp.text(time).utf8)[...]) == time, "seed \(seed), \(time)")
        }
    }

    @Test(arguments: [
        (1_795_230_000_000_000_000, "2026-11-21T03:00:00Z"), (1_795_230_000_120_000_000, "2026-11-21T03:00:00.120Z"),
        (1_795_230_000_000_001_000, "2026-11-21T03:00:00.000001Z"), (1, "1970-01-01T00:00:00.000000001Z"),
    ])
    func `a time is written with the digits it needs`(nanoseconds: Int64, text: String) {
        #expect(Timestamp.text(nanoseconds) == text)
    }
}
