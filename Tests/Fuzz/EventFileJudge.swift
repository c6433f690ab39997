import Engine
import Foundation
import Inventory

@testable import Feeds
@testable import Records

/// Files of events, as the feed of files reads them: however the bytes come in pieces, each record becomes one event or one
/// refusal that says where and why. What is kept of a row reads as the row did, but a row of which only the beginning is kept
/// is never read; an event that is written as a row reads back as it was.
struct EventFileJudge {
    private static let idPrefix = "0123456789abcdef"
    private static let strict = FeedMapping(
        skus: ["A": "ours"], passesUnlistedSkus: false, locations: ["W": "WH1"], passesUnlistedLocations: false)

    let isCSV: Bool

    private struct Row: Equatable {
        var line: Int
        var event: InventoryEvent
        var rejection: EventRejection?
        var original: [UInt8]
    }

    private struct Reading: Equatable {
        var rows: [Row] = []
        /// Why the file as a whole says nothing.
        var problem: FileProblem?
    }

    func judge(_ input: [UInt8]) {
        var source = ByteSource(input)
        let seed = source.byte()
        let file = grown(source.remaining(), by: seed)
        let isStrict = seed & 0x10 != 0
        let format = RowFormat(source: "wms", mapping: isStrict ? Self.strict : FeedMapping(), isCSV: isCSV)
        let reading = read([file], format)
        var cutter = Cutter(seed: seed)
        expect(reading == read(cutter.pieces(of: file), format), "rows depend on how the bytes came")

        var records = records(of: file)[...]
        if isCSV { records = records.dropFirst() }
        if case .unusable(let line, let reason) = reading.problem {
            expect(isCSV && line >= 1 && reason.hasPrefix("header: "), "a file is refused nowhere or for nothing")
            return expect(reading.rows.isEmpty, "a file is refused and taken")
        }
        expect(reading.rows.map(\.line) == records.map(\.line), "a row is told twice or not at all")
        for (row, record) in zip(reading.rows, records) {
            check(row, isWhole: record.problem == nil, format)
            if isStrict, row.rejection == nil { checkMapped(row.event) }
            if !isStrict, row.rejection == nil { checkWritten(row.event, format) }
            if !isCSV, row.rejection == nil { expectJSON(record.bytes, row.event, isStrict: isStrict) }
        }
    }

    private func read(_ pieces: [[UInt8]], _ format: RowFormat) -> Reading {
        var rest = pieces[...]
        var reading = Reading()
        do throws(FileProblem) {
            var rows = try format.rows(idPrefix: Self.idPrefix) { () throws(FileProblem) in rest.popFirst() ?? [] }
            while let row = try rows.next() {
                expect(row.events.count == 1, "a row comes to \(row.events.count) events")
                for told in row.events {
                    reading.rows.append(
                        Row(line: row.line, event: told.event, rejection: told.rejection, original: told.original))
                }
            }
        } catch {
            reading.problem = error
        }
        return reading
    }

    private func records(of file: [UInt8]) -> [RawRecord] {
        var rest: [UInt8]? = file
        var reader = RecordReader(isCSV: isCSV) { () throws(Never) in
            defer { rest = nil }
            return rest ?? []
        }
        var records: [RawRecord] = []
        while let record = reader.next() { records.append(record) }
        return records
    }

    private func check(_ row: Row, isWhole: Bool, _ format: RowFormat) {
        expect(!row.event.id.isEmpty && row.event.source == "wms", "an event without an id, or of another source")
        expect(row.original.count <= 2 * RawRecord.bytesMax + 1, "an original beyond its limit")
        if let rejection = row.rejection {
            expect(rejection.reason == .invalidField && !rejection.message.isEmpty, "a refusal without a reason")
            let isOfTheMap = rejection.message.hasSuffix("is not in the feed's map")
            expect(isOfTheMap || rejection.message.contains("line \(row.line): "), "a refusal that does not say where")
        } else {
            do throws(EventRejection) {
                try EventRules.checkFields(row.event)
            } catch {
                expect(!error.message.isEmpty, "a rejection without a reason")
            }
        }
        let again = format.event(of: row.original, id: row.event.id)
        guard isWhole else {
            return expect(again.rejection != nil, "the beginning of a row is read as if it were whole")
        }
        expect(again.event == row.event, "what is kept reads otherwise")
        expect((again.rejection == nil) == (row.rejection == nil), "what is kept is judged otherwise")
        expect(again.original == row.original, "what is kept changes")
    }

    private func checkMapped(_ event: InventoryEvent) {
        expect(["", "ours"].contains(event.sku), "a sku that is not listed")
        expect(
            [event.location, event.toLocation].allSatisfy { ["", "WH1"].contains($0) }, "a location that is not listed")
    }

    private func checkWritten(_ event: InventoryEvent, _ format: RowFormat) {
        let text = isCSV ? EventRowText.csv(event) : EventRowText.json(event)
        guard text.count <= RawRecord.bytesMax else { return }
        let again = read([text], format)
        expect(
            again.rows.map(\.event) == [event] && again.rows[0].rejection == nil,
            "an event that was written reads otherwise")
    }

