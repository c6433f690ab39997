internal import Engine
internal import Inventory
internal import Records

/// A row ready to be handed over, or why there is none.
enum PositionRowResult {
    case good(line: Int, IncomingEvent)
    case bad(RowProblem)
}

/// The rows of a file, one after the other.
struct PositionRows {
    /// A record and what it says.
    struct Parsed {
        var record: RawRecord
        var row: PositionRow
        var occurredAtNanoseconds: WallNanoseconds
    }

    enum Step {
        case parsed(Parsed)
        case bad(RowProblem)
    }

    private let source: String
    /// Nil when the file has no time and none was given.
    private let baseTimeNanoseconds: WallNanoseconds?
    private var records: RecordReader<PositionFileError>
    /// Nil when the file is JSON lines.
    private var csv: CSVRowParser?
    private var json = JSONRowParser()
    private var rowIndex: Int64 = -1
    private var hasIgnoredColumns = false

    init(file: InputFile, options: ImportOptions) throws(PositionFileError) {
        source = options.source
        baseTimeNanoseconds = options.occurredAtNanoseconds ?? file.modificationTimeNanoseconds
        let opening = try file.readChunk()
        let format =
            options.format ?? PositionFormat(path: options.path)
            ?? (Self.looksLikeJSON(opening) ? .jsonLines : .csv)
        var unread: [UInt8]? = opening
        records = RecordReader(isCSV: format == .csv) { () throws(PositionFileError) in
            guard let first = unread else { return try file.readChunk() }
            unread = nil
            return first
        }
        if format == .csv { csv = try Self.readHeader(&records, path: options.path) }
    }

    /// What was passed over.
    var notes: [String] {
        hasIgnoredColumns ? ["the columns reserved and releasing are the server's own account and were ignored"] : []
    }

    /// Whether rows may have times of their own.
    var mayHaveTimes: Bool { csv?.hasTimes ?? true }

    /// The next row; nil at the end.
    mutating func step() throws(PositionFileError) -> Step? {
        guard let record = try records.next() else { return nil }
        rowIndex += 1
        do throws(CellProblem) {
            if let problem = record.problem { throw CellProblem(reason: problem) }
            let row = try parse(record.bytes)
            let time = if let own = row.occurredAtNanoseconds { own } else { try fileTime() }
            hasIgnoredColumns = hasIgnoredColumns || row.hasIgnoredColumns
            return .parsed(Parsed(record: record, row: row, occurredAtNanoseconds: time))
        } catch {
            return .bad(RowProblem(line: record.line, column: error.column, reason: error.reason))
        }
    }

    /// The next row as an event; nil at the end.
    mutating func next() throws(PositionFileError) -> PositionRowResult? {
        switch try step() {
        case .parsed(let parsed): event(parsed)
        case .bad(let problem): .bad(problem)
        case nil: nil
        }
    }

    /// A row that was seen before, from its bytes.
    mutating func again(_ bytes: [UInt8], line: Int, occurredAtNanoseconds: WallNanoseconds) -> PositionRowResult {
        do throws(CellProblem) {
            let record = RawRecord(line: line, offset: 0, bytes: bytes)
            let row = try parse(bytes)
            return event(Parsed(record: record, row: row, occurredAtNanoseconds: occurredAtNanoseconds))
        } catch {
            return .bad(RowProblem(line: line, column: error.column, reason: error.reason))
        }
    }

    private func event(_ parsed: Parsed) -> PositionRowResult {
        let event = parsed.row.event(
            idPrefix: "import:", source: source, occurredAtNanoseconds: parsed.occurredAtNanoseconds,
            original: parsed.record.bytes)
        return .good(line: parsed.record.line, event)
    }

    private mutating func parse(_ bytes: [UInt8]) throws(CellProblem) -> PositionRow {
        if let row = try csv?.row(bytes) { return row }
        return try json.row(bytes)
    }

    private func fileTime() throws(CellProblem) -> WallNanoseconds {
        guard let baseTimeNanoseconds else {
            throw CellProblem(
                column: PositionColumn.occurredAt.name, reason: "is required, as the input has no time of its own")
        }
        return baseTimeNanoseconds + rowIndex
    }

    private static func readHeader(
        _ records: inout RecordReader<PositionFileError>, path: String
    ) throws(PositionFileError) -> CSVRowParser {
        guard let header = try records.next() else {
            throw .unusableFile(path: path, line: 1, reason: "is empty, expected a header")
        }
        if let problem = header.problem { throw .unusableFile(path: path, line: header.line, reason: problem) }
        do throws(CellProblem) {
            return try CSVRowParser(header: header.bytes)
        } catch {
            throw .unusableFile(path: path, line: header.line, reason: error.reason)
        }
    }

    private static func looksLikeJSON(_ opening: [UInt8]) -> Bool {
        let text = opening.starts(with: [0xEF, 0xBB, 0xBF]) ? opening.dropFirst(3) : opening[...]
        return text.first { ![0x20, 0x09, 0x0A, 0x0D].contains($0) } == UInt8(ascii: "{")
    }
}
