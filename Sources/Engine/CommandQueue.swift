internal import Glibc
internal import Inventory

/// A command waiting for the writer, and who wants to know.
final class QueuedCommand: Sendable {
    let command: EngineCommand
    /// The command's, worked out once: it walks over the events of a batch.
    let weight: Int
    /// When a reply is due though the ERP has not decided yet, in nanoseconds of the monotonic clock; nil: at once.
    let answerByNanoseconds: Int64?
    /// Called on the writer's thread once it stood in line and has come in; nil: it is refused where there is no room.
    let whenQueued: (@Sendable () -> Void)?
    /// Called once on the writer's thread, after the commit; by `CommandQueue.close` for who still stands in line.
    let completion: @Sendable (EngineReply) -> Void

    var canWait: Bool { whenQueued != nil }

    init(
        command: EngineCommand, answerByNanoseconds: Int64?, whenQueued: (@Sendable () -> Void)? = nil,
        completion: @escaping @Sendable (EngineReply) -> Void
    ) {
        self.whenQueued = whenQueued
        self.command = command
        weight = command.weight
        self.answerByNanoseconds = answerByNanoseconds
        self.completion = completion
    }
}

/// The one way to the writer. Any thread puts in; only the writer's thread takes out.
///
/// Bounded by weight, so that a burst of large batches cannot hold more than `weightMax` records of each lane in memory, and as
/// many of those who could wait. Who stands in line holds one command each. The writer takes what has arrived and never
/// waits for more: a lone caller pays for one commit, a crowd shares it.
final class CommandQueue: @unchecked Sendable {
    // Why @unchecked: all state is behind `mutex`; a pthread condition is used because the writer is a plain thread
    // that must sleep without spinning.
    private let mutex: UnsafeMutablePointer<pthread_mutex_t>
    private let arrived: UnsafeMutablePointer<pthread_cond_t>
    private var lanes: CommandLanes
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
        case inLine
        case full
        case closed
    }

    /// Puts a command in, or in line if it can wait.
    func put(_ queued: QueuedCommand) -> Admission {
        pthread_mutex_lock(mutex)
        defer { pthread_mutex_unlock(mutex) }
        if isClosed { return .closed }
        guard lanes.put(queued) else { return queued.canWait ? .inLine : .full }
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
        let admitted = lanes.admit()
        pthread_mutex_unlock(mutex)
        for queued in admitted { queued.whenQueued?() }
        return group.isEmpty && !isLate ? nil : group
    }

    /// Gives up a place in line; nothing is called for it any more. Without effect once it is queued.
    func leave(_ queued: QueuedCommand) {
        pthread_mutex_lock(mutex)
        defer { pthread_mutex_unlock(mutex) }
        _ = lanes.leave(queued)
    }

    /// Nothing more comes in, also not of who stands in line; what is queued is still taken out.
    func close() {
        pthread_mutex_lock(mutex)
        isClosed = true
        let refused = lanes.endLines()
        pthread_cond_broadcast(arrived)
        pthread_mutex_unlock(mutex)
        for queued in refused { queued.completion(.failed(.stopping)) }
    }

    /// The records waiting to be written.
    var waitingWeight: Int {
        pthread_mutex_lock(mutex)
        defer { pthread_mutex_unlock(mutex) }
        return lanes.weight
    }
}
