public import Engine

/// Reads one kind of file. Used by one thread at a time.
public protocol FileFormat: Sendable {
    /// Begins to read a file. One that must be judged as a whole is read through here, and again from its beginning by the rows.
    func open(_ file: FeedFile) throws(FileProblem) -> any FileRows
}

/// The rows of one file, in its order.
public protocol FileRows {
    /// The next row; nil at the end.
    mutating func next() throws(FileProblem) -> FileRow?
}

/// What one row of a file came to.
public struct FileRow: Sendable {
    /// Where it begins, counted from 1; never less than the row's before it.
    public var line: Int
    /// At most `Limits.eventsPerBatchMax`, each with an id that the same file gives it every time. A row that cannot be read has
    /// one with a rejection.
    public var events: [IncomingEvent]

    public init(line: Int, events: [IncomingEvent]) {
        self.line = line
        self.events = events
    }
}

/// Why a file cannot be read on.
public enum FileProblem: Error, Sendable, Equatable {
    /// As a whole it says nothing that could be taken: it goes to the failed ones.
    case unusable(line: Int, reason: String)
    /// The file system failed: it is read again later.
    case unreadable(FeedFailure)
}
