/// Counts an import while it runs.
struct ImportTally {
    private let file: InputFile
    private let problemsMax: Int
    private let pace = Pace()
    private var counts = OutcomeCounts()
    private var problems: [RowProblem] = []
    /// Known when the file was read once already.
    var rowsTotal: UInt64?

    init(file: InputFile, problemsMax: Int) {
        self.file = file
        self.problemsMax = problemsMax
    }

    var rows: UInt64 { counts.rows }

    var progress: CatalogueProgress {
        CatalogueProgress(
            bytesDone: file.bytesDone, bytesTotal: file.bytesTotal, rows: counts.rows, rowsTotal: rowsTotal,
            rowsPerSecond: pace.rowsPerSecond(counts.rows))
    }

    /// Counts a row; a good one joins the batch.
    mutating func take(_ row: PositionRowResult, into batch: inout EventBatch) {
        switch row {
        case .bad(let problem): fail(problem)
        case .good(let line, let event):
            counts.rows += 1
            batch.events.append(event)
            batch.lines.append(line)
        }
    }

    /// Counts a row that cannot be handed over.
    mutating func fail(_ problem: RowProblem) {
        counts.rows += 1
        counts.failed += 1
        keep(problem)
    }

    mutating func count(_ answered: [AnsweredBatch]) {
        for batch in answered {
            for (line, result) in zip(batch.lines, batch.results) {
                guard let reason = counts.count(result) else { continue }
                keep(RowProblem(line: line, column: "", reason: reason))
            }
        }
    }

    func summary(notes: [String]) -> ImportSummary {
        var summary = ImportSummary()
        summary.counts = counts
        summary.problems = problems.sorted { $0.line < $1.line }
        summary.notes = notes
        return summary
    }

    private mutating func keep(_ problem: RowProblem) {
        if problems.count < problemsMax { problems.append(problem) }
    }
}
