internal import Inventory
internal import Records

/// Turns lines that are one JSON object each (RFC 8259) into rows.
struct JSONRowParser {
    private var scanner = JSONScanner()
    private var seen: Set<PositionColumn> = []

    mutating func row(_ line: [UInt8]) throws(CellProblem) -> PositionRow {
        scanner.begin(line)
        seen.removeAll(keepingCapacity: true)
        var row = PositionRow()
        try scanner.expect("{", "a JSON object")
        if !scanner.take("}") {
            repeat {
                try member(of: &row)
            } while scanner.take(",")
            try scanner.expect("}", "a comma or the object's end")
        }
        try scanner.expectEnd()
        try row.validate()
        return row
    }

    private mutating func member(of row: inout PositionRow) throws(CellProblem) {
        let nameBytes = try scanner.string()
        guard let column = PositionColumn(name: String(decoding: nameBytes, as: UTF8.self)) else {
            throw CellProblem(reason: PositionColumn.unknownReason(nameBytes[...]))
        }
        guard seen.insert(column).inserted else { throw CellProblem(column: column.name, reason: "occurs twice") }
        try scanner.expect(":", "a colon after the name")
        let value = try scanner.value(of: column.name)
        switch column {
        case .sku:
            row.sku = try CellText.name(text(value, column)[...], bytesMax: Limits.skuBytesMax, column: column.name)
        case .location:
            row.location = try CellText.name(
                text(value, column)[...], bytesMax: Limits.nameBytesMax, column: column.name)
        case .bucket(let bucket) where !bucket.isFed: row.hasIgnoredColumns = true
        case .bucket(let bucket):
            if let quantity = try quantity(value, column) { row.set(bucket, to: quantity) }
        case .occurredAt:
            if value == .null { return }
            row.occurredAtNanoseconds = try PositionRow.time(text(value, column)[...])
        }
    }

    private func text(_ value: JSONScanner.Value, _ column: PositionColumn) throws(CellProblem) -> [UInt8] {
        switch value {
        case .string(let bytes): return bytes
        case .null: throw CellProblem(column: column.name, reason: "is required")
        case .number, .boolean: throw CellProblem(column: column.name, reason: "is not a string")
        }
    }

    /// A number, or a string of one, since figures beyond 2⁵³ do not survive every JSON library. Null: absent.
    private func quantity(_ value: JSONScanner.Value, _ column: PositionColumn) throws(CellProblem) -> Int64? {
        switch value {
        case .number(let bytes), .string(let bytes): try CellText.quantity(bytes[...], column: column.name)
        case .null: nil
        case .boolean: throw CellProblem(column: column.name, reason: "is not a number")
        }
    }
}
