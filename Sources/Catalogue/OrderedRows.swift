internal import Inventory
internal import Records

/// The rows of a file in order of time. Keeps 32 bytes a row and reads the rows once more from where they lie.
struct OrderedRows {
    private struct Entry {
        var occurredAtNanoseconds: WallNanoseconds
        var offset: UInt64
        var bytes: Int
        var line: Int
    }

    private let file: InputFile
    private var rows: PositionRows
    private var entries: [Entry] = []
    private var index = 0

    /// Reads the file to its end. Nil when its rows are in order already; `tally` is then as it was, else the bad rows
    /// are counted.
    init?(
        file: InputFile, rows: PositionRows, _ tally: inout ImportTally, _ progress: (CatalogueProgress) -> Void
    ) throws(PositionFileError) {
        self.file = file
        self.rows = rows
        var counted = tally
        var isInOrder = true
        while let step = try self.rows.step() {
            switch step {
            case .bad(let problem): counted.fail(problem)
            case .parsed(let parsed):
                if let last = entries.last, parsed.occurredAtNanoseconds < last.occurredAtNanoseconds {
                    isInOrder = false
                }
                entries.append(
                    Entry(
                        occurredAtNanoseconds: parsed.occurredAtNanoseconds, offset: parsed.record.offset,
                        bytes: parsed.record.bytes.count, line: parsed.record.line))
                if entries.count % 10_000 == 0 { progress(tally.progress) }
            }
        }
        if isInOrder { return nil }
        entries.sort { left, right in
            (left.occurredAtNanoseconds, left.offset) < (right.occurredAtNanoseconds, right.offset)
        }
        counted.rowsTotal = counted.rows + UInt64(entries.count)
        tally = counted
    }

    var notes: [String] { rows.notes }

    /// Nil at the end. A row that changed in the file meanwhile is bad, if it can be told.
    mutating func next() throws(PositionFileError) -> PositionRowResult? {
        if index == entries.count { return nil }
        let entry = entries[index]
        index += 1
        let bytes = try file.bytes(at: entry.offset, count: entry.bytes)
        return rows.again(bytes, line: entry.line, occurredAtNanoseconds: entry.occurredAtNanoseconds)
    }
}
