public import Engine
public import Inventory
internal import Records

/// What a partner's columns and types are called here.
public struct RowNames: Sendable, Equatable {
    /// In the place of a field: the column is passed over.
    public static let ignored = "ignored"

    /// Our fields by their columns, or members of a JSON object; what is not listed is called as we call it.
    public var columns: [String: String]
    /// By their words, besides the contract's.
    public var types: [String: InventoryEventKind]

    public init(columns: [String: String] = [:], types: [String: InventoryEventKind] = [:]) {
        self.columns = columns
        self.types = types
    }

    /// Our field; nil within: none, the column is passed over. Nil: the column is not listed.
    func field(of theirs: String) -> String?? {
        columns[theirs].map { $0 == Self.ignored ? nil : $0 }
    }
}

/// CSV with a header (RFC 4180), or lines that are one JSON object each: one event a row, in the contract's names.
///
/// A row's event has the id that the row gives it, or else one of the file's content and the line. A row that cannot be read
/// becomes a dead letter with its bytes; of CSV with the header before them, without which they say nothing. Of one that is too
/// long, or whose quote is not closed, the beginning is kept, which cannot be read anew.
public struct RowFormat: FileFormat {
    private let source: String
    private let mapping: FeedMapping
    private let isCSV: Bool
    private let names: RowNames

    /// All that a column may be.
    public static var fields: [String] { EventRow.fields }

    public init(source: String, mapping: FeedMapping, isCSV: Bool, names: RowNames = RowNames()) {
        self.names = names
        self.source = source
        self.mapping = mapping
        self.isCSV = isCSV
    }

    public func open(_ file: FeedFile) throws(FileProblem) -> any FileRows {
        try rows(idPrefix: file.digest) { () throws(FileProblem) in try file.readChunk() }
    }

    /// The rows of bytes that come in chunks, with an empty one at the end. A row without an id gets `PREFIX-LINE`.
    func rows(
        idPrefix: String, readChunk: @escaping () throws(FileProblem) -> [UInt8]
    ) throws(FileProblem) -> any FileRows {
        var records = RecordReader(isCSV: isCSV, readChunk: readChunk)
        let reader = RowReader(source: source, mapping: mapping, names: names, idPrefix: idPrefix)
        guard isCSV else { return EventRows(records: records, reader: reader, columns: nil) }
        guard let header = try records.next() else {
            throw .unusable(line: 1, reason: "header: is missing, the file is empty")
        }
        do throws(CellProblem) {
            if let problem = header.problem { throw CellProblem(reason: problem) }
            return EventRows(records: records, reader: reader, columns: try CSVColumns(header.bytes, names))
        } catch {
            throw .unusable(line: header.line, reason: "header: \(error.reason)")
        }
    }

    /// The event in a dead letter's bytes, by the mapping of today.
    ///
    /// - Parameter id: that of the dead letter: a row mostly has none of its own.
    public func event(of original: [UInt8], id: String) -> IncomingEvent {
        let reader = RowReader(source: source, mapping: mapping, names: names, idPrefix: "")
        guard isCSV else { return reader.event(original, line: 1, csv: nil, id: id) }
        // No known column has a line break in its name.
        guard let end = original.firstIndex(of: 0x0A),
            let columns = try? CSVColumns(Array(original[..<end]), names)
        else {
            return reader.rejected(original, id: id, .csv, CellProblem(reason: "has no header with known columns"))
        }
        return reader.event(Array(original[(end + 1)...]), line: 2, csv: columns, id: id)
    }
}

/// The rows of one file.
private struct EventRows: FileRows {
    var records: RecordReader<FileProblem>
    let reader: RowReader
    let columns: CSVColumns?

    mutating func next() throws(FileProblem) -> FileRow? {
        guard let record = try records.next() else { return nil }
        return FileRow(line: record.line, events: [reader.event(record, csv: columns)])
    }
}

/// What the header says.
private struct CSVColumns {
    let header: [UInt8]
    /// Our field of each; nil: it is passed over.
    let names: [String?]

    init(_ header: [UInt8], _ theirs: RowNames) throws(CellProblem) {
        self.header = header
        var fields = CSVFields()
        try fields.parse(header)
        var names: [String?] = []
        for index in 0..<fields.count {
            let column = String(decoding: CellText.trimmed(fields[index]), as: UTF8.self)
            let field: String? = theirs.field(of: column) ?? column
            guard let name = field else {
                names.append(nil)
                continue
            }
            guard EventRow.fields.contains(name) else { throw CellProblem(reason: EventRow.unknownReason(name)) }
            if names.contains(name) { throw CellProblem(reason: "column \"\(name)\" occurs twice") }
            names.append(name)
        }
        for required in ["type", "occurred_at"] where !names.contains(required) {
            throw CellProblem(reason: "column \"\(required)\" is missing")
        }
        self.names = names
    }

    func read(_ record: [UInt8], into row: inout EventRow) throws(CellProblem) {
        var fields = CSVFields()
        try fields.parse(record)
        guard fields.count == names.count else {
            throw CellProblem(reason: "has \(fields.count) fields, the header \(names.count)")
        }
        for (index, name) in names.enumerated() {
            if let name { try row.set(name, fields[index]) }
        }
    }

    func original(_ record: [UInt8]) -> [UInt8] { header + [0x0A] + record }
}

/// Makes events of rows.
private struct RowReader {
    let source: String
    let mapping: FeedMapping
    let names: RowNames
    let idPrefix: String

    func event(_ record: RawRecord, csv: CSVColumns?) -> IncomingEvent {
        let id = "\(idPrefix)-\(record.line)"
        guard let problem = record.problem else { return event(record.bytes, line: record.line, csv: csv, id: id) }
        // The beginning of a row must never be read anew as if it were the whole: CSV says nothing without its header,
        // and behind a JSON object nothing may stand.
        return rejected(
            csv == nil ? record.bytes + Array("…".utf8) : record.bytes, id: id, csv == nil ? .json : .csv,
            CellProblem(reason: "line \(record.line): \(problem)"))
    }

    /// - Parameter id: for a row without one.
    func event(_ record: [UInt8], line: Int, csv: CSVColumns?, id: String) -> IncomingEvent {
        let original = csv?.original(record) ?? record
        let type: ContentType = csv == nil ? .json : .csv
        var row = EventRow(source: source, types: names.types)
        do throws(CellProblem) {
            if let csv { try csv.read(record, into: &row) } else { try JSONRow.read(record, into: &row, names) }
        } catch {
            let known = row.event.id.isEmpty ? id : row.event.id
            return rejected(
                original, id: known, type, CellProblem(column: error.column, reason: "line \(line): \(error.reason)"))
        }
        var event = row.event
        if event.id.isEmpty { event.id = id }
        do throws(EventRejection) {
            try mapping.translate(&event)
        } catch {
            return IncomingEvent(event: event, original: original, contentType: type, rejection: error)
        }
        return IncomingEvent(event: event, original: original, contentType: type)
    }

    func rejected(_ original: [UInt8], id: String, _ type: ContentType, _ problem: CellProblem) -> IncomingEvent {
        let event = InventoryEvent(
            id: id, source: source, kind: .unsupported(name: ""), occurredAtNanoseconds: 0, sku: "")
        let words = problem.column.isEmpty ? problem.reason : "\(problem.column): \(problem.reason)"
        return IncomingEvent(
            event: event, original: original, contentType: type, rejection: EventRejection(.invalidField, words))
    }
}
