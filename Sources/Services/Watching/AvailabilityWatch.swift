internal import Calls
internal import Synchronization

/// One WatchAvailability call as the threads share it: what was asked, where answers go, whether it still goes on. How far
/// it has come is the shard's own (`WatchStream`).
final class AvailabilityWatch: Sendable {
    let question: WatchQuestion
    let sink: any ResponseSink
    private let over = Atomic(false)

    init(question: WatchQuestion, sink: any ResponseSink) {
        self.question = question
        self.sink = sink
    }

    /// The caller left, or the call failed.
    var isOver: Bool { over.load(ordering: .acquiring) }

    func end() { over.store(true, ordering: .releasing) }

    func fail(_ status: CallStatus) {
        end()
        sink.finish(status)
    }
}
