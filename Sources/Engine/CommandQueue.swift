internal import Glibc
internal import Inventory

/// A command waiting for the writer, and who wants to know.
final class QueuedCommand: Sendable {
    let command: EngineCommand
    /// The command's, worked out once: it walks over the events of a batch.
    let weight: Int
    /// When a reply is due though the ERP has not decided yet, in nanoseconds of the monotonic clock; nil: at once.
    let answerByNanoseconds: Int64?
    /// Called once on the writer's thread, after the commit.
    let completion: @Sendable (EngineReply) -> Void

    init(
        command: EngineCommand, answerByNanoseconds: Int64?, completion: @escaping @Sendable (EngineReply) -> Void
    ) {
        self.command = command
        weight = command.weight
        self.answerByNanoseconds = answerByNanoseconds
        self.completion = completion
    }
}

/// The one way to the writer. Any thread puts in; only the writer's thread takes out.
///
/// Bounded by weight, so that a burst of large batches cannot hold more than `weightMax` records of each lane in memory. The
/// writer takes what has arrived and never waits for more: a lone caller pays for one commit, a crowd shares it.
final class CommandQueue: @unchecked Sendable {
    // Why @unchecked: all state is behind `mutex`; a pthread condition is used because the writer is a plain thread
    // that must sleep without spinning.
    private let mutex: UnsafeMutablePointer<pthread_mutex_t>
    private let arrived: UnsafeMutablePointer<pthread_cond_t>
    private var lanes: CommandLanes
    private var roomWaiters: [@Sendable () -> Void] = []
    private var isClosed = false

    init(weightMax: Int) {
        lanes = CommandLanes(weightMax: weightMax)
        mutex = .allocate(capacity: 1)
        arrived = .allocate(capacity: 1)
        pthread_mutex_init(mutex, nil)
        // A wait for the next expiry must not depend on the wall clock.
        var attributes = pthread_condattr_t()
        pthread_condattr_init(&attributes)
        pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC)
        pthread_cond_init(arrived, &attributes)
        pthread_condattr_destroy(&attributes)
    }

    deinit {
        pthread_cond_destroy(arrived)
        pthread_mutex_destroy(mutex)
        arrived.deallocate()
        mutex.deallocate()
    }

    enum Admission {
        case queued
        case full
        case closed
    }

    /// Puts a command in. When there is no room and `whenRoom` is given, it is called once, from the writer's thread,
    /// after room was made.
    func put(_ queued: QueuedCommand, whenRoom: (@Sendable () -> Void)? = nil) -> Admission {
        pthread_mutex_lock(mutex)
        defer { pthread_mutex_unlock(mutex) }
        if isClosed { return .closed }
        guard lanes.put(queued) else {
            if let whenRoom { roomWaiters.append(whenRoom) }
            return .full
        }
        pthread_cond_signal(arrived)
        return .queued
    }

    /// Waits until something has arrived and takes the next group of it, see `CommandLanes`; nothing when
    /// `deadlineNanoseconds` of the monotonic clock has passed first. Returns nil once the queue is closed and empty.
    func take(groupWeightMax: Int, deadlineNanoseconds: Int64?) -> [QueuedCommand]? {
        pthread_mutex_lock(mutex)
        var isLate = false
        while lanes.isEmpty && !isClosed && !isLate {
            guard let deadline = deadlineNanoseconds else {
                pthread_cond_wait(arrived, mutex)
                continue
            }
            var until = timespec(
                tv_sec: Int(deadline / .perSecond), tv_nsec: Int(deadline % .perSecond))
            isLate = pthread_cond_timedwait(arrived, mutex, &until) == ETIMEDOUT
        }
        let group = lanes.take(groupWeightMax: groupWeightMax)
        let waiters = roomWaiters
        roomWaiters.removeAll()
        pthread_mutex_unlock(mutex)
        for waiter in waiters { waiter() }
        return group.isEmpty && !isLate ? nil : group
    }

    /// Nothing more comes in; what is queued is still taken out.
    func close() {
        pthread_mutex_lock(mutex)
        isClosed = true
        let waiters = roomWaiters
        roomWaiters.removeAll()
        pthread_cond_broadcast(arrived)
        pthread_mutex_unlock(mutex)
        for waiter in waiters { waiter() }
    }

    /// The records waiting to be written.
    var waitingWeight: Int {
        pthread_mutex_lock(mutex)
        defer { pthread_mutex_unlock(mutex) }
        return lanes.weight
    }
}
