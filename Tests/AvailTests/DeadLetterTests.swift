import ArgumentParser
import Foundation
import Proto
import SwiftProtobuf
import Testing

@testable import AvailCommands

struct DeadLetterTextTests {
    private func letter(_ contentType: String, _ body: [UInt8]) -> Availability_V1_DeadLetter {
        .with {
            $0.id = "1k-7"
            $0.source = "wms"
            $0.eventID = "e"
            $0.reason = "NOT_OWNER"
            $0.message = "source: wms does not own on_hand of WH1"
            $0.contentType = contentType
            $0.body = Data(body)
        }
    }

    @Test func theOriginalIsShownAsWhatItIs() throws {
        let event = Availability_V1_InventoryEvent.with { $0.id = "e" }
        let bytes: [UInt8] = try event.serializedBytes()
        #expect(DeadLetterText.lines(letter("application/x-protobuf", bytes)).last == #"  {"id":"e"}"#)
        let text = DeadLetterText.lines(letter("text/csv", Array("a,b\r\n1,\u{1B}[2J".utf8)))
        #expect(Array(text.suffix(2)) == ["  a,b", "  1,?[2J"])
        let binary = DeadLetterText.lines(letter("text/csv", [UInt8](repeating: 0xFF, count: 17)))
        #expect(binary.last == "  ff")
        #expect(binary.contains("original: text/csv, 17 bytes"))
    }

    @Test func aFilterIsMadeOfOptions() throws {
        let filter = try DeadLetterFilter.parse(["--reason", "not-owner", "--newer-than", "1h"])
        let request = filter.request(now: Date(timeIntervalSince1970: 10_000))
        #expect(request.reason == "NOT_OWNER")
        #expect(request.fromTime.seconds == 6_400)
        #expect(!request.hasUntilTime)
    }

    @Test func progressIsABarWhereTheTotalIsKnown() {
        var progress = TerminalProgress(label: "replay", unit: "dead letters")
        progress.add(7)
        #expect(progress.line == "replay 7 dead letters")
        progress.total = 14
        #expect(progress.line == "replay ████████████░░░░░░░░░░░░ 50 % 7 of 14 dead letters")
        progress.add(100)
        #expect(progress.line.hasSuffix("100 % 107 of 14 dead letters"))
    }
}
