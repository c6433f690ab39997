public import Inventory

/// What to bring in, and how.
public struct ImportOptions: Sendable {
    /// The file; `-` is standard input.
    public var path: String
    /// Absent: by the file's name, else by its first character.
    public var format: PositionFormat?
    /// The source the events are published under.
    public var source = "import"
    /// The time of rows that have none of their own. Absent: when the file was last changed, so that a rerun is seen as
    /// such.
    public var occurredAtNanoseconds: WallNanoseconds?
    public var batches = BatchLimits()
    /// The most problems that are kept for printing; all are counted.
    public var problemsMax = 20

    public init(path: String) {
        self.path = path
    }
}

/// What an import came to.
public struct ImportSummary: Sendable, Equatable {
    public var counts = OutcomeCounts()
    /// The first ones found, by line.
    public var problems: [RowProblem] = []
    /// What the caller may want to know and need not act on.
    public var notes: [String] = []

    public init() {}

    /// One line: the counts in words.
    public var description: String {
        let pairs = [
            (counts.rows, "rows"), (counts.applied, "applied"), (counts.duplicate, "duplicate"),
            (counts.superseded, "superseded"), (counts.failed, "failed"),
        ]
        return pairs.map { "\(Style.grouped($0.0)) \($0.1)" }.joined(separator: ", ")
    }
}

/// Brings positions in from a file. Bad rows are told by line and the others go on.
///
/// Each row becomes a POSITION_SNAPSHOT whose id is made of what it says, so that a rerun after an interruption finds
/// what was done as DUPLICATE and goes on from there. Rows without a time of their own take the file's, each one a
/// nanosecond after the row before it: of several rows for one position the last wins.
///
/// A file whose rows have times of their own is handed over in order of time, oldest first: the newest moves its
/// source's horizon, and what lies behind that would be refused as TOO_OLD. So an export of figures of any age can be
/// brought in. A pipe cannot be read twice and is handed over as it comes.
public enum PositionImport {
    /// Runs to the end of the file. `progress` is called on this thread after each batch. Blocks; not for event loops.
    public static func run(
        _ options: ImportOptions, progress: (CatalogueProgress) -> Void = { _ in },
        submit: @escaping EventSubmission
    ) throws(PositionFileError) -> ImportSummary {
        precondition(
            (1...Limits.eventsPerBatchMax).contains(options.batches.eventsPerCommand),
            "too many events a command, or none")
        let file = try InputFile(path: options.path)
        var tally = ImportTally(file: file, problemsMax: options.problemsMax)
        var rows = try PositionRows(file: file, options: options)
        var ordered: OrderedRows?
        if rows.mayHaveTimes && file.isSeekable {
            ordered = try OrderedRows(file: file, rows: rows, &tally, progress)
            if ordered == nil {
                file.rewind()
                rows = try PositionRows(file: file, options: options)
            }
        }
        let lanes = SubmissionLanes(count: options.batches.commandsInFlight, submit: submit)
        // The threads end whatever happens.
        do throws(PositionFileError) {
            var batch = EventBatch()
            while let row = try ordered == nil ? rows.next() : ordered?.next() {
                tally.take(row, into: &batch)
                if batch.events.count == options.batches.eventsPerCommand {
                    tally.count(try lanes.put(batch))
                    batch = EventBatch()
                }
                if tally.rows % 1_000 == 0 { progress(tally.progress) }
            }
            if !batch.events.isEmpty { tally.count(try lanes.put(batch)) }
        } catch {
            _ = lanes.finish()
            throw error
        }
        let rest = lanes.finish()
        tally.count(rest.answered)
        if let failure = rest.failure { throw .submission(failure) }
        progress(tally.progress)
        return tally.summary(notes: ordered?.notes ?? rows.notes)
    }
}
