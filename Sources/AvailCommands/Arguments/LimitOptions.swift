import ArgumentParser

/// How much of a list is fetched, however many pages that takes.
struct LimitOptions: ParsableArguments {
    @Option(help: ArgumentHelp("At most so many; 0: all.", valueName: "NUMBER"))
    var limit = 100

    func validate() throws {
        if limit < 0 { throw ValidationError("--limit must not be negative") }
    }
}
