internal import Engine
internal import Inventory

/// The files that are put into a folder, one after the other. Polls: a folder may lie on a network.
///
/// A batch is committed with the place at which it begins, so that after a crash it is read again: its ids make it harmless, and
/// its errors are found once more.
public final class FolderFeed: ReplayableFeed {
    public let id: String
    public let kind = FeedKind.files
    public let source: String
    private let folder: FeedFolder
    private let format: any FileFormat
    private let settleNanoseconds: Int64
    private let pollNanoseconds: Int64

    /// - Parameter settleNanoseconds: how long a file must stand still before it is taken.
    public init(
        id: String, source: String, folder: String, format: any FileFormat, settleNanoseconds: Int64,
        pollNanoseconds: Int64
    ) {
        self.id = id
        self.source = source
        self.folder = FeedFolder(path: folder)
        self.format = format
        self.settleNanoseconds = settleNanoseconds
        self.pollNanoseconds = pollNanoseconds
    }

    public func run(_ port: FeedPort) async throws(FeedFailure) {
        try await FeedThread.run(port) { (thread) throws(FeedFailure) in try self.watch(thread) }
    }

    /// Reads again what is in `done`, and what was taken of the files in `failed`. Of a position, which is a file's name: that
    /// file and all that are as old or newer.
    public func replay(from start: ReplayStart, _ port: FeedPort) async throws(FeedFailure) {
        try await FeedThread.run(port) { (thread) throws(FeedFailure) in try self.readAgain(from: start, thread) }
    }

    // MARK: Watching

    private func watch(_ thread: FeedThread) throws(FeedFailure) {
        try folder.prepare()
        var stillness = Stillness(settleNanoseconds: settleNanoseconds)
        var resumed = try thread.port.lastPosition().flatMap { FilePlace($0.text) }
        while !thread.isCancelled {
            let entries = try folder.list()
            thread.port.report(
                FeedBacklog(
                    waiting: UInt64(entries.count), oldestNanoseconds: entries.map(\.timeNanoseconds).min()))
            let settled = stillness.settled(entries)
            var unopened: FeedFailure?
            var hasRead = false
            for entry in settled where !thread.isCancelled {
                let file: FeedFile?
                do throws(FeedFailure) {
                    if !entry.isTaken {
                        guard try folder.take(entry) else { continue }
                    }
                    file = try FeedFile(folder: folder.reading, name: entry.name)
                } catch {
                    // One file that cannot be opened keeps no other waiting.
                    unopened = unopened ?? error
                    continue
                }
                guard let file else { continue }
                try take(file, &resumed, thread)
                hasRead = true
            }
            if let unopened { throw unopened }
            if !hasRead { thread.sleep(nanoseconds: pollNanoseconds) }
        }
    }

    /// Reads a file through and moves it, unless the thread is to end before that.
    private func take(_ file: FeedFile, _ resumed: inout FilePlace?, _ thread: FeedThread) throws(FeedFailure) {
        let first = resumed.flatMap { $0.digest == file.digest ? $0.line : nil } ?? 1
        var errors = try FileErrors(folder, file, before: first)
        var rows = RowReading(format, file)
        var batch = RowBatch()
        var hasRows = false
        reading: while !thread.isCancelled {
            switch try rows.next() {
            case .row(let row):
                hasRows = true
                if row.line < first { continue }
                if !batch.hasRoom(for: row) { try publish(&batch, file, &errors, thread) }
                batch.add(row)
            case .unusable(let line, let reason):
                try publish(&batch, file, &errors, thread)
                if hasRows {
                    try errors.append([(line, "INVALID_FIELD: \(reason)")])
                } else {
                    try errors.appendOfWholeFile(line: line, reason: "INVALID_FIELD: \(reason)")
                }
                break reading
            case .end:
                try publish(&batch, file, &errors, thread)
                break reading
            }
        }
        if thread.isCancelled { return }
        try folder.moveAway(file, errors)
        resumed = nil
        // From now on a file with the same content is another one, whose events are repeats.
        _ = try thread.publish([], position(file, line: nil))
    }

    private func publish(
        _ batch: inout RowBatch, _ file: FeedFile, _ errors: inout FileErrors, _ thread: FeedThread
    ) throws(FeedFailure) {
        guard let line = batch.lines.first else { return }
        // The ids are those of the content that was digested.
        try file.checkUnchanged()
        let results = try thread.publish(batch.events, position(file, line: line))
        try errors.append(
            zip(batch.lines, results).filter { $0.1.outcome == .deadLettered }.map { ($0.0, $0.1.reason) })
        batch = RowBatch()
    }

    private func position(_ file: FeedFile, line: Int?) -> FeedPosition {
        FeedPosition(
            feed: id, text: FilePlace(name: file.name, line: line, digest: file.digest).text,
            timeNanoseconds: file.timeNanoseconds)
    }

