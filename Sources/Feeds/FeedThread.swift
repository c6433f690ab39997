internal import Dispatch
internal import Engine
internal import Foundation
internal import Inventory
internal import Synchronization

/// What a feed's own thread works with: the port, for one who may block.
struct FeedThread: Sendable {
    let port: FeedPort
    private let end = ThreadEnd()

    private init(_ port: FeedPort) { self.port = port }

    /// Runs `body` on a thread of its own, so that what blocks, such as a file system that hangs, holds up nobody else. Returns
    /// when it does; a cancelled task tells it by `isCancelled`.
    static func run(
        _ port: FeedPort, _ body: @escaping @Sendable (FeedThread) throws(FeedFailure) -> Void
    ) async throws(FeedFailure) {
        let thread = FeedThread(port)
        let failure = await withTaskCancellationHandler {
            await withCheckedContinuation { (continuation: CheckedContinuation<FeedFailure?, Never>) in
                Thread.detachNewThread {
                    do throws(FeedFailure) {
                        try body(thread)
                        continuation.resume(returning: nil)
                    } catch {
                        continuation.resume(returning: error)
                    }
                }
            }
        } onCancel: {
            thread.end.set()
        }
        if let failure { throw failure }
    }

    var isCancelled: Bool { end.isSet }

    /// As the port's; blocks until the commit.
    func publish(_ events: [IncomingEvent], _ position: FeedPosition?) throws(FeedFailure) -> [EventResult] {
        let outcome = Mailbox()
        let port = self.port
        Task {
            do throws(FeedFailure) {
                outcome.put(.success(try await port.publish(events, position)))
            } catch {
                outcome.put(.failure(error))
            }
        }
        return try outcome.take().get()
    }

    /// Blocks for so long, or until the task is cancelled.
    func sleep(nanoseconds: Int64) {
        guard let wake = end.beginSleep() else { return }
        port.alarm.ring(afterNanoseconds: nanoseconds) { wake.signal() }
        wake.wait()
    }
}

/// Whether a thread is to end. Any thread.
private final class ThreadEnd: Sendable {
    private struct State {
        var isSet = false
        /// Wakes the one that sleeps.
        var sleeper: DispatchSemaphore?
    }

    private let state = Mutex(State())

    var isSet: Bool { state.withLock { $0.isSet } }

    func set() {
        let sleeper = state.withLock { state in
            state.isSet = true
            return state.sleeper
        }
        sleeper?.signal()
    }

    /// Nil: it is to end.
    func beginSleep() -> DispatchSemaphore? {
        state.withLock { state in
            guard !state.isSet else { return nil }
            let sleeper = DispatchSemaphore(value: 0)
            state.sleeper = sleeper
            return sleeper
        }
    }
}

/// Hands one outcome to a thread that waits for it.
private final class Mailbox: Sendable {
    private let outcome = Mutex<Result<[EventResult], FeedFailure>>(.failure(FeedFailure("no answer")))
    private let arrived = DispatchSemaphore(value: 0)

    func put(_ result: Result<[EventResult], FeedFailure>) {
        outcome.withLock { $0 = result }
        arrived.signal()
    }

    func take() -> Result<[EventResult], FeedFailure> {
        arrived.wait()
        return outcome.withLock { $0 }
    }
}
