import Foundation
import Inventory
import Testing

@testable import Tryton

@Suite struct TrytonValueTests {
    private func decoded(_ text: String) throws -> TrytonValue {
        try JSONDecoder().decode(TrytonValue.self, from: Data(text.utf8))
    }

    @Test func readsWhatTrytonWrites() throws {
        let record = try decoded(
            """
            {"id": 7, "quantity": 2.5, "whole": 93.0, "active": true, "number": null, "name": "€",
             "price": {"__class__": "Decimal", "decimal": "1.50"},
             "day": {"__class__": "date", "year": 2026, "month": 1, "day": 31},
             "moves.": [{"state": "draft"}], "other": {"__class__": "timedelta", "seconds": 1}}
            """)
        #expect(record["id"].integer == 7)
        #expect(record["quantity"].number == 2.5)
        #expect(record["whole"].integer == 93)
        #expect(record["active"] == true)
        #expect(record["number"] == .null)
        #expect(record["name"].text == "€")
        #expect(record["price"] == .decimal("1.50"))
        #expect(record["price"].number == 1.5)
        #expect(record["day"] == .date(year: 2026, month: 1, day: 31))
        #expect(record["moves."].list.first?["state"] == "draft")
        #expect(record["other"]["seconds"] == 1)
        #expect(record["missing"] == .null)
    }

    @Test func timesAreReadAndWrittenToTheMicrosecond() throws {
        let text =
            #"{"__class__": "datetime", "year": 2026, "month": 11, "day": 1, "hour": 3, "minute": 4, "second": 5,"#
            + #" "microsecond": 60}"#
        let time = try decoded(text)
        let nanoseconds = try #require(time.timeNanoseconds)
        #expect(Timestamp.text(nanoseconds) == "2026-11-01T03:04:05.000060Z")
        #expect(TrytonValue.time(nanoseconds) == time && TrytonValue.time(nanoseconds + 999) == time)
        #expect(TrytonValue.time(0)["year"].integer == 1_970)
        #expect(try decoded("{}").timeNanoseconds == nil && TrytonValue.null.timeNanoseconds == nil)
    }

    @Test func writesWhatItReads() throws {
        let value: TrytonValue = [
            "price": .decimal("0"), "day": .date(year: 2026, month: 2, day: 3), "domain": [["code", "in", ["A"]]],
            "none": nil, "flag": false, "half": .number(0.5),
        ]
        #expect(try JSONDecoder().decode(TrytonValue.self, from: JSONEncoder().encode(value)) == value)
    }

    @Test(arguments: ["r-1-2a/3", "r-0-0/4294967295"])
    func referencesAreReadBack(text: String) {
        #expect(ShipmentReference(text)?.text == text)
    }

    @Test(arguments: ["", "r-1-2a", "r-1-2a/", "r-1-2a/x", "r-1-2a/1/2", "s-1/1", "r-1-2a/-1", "r-1-2a/4294967296"])
    func othersReferencesAreNotOurs(text: String) {
        #expect(ShipmentReference(text) == nil)
    }

    @Test func quantitiesStayWithinTheirRange() {
        #expect(Int64(clamping: 7) == 7)
        #expect(Int64(clamping: 1e30) == .max)
        #expect(Int64(clamping: -1e30) == .min)
        #expect(Int64(clamping: .nan) == 0)
    }

    @Test func settingsSayWhatIsWrong() {
        #expect(scriptedSettings.problems.isEmpty)
        var settings = scriptedSettings
        settings.url = "ftp://name:secret@host"
        settings.company = ""
        settings.warehouses = ["WH1": "A", "WH2": "A"]
        settings.requestTimeoutSeconds = 0
        #expect(settings.problems.count == 5)
        #expect(!settings.problems.joined().contains("secret"))
    }

    @Test func passwordsAreReadAnewAndTrimmed() throws {
        let file = FileManager.default.temporaryDirectory.appendingPathComponent(UUID().uuidString)
        defer { try? FileManager.default.removeItem(at: file) }
        try Data("  two words \n".utf8).write(to: file)
        #expect(try TrytonPassword.file(file.path).read() == "two words")
        try Data("\n".utf8).write(to: file)
        #expect(throws: TrytonProblem.self) { try TrytonPassword.file(file.path).read() }
        #expect(throws: TrytonProblem.misconfigured("the environment variable NOT_SET_HERE has no password")) {
            try TrytonPassword.environment("NOT_SET_HERE").read()
        }
    }
}
