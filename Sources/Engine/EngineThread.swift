internal import Glibc
public import Inventory
internal import Synchronization

/// The thin shell around `Engine`: one OS thread that takes what has arrived, steps the engine once and tells the
/// callers after the commit. It adds the clock and nothing else, so that the simulator can stand in for it.
public final class EngineThread: Sendable {
    private let queue: CommandQueue
    private let settings: EngineSettings
    private let thread = Mutex<pthread_t?>(nil)
    private let brokenInvariant = Mutex<String?>(nil)

    public init(settings: EngineSettings) {
        self.settings = settings
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
    /// nothing was queued (the completion is then never called); with `whenRoom` given, that is called once after room
    /// was made.
    public func submit(
        _ command: EngineCommand, whenRoom: (@Sendable () -> Void)? = nil,
        completion: @escaping @Sendable (EngineReply) -> Void
    ) -> EngineError? {
        switch queue.put(QueuedCommand(command: command, completion: completion), whenRoom: whenRoom) {
        case .queued: nil
        case .full: .queueFull
        case .closed: .stopping
        }
    }

    /// As `submit`, for a thread that may wait. Not for event loops.
    public func submitAndWait(_ command: EngineCommand) -> EngineReply {
        let waiter = ReplyWaiter()
        while true {
            let refusal = submit(command, whenRoom: { waiter.wake(nil) }, completion: { waiter.wake($0) })
            if let refusal, refusal != .queueFull { return .failed(refusal) }
            if let reply = waiter.wait() { return reply }
        }
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

    /// What broke, once an invariant has failed before writing; readiness is off until a restart.
    public var faultDescription: String? { brokenInvariant.withLock { $0 } }

    fileprivate func run(_ engine: Engine, onFatal: @Sendable (String) -> Void) {
        while let group = queue.take(groupWeightMax: settings.groupWeightMax) {
            let outcome = engine.step(group.map(\.command), nowNanoseconds: wallClockNanoseconds())
            switch outcome {
            case .replies(let replies):
                for (queued, reply) in zip(group, replies) {
                    if case .failed(.invariantBroken(let description)) = reply {
                        brokenInvariant.withLock { $0 = description }
                    }
                    queued.completion(reply)
                }
            case .fatal(let description):
                onFatal(description)
                return
            }
        }
    }
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

/// Lets one thread sleep until another wakes it with a reply, or with nil to try again.
private final class ReplyWaiter: @unchecked Sendable {
    // Why @unchecked: `replies` is only touched under `mutex`.
    private let mutex: UnsafeMutablePointer<pthread_mutex_t>
    private let woken: UnsafeMutablePointer<pthread_cond_t>
    private var replies: [EngineReply?] = []

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

    func wake(_ reply: EngineReply?) {
        pthread_mutex_lock(mutex)
        replies.append(reply)
        pthread_cond_signal(woken)
        pthread_mutex_unlock(mutex)
    }

    func wait() -> EngineReply? {
        pthread_mutex_lock(mutex)
        defer { pthread_mutex_unlock(mutex) }
        while replies.isEmpty { pthread_cond_wait(woken, mutex) }
        return replies.removeFirst()
    }
}

/// The wall clock in nanoseconds since 1970.
public func wallClockNanoseconds() -> WallNanoseconds {
    var now = timespec()
    clock_gettime(CLOCK_REALTIME, &now)
    return Int64(now.tv_sec) * 1_000_000_000 + Int64(now.tv_nsec)
}
