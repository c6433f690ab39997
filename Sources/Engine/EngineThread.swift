internal import Glibc
public import Inventory
internal import Synchronization

/// The thin shell around `Engine`: one OS thread that takes what has arrived, steps the engine once and tells the
/// callers after the commit. It adds the clock and nothing else, so that the simulator can stand in for it.
public final class EngineThread: Sendable {
    private let queue: CommandQueue
    private let settings: EngineSettings
    private let clock: LedgerClock
    private let thread = Mutex<pthread_t?>(nil)
    private let commitListener = Mutex<(@Sendable () -> Void)?>(nil)
    private let brokenInvariant = Mutex<String?>(nil)
    private let times = Mutex(CommitTimes())

    public init(settings: EngineSettings, clock: LedgerClock) {
        self.settings = settings
        self.clock = clock
        queue = CommandQueue(weightMax: settings.queueWeightMax)
    }

    /// Starts the thread. `engine` belongs to it from now on. `onFatal` is called on the writer's thread when the store
    /// can no longer be trusted (a failed fsync): it must end the process, nothing of the group has been acknowledged.
    public func start(engine: sending Engine, onFatal: @escaping @Sendable (String) -> Void) {
        let start = WriterStart(engine: engine, shell: self, onFatal: onFatal)
        var created = pthread_t()
        let code = pthread_create(&created, nil, writerThreadBody, Unmanaged.passRetained(start).toOpaque())
        precondition(code == 0, "the writer thread could not be created: error \(code)")
        thread.withLock { $0 = created }
    }

    /// Asks for a change; `completion` is called once, after the commit, on the writer's thread. Returns the reason when
    /// nothing was queued (the completion is then never called).
    ///
    /// - Parameter answerByNanoseconds: of a hold, when a reply is due though the ERP has not decided yet: nanoseconds of
    ///   the monotonic clock. Nil: as soon as the hold is on disk.
    public func submit(
        _ command: EngineCommand, answerByNanoseconds: Int64? = nil,
        completion: @escaping @Sendable (EngineReply) -> Void
    ) -> EngineError? {
        let queued = QueuedCommand(
            command: command, answerByNanoseconds: answerByNanoseconds, completion: completion)
        return switch queue.put(queued) {
        case .queued, .inLine: nil
        case .full: .queueFull
        case .closed: .stopping
        }
    }

    /// As `submit`, for who can wait: where there is no room it stands in line, first come first served. Stopping is told to
    /// `completion`, on the thread that stops or on the caller's.
    ///
    /// - Parameter whenQueued: called on the writer's thread once it stood in line and has come in.
    /// - Returns: the place in line; nil: it is queued.
    public func submitInLine(
        _ command: EngineCommand, whenQueued: @escaping @Sendable () -> Void = {},
        completion: @escaping @Sendable (EngineReply) -> Void
    ) -> PlaceInLine? {
        let queued = QueuedCommand(
            command: command, answerByNanoseconds: nil, whenQueued: whenQueued, completion: completion)
        switch queue.put(queued) {
        case .queued: return nil
        case .inLine: return PlaceInLine(queued: queued)
        case .full, .closed:
            completion(.failed(.stopping))
            return nil
        }
    }

    /// Gives up a place in line: nothing is called for it any more. Without effect once it is queued.
    public func leave(_ place: PlaceInLine) { queue.leave(place.queued) }

    /// Submits a command in line and returns after its commit.
    public func submit(_ command: EngineCommand) async -> EngineReply {
        await withCheckedContinuation { continuation in
            _ = submitInLine(command) { continuation.resume(returning: $0) }
        }
    }

    /// The same for a thread that may wait. Not for event loops.
    public func submitAndWait(_ command: EngineCommand) -> EngineReply {
        let waiter = ReplyWaiter()
        _ = submitInLine(command) { waiter.wake($0) }
        return waiter.wait()
    }

    /// Lets what is queued be written, then ends the thread and closes the engine. Blocks until then.
    public func stop() {
        queue.close()
        let running = thread.withLock { current in
            defer { current = nil }
            return current
        }
        if let running { pthread_join(running, nil) }
    }

    /// Records waiting for the writer.
    public var waitingWeight: Int { queue.waitingWeight }

    /// How long commits took since the start: reading, deciding, writing and the sync.
    public var commitTimes: CommitTimes { times.withLock { $0 } }

    /// What broke, once an invariant has failed before writing; readiness is off until a restart.
    public var faultDescription: String? { brokenInvariant.withLock { $0 } }

