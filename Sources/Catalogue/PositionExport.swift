public import Inventory
public import Ledger

/// What to write, and how.
public struct ExportOptions: Sendable {
    /// The file; `-` is standard output. It gets its name when it is complete.
    public var path: String
    /// Absent: by the file's name, else CSV.
    public var format: PositionFormat?

    public init(path: String) {
        self.path = path
    }
}

/// What an export came to.
public struct ExportSummary: Sendable, Equatable {
    public var rows: UInt64
    public var bytes: UInt64
}

/// Writes positions to a file that an import reads: the same columns, every fed bucket, and as `occurred_at` the time
/// of the position's newest absolute event. What the ledger itself accounts for (reserved, releasing) is not written.
public enum PositionExport {
    /// All positions of a tenant. `progress` is called on this thread after each page. Blocks; not for event loops.
    public static func run(
        _ options: ExportOptions, ledger: Ledger, tenant: TenantNumber,
        progress: (CatalogueProgress) -> Void = { _ in }
    ) throws(PositionFileError) -> ExportSummary {
        let pages: LedgerPositionPages
        do { pages = try LedgerPositionPages(ledger: ledger, tenant: tenant) } catch { throw .reading(error) }
        return try run(options, pages: pages, progress: progress)
    }

    /// As above, from wherever the positions come.
    public static func run(
        _ options: ExportOptions, pages: some PositionPages, progress: (CatalogueProgress) -> Void = { _ in }
    ) throws(PositionFileError) -> ExportSummary {
        let writer = PositionWriter(format: options.format ?? PositionFormat(path: options.path) ?? .csv)
        let file = try OutputFile(path: options.path)
        let pace = Pace()
        var pages = pages
        var rows: UInt64 = 0
        try file.write(writer.header)
        while true {
            let page: [ExportedPosition]
            do { page = try pages.next() } catch { throw .reading(error) }
            if page.isEmpty { break }
            for exported in page { try file.write(writer.line(exported)) }
            rows += UInt64(page.count)
            progress(
                CatalogueProgress(
                    bytesDone: file.bytesWritten, rows: rows, rowsTotal: pages.countEstimate,
                    rowsPerSecond: pace.rowsPerSecond(rows)))
        }
        try file.finish()
        return ExportSummary(rows: rows, bytes: file.bytesWritten)
    }
}
