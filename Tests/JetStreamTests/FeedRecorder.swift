import Engine
import Feeds
import Inventory
import JetStream
import Synchronization
import Testing

/// Stands in for the writer: keeps what a feed publishes, and refuses when it is told to.
final class FeedRecorder: Sendable {
    private struct State {
        var bodies: [String] = []
        var batches: [Int] = []
        var position: FeedPosition?
        var backlog: FeedBacklog?
        var refusals = 0
    }

    private let state = Mutex(State())
    private let alarm = AlarmClock()

    deinit { alarm.stop() }

    /// What was committed, in order; the ids of the events are the messages' bodies.
    var bodies: [String] { state.withLock { $0.bodies } }
    var batches: [Int] { state.withLock { $0.batches } }
    var position: FeedPosition? { state.withLock { $0.position } }
    var backlog: FeedBacklog? { state.withLock { $0.backlog } }
    var refusalsLeft: Int { state.withLock { $0.refusals } }

    /// So many batches are refused.
    func refuse(_ count: Int) { state.withLock { $0.refusals = count } }

    var port: FeedPort {
        FeedPort(
            publish: { [self] (events, position) async throws(FeedFailure) in
                let isRefused = state.withLock { state in
                    guard state.refusals == 0 else {
                        state.refusals -= 1
                        return true
                    }
                    state.bodies += events.map(\.event.id)
                    state.batches.append(events.count)
                    state.position = position ?? state.position
                    return false
                }
                if isRefused { throw FeedFailure("the disk is full") }
                return events.map { EventResult(id: $0.event.id, outcome: .applied) }
            },
            lastPosition: { [self] () throws(FeedFailure) in position },
            report: { [self] backlog in state.withLock { $0.backlog = backlog } }, alarm: alarm, now: { 0 })
    }

    /// Waits for what must come about; a bound only for what hangs.
    func wait(_ what: String, until condition: () -> Bool) async {
        for _ in 0..<6_000 {
            if condition() { return }
            await alarm.sleep(nanoseconds: 10 * .perMillisecond)
        }
        Issue.record("did not come about: \(what)")
    }
}

/// A feed of the test's server; the messages' bodies are the ids of the events.
func testFeed(_ server: NatsServer, subjects: [String], batch: Int = 1_000) throws -> JetStreamFeed {
    let settings = try JetStreamFeed.Settings(
        id: "f", source: "wms", url: server.url, stream: "STOCK", subjects: subjects, durable: "d", batch: batch)
    return JetStreamFeed(settings) { body, _, _ in
        let event = InventoryEvent(
            id: String(decoding: body.prefix(64), as: UTF8.self), source: "wms", kind: .sourceHeartbeat,
            occurredAtNanoseconds: 0)
        return IncomingEvent(event: event, original: body)
    }
}

/// Runs a feed beside the body, begins it anew when it fails, and ends it after.
func running(_ feed: JetStreamFeed, _ recorder: FeedRecorder, _ body: () async throws -> Void) async throws {
    let run = Task {
        var failures: [FeedFailure] = []
        while !Task.isCancelled {
            do throws(FeedFailure) { try await feed.run(recorder.port) } catch {
                failures.append(error)
                await recorder.port.alarm.sleep(nanoseconds: 200 * .perMillisecond)
            }
        }
        return failures
    }
    do { try await body() } catch {
        run.cancel()
        throw error
    }
    run.cancel()
    _ = await run.value
}