    fileprivate func run(_ engine: Engine, onFatal: @Sendable (String) -> Void) {
        var held = HeldReplies()
        var pace = CommitPace(weightMax: settings.groupWeightMax)
        while let group = queue.take(
            groupWeightMax: pace.groupWeightMax, deadlineNanoseconds: wakeNanoseconds(engine, held))
        {
            let now = clock.nowNanoseconds
            // Without anything to do but to answer those who have waited long enough, nothing is written.
            let isDue = engine.nextExpiryNanoseconds.map { $0 <= now } ?? false
            if !group.isEmpty || isDue {
                let time = EngineTime(wallNanoseconds: wallClockNanoseconds(), ledgerNanoseconds: now)
                let begun = monotonicNow()
                let outcome = engine.step(group.map(\.command), time: time)
                let took = monotonicNow() - begun
                pace.note(weight: group.reduce(0) { $0 + $1.weight }, nanoseconds: took)
                times.withLock { $0.add(nanoseconds: took) }
                switch outcome {
                case .replies(let replies): answer(group, replies, &held)
                case .fatal(let description): return onFatal(description)
                }
                held.decide(engine.lastChanged)
            }
            held.giveUp(atNanoseconds: monotonicNow())
            if engine.hasLogGrown { commitListener.withLock { $0 }?() }
        }
        held.giveUp(atNanoseconds: .max)
    }

    private func answer(_ group: [QueuedCommand], _ replies: [EngineReply], _ held: inout HeldReplies) {
        for (queued, reply) in zip(group, replies) {
            if case .failed(.invariantBroken(let description)) = reply {
                brokenInvariant.withLock { $0 = description }
            }
            if !held.keep(queued, reply) { queued.completion(reply) }
        }
    }

    /// When the thread must wake though nothing arrives: for the next expiry, or for who has waited long enough.
    private func wakeNanoseconds(_ engine: Engine, _ held: HeldReplies) -> Int64? {
        let now = monotonicNow()
        // Rounded up: a wake too early would find nothing to do.
        let expiry = engine.nextExpiryNanoseconds.map { now + max(0, $0 - clock.nowNanoseconds) + .perMillisecond }
        guard let deadline = held.nextDeadlineNanoseconds else { return expiry }
        return min(expiry ?? deadline, deadline)
    }

    /// Calls `body` on the writer's thread after each commit that added to the change log. Before `start`.
    public func onLogGrown(_ body: @escaping @Sendable () -> Void) {
        commitListener.withLock { $0 = body }
    }
}

/// Where a command waits for room in the writer's queue.
public struct PlaceInLine: Sendable {
    let queued: QueuedCommand
}

/// What the writer's thread is started with; released by it.
private final class WriterStart {
    let engine: Engine
    let shell: EngineThread
    let onFatal: @Sendable (String) -> Void

    init(engine: Engine, shell: EngineThread, onFatal: @escaping @Sendable (String) -> Void) {
        self.engine = engine
        self.shell = shell
        self.onFatal = onFatal
    }
}

/// A global function, since a closure given to `pthread_create` would inherit its maker's isolation.
private func writerThreadBody(_ argument: UnsafeMutableRawPointer?) -> UnsafeMutableRawPointer? {
    let start = Unmanaged<WriterStart>.fromOpaque(argument!).takeRetainedValue()
    start.shell.run(start.engine, onFatal: start.onFatal)
    return nil
}

/// Lets one thread sleep until another wakes it with a reply.
private final class ReplyWaiter: @unchecked Sendable {
    // Why @unchecked: `reply` is only touched under `mutex`.
    private let mutex: UnsafeMutablePointer<pthread_mutex_t>
    private let woken: UnsafeMutablePointer<pthread_cond_t>
    private var reply: EngineReply?

    init() {
        mutex = .allocate(capacity: 1)
        woken = .allocate(capacity: 1)
        pthread_mutex_init(mutex, nil)
        pthread_cond_init(woken, nil)
    }

    deinit {
        pthread_cond_destroy(woken)
        pthread_mutex_destroy(mutex)
        woken.deallocate()
        mutex.deallocate()
    }

    func wake(_ reply: EngineReply) {
        pthread_mutex_lock(mutex)
        self.reply = reply
        pthread_cond_signal(woken)
        pthread_mutex_unlock(mutex)
    }

    func wait() -> EngineReply {
        pthread_mutex_lock(mutex)
        defer { pthread_mutex_unlock(mutex) }
        while true {
            if let reply { return reply }
            pthread_cond_wait(woken, mutex)
        }
    }
}

/// The clock that deadlines are told in.
func monotonicNow() -> Int64 {
    var now = timespec()
    clock_gettime(CLOCK_MONOTONIC, &now)
    return Int64(now.tv_sec) * .perSecond + Int64(now.tv_nsec)
}

/// The wall clock in nanoseconds since 1970.
public func wallClockNanoseconds() -> WallNanoseconds {
    var now = timespec()
    clock_gettime(CLOCK_REALTIME, &now)
    return Int64(now.tv_sec) * 1_000_000_000 + Int64(now.tv_nsec)
}
