internal import Calls
internal import Synchronization

/// One WatchAvailability call as the threads share it: what was asked, where answers go, whether it still goes on. How far
/// it has come is the shard's own (`WatchStream`).
final class AvailabilityWatch: Sendable {
    /// Without its lines.
    let question: WatchQuestion
    private let lines: Mutex<[WatchQuestion.Line]>
    let sink: any ResponseSink
    /// Nil: a caller's.
    private let inner: InnerWatchSink?
    private let over = Atomic(false)

    init(question: WatchQuestion, sink: any ResponseSink) {
        self.question = question.withoutLines
        lines = Mutex(question.lines)
        self.sink = sink
        inner = sink as? InnerWatchSink
    }

    /// - Parameter termsDigest: of the terms that the message's figures were made by.
    func send(_ message: [UInt8], termsDigest: UInt64) {
        if let inner { inner.take(message, termsDigest: termsDigest) } else { sink.send(message) }
    }

    /// What it names; once, for whoever makes its own of it.
    func takeLines() -> [WatchQuestion.Line] {
        lines.withLock { lines in
            defer { lines = [] }
            return lines
        }
    }

    /// The caller left, or the call failed.
    var isOver: Bool { over.load(ordering: .acquiring) }

    func end() { over.store(true, ordering: .releasing) }

    func fail(_ status: CallStatus) {
        end()
        sink.finish(status)
    }
}
