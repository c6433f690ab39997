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

    /// Fetches page after page until there are no more, or enough; then says that there are more.
    ///
    /// - Parameter fetch: fetches a page of at most so many, from a token on; says how many it had and the next token.
    func forEachPage(_ fetch: (_ pageSize: Int32, _ token: String) async throws -> (count: Int, next: String))
        async throws
    {
        var count = 0
        var token = ""
        repeat {
            guard limit == 0 || count < limit else {
                return Diagnostics.write("there are more than \(limit): see --limit")
            }
            let size = limit == 0 ? Self.pageSizeMax : min(limit - count, Self.pageSizeMax)
            let page = try await fetch(Int32(size), token)
            count += page.count
            token = page.next
        } while !token.isEmpty
    }
}
