internal import Calls
internal import Engine
internal import Feeds
internal import Inventory
internal import Proto
internal import SwiftProtobuf
internal import Synchronization

/// Tells the caller of ReplayFeed how far it has come, about once a second, and its end once it is in the audit log. Any
/// thread.
final class FeedReplayStream: Sendable {
    private let sink: any ResponseSink
    private let monotonicNow: @Sendable () -> Int64
    private let lastToldNanoseconds: Mutex<Int64>
    /// What the call's end awaits.
    private let end = Mutex(End())

    private struct End {
        var isNoted = false
        var news: (FeedReplayProgress, FeedFailure?)?
    }

    init(sink: any ResponseSink, monotonicNow: @escaping @Sendable () -> Int64) {
        self.sink = sink
        self.monotonicNow = monotonicNow
        lastToldNanoseconds = Mutex(monotonicNow())
    }

    @Sendable func tell(_ news: FeedReplayNews) {
        switch news {
        case .progress(let progress):
            let now = monotonicNow()
            let isDue = lastToldNanoseconds.withLock { last in
                guard now - last >= .perSecond, sink.isWritable else { return false }
                last = now
                return true
            }
            if isDue { send(progress, isDone: false) }
        case .ended(let progress, let failure):
            finish { $0.news = (progress, failure) }
        }
    }

    /// It is in the audit log.
    func note() { finish { $0.isNoted = true } }

    private func finish(_ change: (inout End) -> Void) {
        let news = end.withLock { end in
            change(&end)
            return end.isNoted ? end.news : nil
        }
        guard let (progress, failure) = news else { return }
        send(progress, isDone: failure == nil)
        guard let failure else { return sink.finish(.ok) }
        // Safe to ask for again: ids make what took effect DUPLICATE.
        sink.finish(.failure(.unavailable, .feedFailed, "the replay ended early: \(failure)"))
    }

    func fail(_ status: CallStatus) { sink.finish(status) }

    private func send(_ progress: FeedReplayProgress, isDone: Bool) {
        var response = Availability_V1_ReplayFeedResponse()
        response.events = progress.events
        response.counters.applied = progress.outcomes[.applied] ?? 0
        response.counters.duplicate = progress.outcomes[.duplicate] ?? 0
        response.counters.superseded = progress.outcomes[.superseded] ?? 0
        response.counters.buffered = progress.outcomes[.buffered] ?? 0
        response.counters.deadLettered = progress.outcomes[.deadLettered] ?? 0
        response.position = progress.position
        response.waiting = progress.waiting
        response.done = isDone
        let bytes: [UInt8] = (try? response.serializedBytes()) ?? []
        sink.send(bytes)
    }
}
