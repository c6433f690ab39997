internal import Glibc
internal import Inventory
internal import Synchronization

/// Wakes one sleeping thread, by the monotonic clock: a jump of the wall clock wakes nobody and lets nobody oversleep.
/// Rung while nobody waits, it has the next wait return at once.
public final class Bell: @unchecked Sendable {
    // Why @unchecked: the pthread objects are made for being used by several threads.
    private let mutex: UnsafeMutablePointer<pthread_mutex_t>
    private let rung: UnsafeMutablePointer<pthread_cond_t>
    private let isRung = Atomic(false)

    public init() {
        mutex = .allocate(capacity: 1)
        rung = .allocate(capacity: 1)
        pthread_mutex_init(mutex, nil)
        var attributes = pthread_condattr_t()
        pthread_condattr_init(&attributes)
        pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC)
        pthread_cond_init(rung, &attributes)
        pthread_condattr_destroy(&attributes)
    }

    deinit {
        pthread_cond_destroy(rung)
        pthread_mutex_destroy(mutex)
        rung.deallocate()
        mutex.deallocate()
    }

    /// Any thread; one atomic exchange when it was rung already.
    public func ring() {
        guard !isRung.exchange(true, ordering: .acquiringAndReleasing) else { return }
        pthread_mutex_lock(mutex)
        pthread_cond_signal(rung)
        pthread_mutex_unlock(mutex)
    }

    /// Returns when it was rung, or at `deadlineNanoseconds` of the monotonic clock; nil: only when rung. One thread.
    public func wait(deadlineNanoseconds: Int64?) {
        pthread_mutex_lock(mutex)
        var isLate = false
        while !isLate, !isRung.load(ordering: .acquiring) {
            guard let deadline = deadlineNanoseconds else {
                pthread_cond_wait(rung, mutex)
                continue
            }
            var until = timespec(tv_sec: Int(deadline / .perSecond), tv_nsec: Int(deadline % .perSecond))
            isLate = pthread_cond_timedwait(rung, mutex, &until) == ETIMEDOUT
        }
        pthread_mutex_unlock(mutex)
        // Not a plain store: what was told of by a ring just now must be seen by whoever returns.
        _ = isRung.exchange(false, ordering: .acquiringAndReleasing)
    }
}