    // MARK: Replay

    private func readAgain(from start: ReplayStart, _ thread: FeedThread) throws(FeedFailure) {
        try folder.prepare()
        // Before the list: a file that is read through meanwhile is in one of both.
        let unfinished = try thread.port.lastPosition().flatMap { FilePlace($0.text) }
        let all = try folder.listTaken()
        let files: ArraySlice<(outcome: FeedFolder.Outcome, entry: FeedFolder.Entry)>
        switch start {
        case .time(let time): files = all.drop { $0.entry.timeNanoseconds < time }
        case .position(let name):
            files = all.drop { $0.entry.name != name }
            if files.isEmpty { throw FeedFailure("\(name) is not in \(folder.folder(.done))") }
        }
        var read: Set<String> = []
        for (index, taken) in files.enumerated() where !thread.isCancelled {
            thread.port.report(FeedBacklog(waiting: UInt64(files.count - index)))
            let path = folder.folder(taken.outcome)
            guard let file = try FeedFile(folder: path, name: taken.entry.name) else { continue }
            try readAgain(file, isFinished: taken.outcome == .done, thread)
            read.insert(file.digest)
        }
        // One that the feed has begun and not moved yet, or moved since the list: what it comes to itself is a repeat then.
        if case .time = start, let unfinished, unfinished.line != nil, !read.contains(unfinished.digest),
            !thread.isCancelled,
            let file = try folder.find(unfinished.name, digest: unfinished.digest)
        {
            try readAgain(file, isFinished: false, thread)
        }
        if !thread.isCancelled { thread.port.report(FeedBacklog(waiting: 0)) }
    }

    private func readAgain(_ file: FeedFile, isFinished: Bool, _ thread: FeedThread) throws(FeedFailure) {
        var rows = RowReading(format, file)
        var batch = RowBatch()
        func publish() throws(FeedFailure) {
            guard let line = batch.lines.first else { return }
            _ = try thread.publish(batch.events, position(file, line: line))
            batch = RowBatch()
        }
        while !thread.isCancelled {
            switch try rows.next() {
            case .row(let row):
                if !batch.hasRoom(for: row) { try publish() }
                batch.add(row)
            case .unusable where !isFinished: return try publish()
            case .unusable(let line, let reason): throw FeedFailure("\(file.name):\(line): \(reason)")
            case .end: return try publish()
            }
        }
    }
}

/// A file's rows, from the first call on.
private struct RowReading {
    enum Step {
        case row(FileRow)
        case unusable(line: Int, reason: String)
        case end
    }

    private let format: any FileFormat
    private let file: FeedFile
    private var rows: (any FileRows)?

    init(_ format: any FileFormat, _ file: FeedFile) {
        self.format = format
        self.file = file
    }

    mutating func next() throws(FeedFailure) -> Step {
        do throws(FileProblem) {
            var rows = if let rows { rows } else { try format.open(file) }
            let row = try rows.next()
            self.rows = rows
            return row.map { .row($0) } ?? .end
        } catch {
            switch error {
            case .unreadable(let failure): throw failure
            case .unusable(let line, let reason): return .unusable(line: line, reason: reason)
            }
        }
    }
}

/// Rows on their way to one commit.
private struct RowBatch {
    private(set) var events: [IncomingEvent] = []
    /// Of each event.
    private(set) var lines: [Int] = []

    /// A row is never torn: the place between two batches is a line.
    func hasRoom(for row: FileRow) -> Bool {
        events.isEmpty || events.count + row.events.count <= Limits.eventsPerBatchMax
    }

    mutating func add(_ row: FileRow) {
        events += row.events
        lines += [Int](repeating: row.line, count: row.events.count)
    }
}

/// Which files stand still, by what was seen of them.
private struct Stillness {
    let settleNanoseconds: Int64
    private struct Place: Hashable {
        var name: String
        var isTaken: Bool

        init(_ entry: FeedFolder.Entry) { (name, isTaken) = (entry.name, entry.isTaken) }
    }

    private var seen: [Place: (entry: FeedFolder.Entry, since: ContinuousClock.Instant)] = [:]

    init(settleNanoseconds: Int64) { self.settleNanoseconds = settleNanoseconds }

    mutating func settled(_ entries: [FeedFolder.Entry]) -> [FeedFolder.Entry] {
        let now = ContinuousClock.now
        var next: [Place: (entry: FeedFolder.Entry, since: ContinuousClock.Instant)] = [:]
        for entry in entries {
            let known = seen[Place(entry)]
            next[Place(entry)] = (entry, known?.entry == entry ? known?.since ?? now : now)
        }
        seen = next
        let settle = Duration.nanoseconds(settleNanoseconds)
        return entries.filter { entry in next[Place(entry)].map { now - $0.since >= settle } ?? false }
    }
}