    /// What is taken for JSON is JSON, and says the same to another parser.
    private func expectJSON(_ line: [UInt8], _ event: InventoryEvent, isStrict: Bool) {
        let object = try? JSONSerialization.jsonObject(with: Data(line)) as? [String: Any]
        guard let object else { fatalError("taken, but no JSON object") }
        guard !isStrict else { return }
        for (name, text) in [("sku", event.sku), ("location", event.location), ("lot", event.lot)] {
            guard let value = object[name] else {
                expect(text.isEmpty, "\(name) comes from nowhere")
                continue
            }
            // By bytes: a string's own equality takes composed and decomposed forms for the same.
            guard let told = value as? String else { continue }
            let trimmed = CellText.trimmed(Array(told.utf8)[...])
            expect(trimmed.elementsEqual(text.utf8), "\(name) is read otherwise than by Foundation")
        }
    }
}

/// An event as a row of either format.
enum EventRowText {
    static func csv(_ event: InventoryEvent) -> [UInt8] {
        func quoted(_ text: String) -> [UInt8] {
            [UInt8(ascii: "\"")] + text.utf8.flatMap { $0 == UInt8(ascii: "\"") ? [$0, $0] : [$0] } + [
                UInt8(ascii: "\"")
            ]
        }
        var cells = fields(of: event)
        // Without these a header is refused.
        for name in ["type", "occurred_at"] where !cells.contains(where: { $0.name == name }) {
            cells.append((name, ""))
        }
        let header = cells.map(\.name).joined(separator: ",") + "\n"
        return Array(header.utf8) + Array(cells.map { quoted($0.text) }.joined(separator: [UInt8(ascii: ",")]))
    }

    static func json(_ event: InventoryEvent) -> [UInt8] {
        let fields = fields(of: event)
        func members(_ fields: [(name: String, text: String)]) -> String {
            fields.map { "\(quoted($0.name)):\(quoted($0.text))" }.joined(separator: ",")
        }
        var parts = [members(fields.filter { !$0.name.contains(".") })]
        for parent in ["position", "supply"] {
            let inner = fields.filter { $0.name.hasPrefix(parent + ".") }
            guard !inner.isEmpty else { continue }
            parts.append(
                "\(quoted(parent)):{\(members(inner.map { (String($0.name.dropFirst(parent.count + 1)), $0.text) }))}")
        }
        if !event.contains.isEmpty {
            let holds = event.contains.map { hold in
                "{\"reservationId\":\(quoted(hold.reservationID)),\"reservationLine\":\(hold.lineID),"
                    + "\"quantity\":\(hold.quantity)}"
            }
            parts.append("\"contains\":[\(holds.joined(separator: ","))]")
        }
        return Array("{\(parts.joined(separator: ","))}".utf8)
    }

    private static func quoted(_ text: String) -> String {
        var bytes: [UInt8] = [UInt8(ascii: "\"")]
        for byte in text.utf8 {
            switch byte {
            case UInt8(ascii: "\""), UInt8(ascii: "\\"): bytes += [UInt8(ascii: "\\"), byte]
            case 0..<0x20: bytes += Array("\\u00\(byte < 16 ? "0" : "")\(String(byte, radix: 16))".utf8)
            default: bytes.append(byte)
            }
        }
        return String(decoding: bytes + [UInt8(ascii: "\"")], as: UTF8.self)
    }

    /// What is there, by the contract's names.
    private static func fields(of event: InventoryEvent) -> [(name: String, text: String)] {
        func time(_ nanoseconds: WallNanoseconds) -> String { nanoseconds == 0 ? "" : Timestamp.text(nanoseconds) }
        func number(_ number: some BinaryInteger) -> String { number == 0 ? "" : String(number) }
        var fields: [(name: String, text: String)] = [
            ("id", event.id), ("source", event.source), ("sequence", event.sequence.map { String($0) } ?? ""),
            ("type", event.kind.contractName), ("occurred_at", time(event.occurredAtNanoseconds)), ("sku", event.sku),
            ("location", event.location), ("to_location", event.toLocation), ("lot", event.lot),
            ("quantity", event.quantity.map { String($0) } ?? ""), ("status", name(event.status)),
            ("to_status", name(event.toStatus)), ("reason", event.reason), ("reference", event.reference),
            ("reservation_id", event.hold.reservationID), ("reservation_line", number(event.hold.lineID)),
            ("erp_reference", event.hold.erpReference), ("order_reference", event.hold.orderReference),
            ("correlation_id", event.correlationID), ("supply.id", event.supply.id),
            ("supply.quantity", number(event.supply.quantity)),
            ("supply.expected_at", time(event.supply.expectedAtNanoseconds)),
            ("supply.backordered", number(event.supply.backordered)),
        ]
        for bucket in Bucket.allCases where event.snapshot.touched.contains(bucket) {
            fields.append(("position.\(bucket.name)", String(event.snapshot.values[bucket])))
        }
        return fields.filter { !$0.text.isEmpty }
    }

    private static func name(_ status: StockStatus?) -> String {
        switch status {
        case .sellable: "SELLABLE"
        case .quarantined: "QUARANTINED"
        case .damaged: "DAMAGED"
        case .unknown, nil: ""
        }
    }
}
