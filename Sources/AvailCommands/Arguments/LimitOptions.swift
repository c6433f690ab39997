import ArgumentParser

/// How much of a list is fetched, however many pages that takes.
struct LimitOptions: ParsableArguments {
    /// The server's limit for one page.
    private static let pageSizeMax = 1_000

    @Option(help: ArgumentHelp("At most so many; 0: all.", valueName: "NUMBER"))
    var limit = 100

    func validate() throws {
        if limit < 0 { throw ValidationError("--limit must not be negative") }
    }

    /// The size of the next page after `count` were fetched; nil when that is enough.
    func pageSize(after count: Int) -> Int32? {
        if limit == 0 { return Int32(Self.pageSizeMax) }
        return count < limit ? Int32(min(limit - count, Self.pageSizeMax)) : nil
    }

    func noteMore() {
        Diagnostics.write("there are more than \(limit): see --limit")
    }
}
