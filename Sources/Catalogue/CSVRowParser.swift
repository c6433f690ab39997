internal import Inventory
internal import Records

/// Turns CSV records into rows by the columns that the header names.
struct CSVRowParser {
    private let columns: [PositionColumn]
    private var fields = CSVFields()

    /// Reads the header.
    init(header: [UInt8]) throws(CellProblem) {
        var fields = CSVFields()
        try fields.parse(header)
        var columns: [PositionColumn] = []
        for index in 0..<fields.count {
            let bytes = CellText.trimmed(fields[index])
            let name = String(decoding: bytes, as: UTF8.self)
            guard let column = PositionColumn(name: name) else {
                throw CellProblem(reason: PositionColumn.unknownReason(bytes))
            }
            if columns.contains(column) { throw CellProblem(reason: "column \"\(name)\" occurs twice") }
            columns.append(column)
        }
        for required in [PositionColumn.sku, .location] where !columns.contains(required) {
            throw CellProblem(reason: "column \"\(required.name)\" is missing")
        }
        let hasFedBucket = columns.contains { column in
            if case .bucket(let bucket) = column { bucket.isFed } else { false }
        }
        guard hasFedBucket else {
            let buckets = Bucket.allCases.filter(\.isFed).map(\.name).joined(separator: ", ")
            throw CellProblem(reason: "at least one of the columns \(buckets) is needed")
        }
        self.columns = columns
    }

    /// Whether rows may have times of their own.
    var hasTimes: Bool { columns.contains(.occurredAt) }

    mutating func row(_ record: [UInt8]) throws(CellProblem) -> PositionRow {
        try fields.parse(record)
        guard fields.count == columns.count else {
            throw CellProblem(reason: "has \(fields.count) fields, the header \(columns.count)")
        }
        var row = PositionRow()
        for (index, column) in columns.enumerated() {
            try row.set(column, toCell: fields[index])
        }
        try row.validate()
        return row
    }
}

extension PositionRow {
    /// Takes a cell's text; an empty bucket or time is absent.
    fileprivate mutating func set(_ column: PositionColumn, toCell cell: ArraySlice<UInt8>) throws(CellProblem) {
        switch column {
        case .sku: sku = try CellText.name(cell, bytesMax: Limits.skuBytesMax, column: column.name)
        case .location: location = try CellText.name(cell, bytesMax: Limits.nameBytesMax, column: column.name)
        case .bucket(let bucket) where !bucket.isFed: hasIgnoredColumns = true
        case .bucket(let bucket):
            if CellText.trimmed(cell).isEmpty { return }
            set(bucket, to: try CellText.quantity(cell, column: column.name))
        case .occurredAt:
            let text = CellText.trimmed(cell)
            if text.isEmpty { return }
            occurredAtNanoseconds = try Self.time(text)
        }
    }

    static func time(_ text: ArraySlice<UInt8>) throws(CellProblem) -> WallNanoseconds {
        guard let time = Timestamp.nanoseconds(text) else {
            throw CellProblem(
                column: PositionColumn.occurredAt.name,
                reason: "\(CellText.shown(text)) is not a time such as 2026-11-21T03:00:00Z")
        }
        return time
    }
}
