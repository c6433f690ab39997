internal import Foundation
internal import Inventory
internal import Records

/// Reads the `skus_file` of a feed's map: CSV with the header `theirs,ours`.
enum SkuFile {
    struct Problem: Error, CustomStringConvertible {
        let description: String
    }

    /// Ours by theirs.
    static func read(_ path: String) throws -> [String: String] {
        guard let data = FileManager.default.contents(atPath: path) else {
            throw Problem(description: "\(path): cannot be read")
        }
        var rest: [UInt8]? = Array(data)
        var records = RecordReader(isCSV: true) { () throws(Never) in
            defer { rest = nil }
            return rest ?? []
        }
        var fields = CSVFields()
        var skus: [String: String] = [:]
        var hasHeader = false
        while let record = records.next() {
            do throws(CellProblem) {
                if let problem = record.problem { throw CellProblem(reason: problem) }
                try fields.parse(record.bytes)
                guard fields.count == 2 else { throw CellProblem(reason: "has \(fields.count) fields, expected 2") }
                let theirs = try CellText.name(CellText.trimmed(fields[0]), bytesMax: 256, column: "theirs")
                let ours = try CellText.name(CellText.trimmed(fields[1]), bytesMax: Limits.skuBytesMax, column: "ours")
                if !hasHeader {
                    guard (theirs, ours) == ("theirs", "ours") else {
                        throw CellProblem(reason: "expected the header theirs,ours")
                    }
                    hasHeader = true
                } else if skus.updateValue(ours, forKey: theirs) != nil {
                    throw CellProblem(column: "theirs", reason: "\(theirs) is listed twice")
                }
            } catch {
                let column = error.column.isEmpty ? "" : "\(error.column): "
                throw Problem(description: "\(path):\(record.line): \(column)\(error.reason)")
            }
        }
        return skus
    }
}
