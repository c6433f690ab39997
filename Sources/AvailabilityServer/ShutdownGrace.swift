internal import Engine
internal import Inventory
internal import Logging
internal import ServiceLifecycle
internal import Synchronization

/// How long the server may take to stop: counted once, from when it is told to, for all that is stopped one after the other.
/// Any thread.
final class ShutdownGrace: Sendable {
    /// What is stopped when callers have taken all the time gets so long all the same.
    private static let leastNanoseconds: Int64 = 2 * .perSecond

    private let nanoseconds: Int64
    private let alarm: AlarmClock
    private let logger: Logger
    private let endNanoseconds = Mutex<Int64?>(nil)

    /// - Parameter alarm: works until all that is run here has ended.
    init(milliseconds: Int, alarm: AlarmClock, logger: Logger) {
        nanoseconds = Int64(milliseconds) * .perMillisecond
        self.alarm = alarm
        self.logger = logger
    }

    /// The server is told to stop. Only the first call counts.
    func begin() { _ = end }

    private var end: Int64 {
        endNanoseconds.withLock { end in
            let known = end ?? monotonicClockNanoseconds() + nanoseconds
            end = known
            return known
        }
    }

    /// Runs `body` until the server stops, and then cancels its task and waits for it only as long as the grace lasts: what
    /// hangs, such as a folder on a network, must keep neither the ledger from being closed in order nor the process from ending.
    func run(_ what: String, _ body: @escaping @Sendable () async -> Void) async {
        let hasEnded = FirstAnswer<Bool>()
        let task = Task {
            await body()
            hasEnded.give(true)
        }
        let isOver = await withTaskCancellationOrGracefulShutdownHandler {
            await hasEnded.wait()
        } onCancelOrGracefulShutdown: {
            task.cancel()
            let left = max(Self.leastNanoseconds, self.end - monotonicClockNanoseconds())
            self.alarm.ring(afterNanoseconds: left) { hasEnded.give(false) }
        }
        if !isOver { logger.warning("does not end; the server stops without it", metadata: ["what": "\(what)"]) }
    }
}
