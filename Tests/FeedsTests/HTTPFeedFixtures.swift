import Calls
import Engine
import Foundation
import Inventory
import Synchronization
import Testing

@testable import Feeds

/// A port that keeps what is published, and a feed that runs on it for as long as a body lasts.
final class ScriptedPort: Sendable {
    private let state = Mutex<(published: [[IncomingEvent]], failure: FeedFailure?, gate: AsyncStream<Void>?)>(
        ([], nil, nil))
    private let alarm = AlarmClock()

    deinit {
        alarm.stop()
    }

    var published: [IncomingEvent] { state.withLock { $0.published }.flatMap(\.self) }

    func fail(_ failure: FeedFailure) { state.withLock { $0.failure = failure } }

    /// Commits wait until the stream ends.
    func hold(until gate: AsyncStream<Void>) { state.withLock { $0.gate = gate } }

    var port: FeedPort {
        FeedPort(
            publish: { (events, _) async throws(FeedFailure) in
                if let gate = self.state.withLock({ $0.gate }) { for await _ in gate {} }
                if let failure = self.state.withLock({ $0.failure }) { throw failure }
                self.state.withLock { $0.published.append(events) }
                return events.map { EventResult(id: $0.event.id, outcome: .applied) }
            }, lastPosition: { nil }, report: { _ in }, alarm: alarm, now: { 1_795_230_000_000_000_000 })
    }

    /// Runs the feed until the body has ended.
    func run(_ feed: some HTTPFeed, _ body: () async throws -> Void) async throws {
        let port = self.port
        let running = Task { () async -> FeedFailure? in
            do throws(FeedFailure) {
                try await feed.run(port)
                return nil
            } catch {
                Issue.record(error)
                return error
            }
        }
        await eventually { feed.admit(HTTPHead(method: "POST", path: feed.path))?.status != 503 }
        do {
            try await body()
        } catch {
            running.cancel()
            throw error
        }
        running.cancel()
        _ = await running.value
    }
}

/// A file with that content, in a folder of the test's own.
func secretFile(_ content: String) throws -> String {
    let folder = FileManager.default.temporaryDirectory.appendingPathComponent("feeds-\(UUID().uuidString)")
    try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    let path = folder.appendingPathComponent("secret").path
    try Data(content.utf8).write(to: URL(fileURLWithPath: path))
    return path
}

extension HTTPHead {
    static func post(_ path: String = "/events", _ fields: [String: String] = [:]) -> HTTPHead {
        HTTPHead(method: "POST", path: path, fields: fields.map { HTTPHeaderField($0.key, $0.value) })
    }
}

extension IncomingEvent {
    /// What the feed found wrong with it; nil: nothing.
    var refusal: String? { rejection?.message }
}
