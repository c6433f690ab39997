import Foundation
import Proto
import SwiftProtobuf

/// Dead letters for people.
enum DeadLetterText {
    static func table(_ letters: [Availability_V1_DeadLetter]) -> TextTable {
        var table = TextTable([
            ("ID", .left), ("RECEIVED", .left), ("SOURCE", .left), ("EVENT", .left), ("REPLAYED", .right),
            ("REASON", .left), ("MESSAGE", .left),
        ])
        for letter in letters {
            table.add([
                letter.id, DurationText.time(letter.receiveTime, isPresent: letter.hasReceiveTime), letter.source,
                letter.eventID, "\(letter.replayCount)", letter.reason, letter.message,
            ])
        }
        return table
    }

    static func table(_ results: [Availability_V1_DeadLetterReplay]) -> TextTable {
        var table = TextTable(["ID", "OUTCOME", "REASON"])
        for result in results { table.add([result.id, outcome(result), result.reason]) }
        return table
    }

    static func table(_ counts: [String: Int]) -> TextTable {
        var table = TextTable([("OUTCOME", .left), ("EVENTS", .right)])
        for (outcome, count) in counts.sorted(by: { $0.key < $1.key }) { table.add([outcome, "\(count)"]) }
        return table
    }

    static func outcome(_ result: Availability_V1_DeadLetterReplay) -> String {
        result.outcome == .unspecified ? "NOT_FOUND" : result.outcome.shortName
    }

    /// One letter whole: how it failed, then what was received.
    static func lines(_ letter: Availability_V1_DeadLetter) -> [String] {
        let heading = [
            "id: \(letter.id)", "source: \(letter.source)", "event: \(letter.eventID)",
            "received: \(DurationText.time(letter.receiveTime, isPresent: letter.hasReceiveTime))",
            "replayed: \(letter.replayCount)", "reason: \(letter.reason)", "message: \(letter.message)",
            "original: \(letter.contentType), \(letter.body.count) bytes",
        ]
        return heading.map(TextTable.printable) + original(letter).map { "  " + TextTable.printable($0) }
    }

    /// Protobuf as its JSON, text as it is, all else in hexadecimal.
    private static func original(_ letter: Availability_V1_DeadLetter) -> [String] {
        if letter.contentType == "application/x-protobuf" {
            var options = JSONEncodingOptions()
            options.useDeterministicOrdering = true
            if let event = try? Availability_V1_InventoryEvent(serializedBytes: letter.body),
                let json = try? event.jsonString(options: options)
            {
                return [json]
            }
        } else if let text = String(data: letter.body, encoding: .utf8) {
            return text.split(whereSeparator: \.isNewline).map(String.init)
        }
        return stride(from: 0, to: letter.body.count, by: 16).map { start in
            letter.body.dropFirst(start).prefix(16).map { byte in
                let digits = String(byte, radix: 16)
                return digits.count == 1 ? "0" + digits : digits
            }.joined(separator: " ")
        }
    }
}
