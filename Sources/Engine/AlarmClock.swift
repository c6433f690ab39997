internal import Glibc
internal import Inventory
internal import Synchronization

/// Wakes whoever asked, by the monotonic clock and on one thread of its own. Timers of the Swift runtime depend on the wall
/// clock here (swift-corelibs-libdispatch): where that jumps they may spin until it comes back, as seen under libfaketime.
public final class AlarmClock: Sendable {
    private struct State {
        var alarms: [(deadlineNanoseconds: Int64, ring: @Sendable () -> Void)] = []
        var isStopping = false
    }

    private let state = Mutex(State())
    /// A pipe, written when there is something earlier to wait for.
    private let changed: Int32
    private let changer: Int32

    public init() {
        var ends: [Int32] = [-1, -1]
        precondition(pipe(&ends) == 0, "no pipe: error \(errno)")
        for end in ends {
            _ = fcntl(end, F_SETFD, FD_CLOEXEC)
            _ = fcntl(end, F_SETFL, O_NONBLOCK)
        }
        (changed, changer) = (ends[0], ends[1])
        var created = pthread_t()
        let code = pthread_create(&created, nil, alarmThreadBody, Unmanaged.passRetained(self).toOpaque())
        precondition(code == 0, "the alarm thread could not be created: error \(code)")
        pthread_detach(created)
    }

    deinit {
        close(changed)
        close(changer)
    }

    /// Calls `body` once on the clock's thread, after so many nanoseconds. Any thread; `body` is short.
    public func ring(afterNanoseconds nanoseconds: Int64, _ body: @escaping @Sendable () -> Void) {
        state.withLock { $0.alarms.append((monotonicNow() + max(0, nanoseconds), body)) }
        wake()
    }

    /// Returns after so many nanoseconds, or as soon as the task is cancelled.
    public func sleep(nanoseconds: Int64) async {
        let over = FirstAnswer<Void>()
        ring(afterNanoseconds: nanoseconds) { over.give(()) }
        await over.wait(ifCancelled: ())
    }

    /// As `sleep(nanoseconds:)`, until a moment.
    public func sleep(until moment: ContinuousClock.Instant) async {
        let (seconds, attoseconds) = (moment - .now).components
        await sleep(nanoseconds: max(0, seconds * .perSecond + attoseconds / 1_000_000_000))
    }

    /// Ends the thread; what was asked for is not rung any more.
    public func stop() {
        state.withLock { $0.isStopping = true }
        wake()
    }

    private func wake() {
        // A full pipe wakes as well.
        var one: UInt8 = 1
        _ = write(changer, &one, 1)
    }

    fileprivate func run() {
        while true {
            let now = monotonicNow()
            let (due, next, isStopping) = state.withLock { state in
                let due = state.alarms.filter { $0.deadlineNanoseconds <= now }
                state.alarms.removeAll { $0.deadlineNanoseconds <= now }
                return (due.map(\.ring), state.alarms.map(\.deadlineNanoseconds).min(), state.isStopping)
            }
            if isStopping { return }
            for ring in due { ring() }
            if due.isEmpty { wait(until: next, nowNanoseconds: now) }
        }
    }

    private func wait(until deadlineNanoseconds: Int64?, nowNanoseconds now: Int64) {
        var event = pollfd(fd: changed, events: Int16(POLLIN), revents: 0)
        // Rounded up: woken too early there would be nothing to do.
        let milliseconds = deadlineNanoseconds.map { ($0 - now) / .perMillisecond + 1 } ?? -1
        guard poll(&event, 1, Int32(clamping: milliseconds)) > 0 else { return }
        var written = [UInt8](repeating: 0, count: 64)
        _ = read(changed, &written, written.count)
    }
}

/// A global function, since a closure given to `pthread_create` would inherit its maker's isolation.
private func alarmThreadBody(_ argument: UnsafeMutableRawPointer?) -> UnsafeMutableRawPointer? {
    Unmanaged<AlarmClock>.fromOpaque(argument!).takeRetainedValue().run()
    return nil
}
