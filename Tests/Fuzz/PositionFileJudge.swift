import Foundation
import Inventory

@testable import Catalogue
@testable import Records

/// Files of positions: how the bytes come in pieces does not matter; a row that is taken is within the limits and reads
/// back from an export as it was; one that is refused says where and why.
struct PositionFileJudge {
    let format: PositionFormat

    func judge(_ input: [UInt8]) {
        var source = ByteSource(input)
        let seed = source.byte()
        let file = grown(source.remaining(), by: seed)
        let records = records(of: [file])
        var cutter = Cutter(seed: seed)
        expect(records == self.records(of: cutter.pieces(of: file)), "records depend on how the bytes came")

        var line = 0
        var offset: UInt64 = 0
        for record in records {
            expect(record.line > line && record.offset >= offset, "a record's line or place goes back")
            expect(record.bytes.count <= RawRecord.bytesMax, "a record beyond its limit")
            line = record.line
            offset = record.offset + 1
            if record.problem == nil, record.offset > 0 || !file.starts(with: [0xEF, 0xBB, 0xBF]) {
                let place = Int(record.offset)
                expect(Array(file[place..<place + record.bytes.count]) == record.bytes, "a record is not where it says")
            }
        }
        judgeRows(records)
    }

    private func records(of pieces: [[UInt8]]) -> [RawRecord] {
        var rest = pieces[...]
        var reader = RecordReader(isCSV: format == .csv) { () throws(PositionFileError) in rest.popFirst() ?? [] }
        var records: [RawRecord] = []
        do throws(PositionFileError) {
            while let record = try reader.next() { records.append(record) }
        } catch {
            fatalError("reading memory failed: \(error)")
        }
        return records
    }

    private func judgeRows(_ records: [RawRecord]) {
        var rows = RowParser(format: format)
        for record in records where record.problem == nil {
            do throws(CellProblem) {
                guard let row = try rows.row(record.bytes) else { continue }
                check(row)
                expect(exported(row) == row.withEveryBucket, "a row reads otherwise than it was exported")
                if format == .jsonLines { expectJSON(record.bytes, row) }
            } catch {
                expect(!error.reason.isEmpty, "refused without a reason")
                let isKnown = error.column.isEmpty || PositionColumn(name: error.column) != nil
                expect(isKnown, "no such column: \(error.column)")
                if !rows.hasHeader { return }
            }
        }
    }

    private func check(_ row: PositionRow) {
        expect(TextRules.problem(row.sku, bytesMax: Limits.skuBytesMax) == nil, "a sku beyond the rules")
        expect(TextRules.problem(row.location, bytesMax: Limits.nameBytesMax) == nil, "a location beyond the rules")
        expect(!row.touched.isEmpty, "a row without figures")
        for bucket in Bucket.allCases {
            let range = row.touched.contains(bucket) ? -Limits.quantityMax...Limits.quantityMax : 0...0
            expect(range.contains(row.values[bucket]), "\(bucket.name) beyond its limit")
            expect(bucket.isFed || !row.touched.contains(bucket), "\(bucket.name) is not the sender's to set")
        }
        expect(row.occurredAtNanoseconds.map { $0 > 0 } ?? true, "a time that never was")
    }

    /// The row as an export of that position would be read.
    private func exported(_ row: PositionRow) -> PositionRow? {
        var position = Position()
        position.buckets = row.values
        position.authoritativeTimeNanoseconds = row.occurredAtNanoseconds ?? 0
        let writer = PositionWriter(format: format)
        let line = writer.line(ExportedPosition(sku: row.sku, location: row.location, position: position))
        var rows = RowParser(format: format)
        var last: PositionRow?
        for record in records(of: [writer.header + line]) { last = try? rows.row(record.bytes) }
        return last
    }

    /// What is taken for JSON is JSON, and says the same to another parser.
    private func expectJSON(_ line: [UInt8], _ row: PositionRow) {
        let object = try? JSONSerialization.jsonObject(with: Data(line)) as? [String: Any]
        guard let object else { fatalError("taken, but no JSON object") }
        // By scalars: a string's own equality takes composed and decomposed forms for the same.
        func says(_ column: String, _ text: String) -> Bool {
            (object[column] as? String).map { Array($0.utf8) == Array(text.utf8) } ?? false
        }
        expect(says("sku", row.sku) && says("location", row.location), "read otherwise than by Foundation")
        for bucket in Bucket.allCases where row.touched.contains(bucket) {
            guard let number = object[bucket.name] as? NSNumber else { continue }
            expect(number.int64Value == row.values[bucket], "\(bucket.name) is read otherwise than by Foundation")
        }
    }
}

/// The rows of either format, one record after the other.
private struct RowParser {
    private let format: PositionFormat
    private var csv: CSVRowParser?
    private var json = JSONRowParser()

    init(format: PositionFormat) {
        self.format = format
    }

    var hasHeader: Bool { format == .jsonLines || csv != nil }

    /// Nil for the header.
    mutating func row(_ record: [UInt8]) throws(CellProblem) -> PositionRow? {
        if format == .jsonLines { return try json.row(record) }
        if csv != nil { return try csv?.row(record) }
        csv = try CSVRowParser(header: record)
        return nil
    }
}

extension PositionRow {
    /// As it is after an export, which writes every bucket and passes over no column.
    fileprivate var withEveryBucket: PositionRow {
        var row = self
        for bucket in Bucket.allCases where bucket.isFed { row.set(bucket, to: values[bucket]) }
        row.hasIgnoredColumns = false
        return row
    }
}
