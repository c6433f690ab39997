// Tells the thread sanitizer of the locks it cannot see.
//
// Synchronization.Mutex takes a free lock by an atomic that is compiled into the caller, and instrumented there. A
// contended one it takes and gives back in libswiftSynchronization (spinning, then FUTEX_LOCK_PI), which is not: the
// sanitizer then believes that two owners overlapped, and reports a race on whatever the lock protects. Instead of
// silencing those reports, which would hide real ones, this library stands before the three slow paths and says what
// they did. scripts/sanitize.sh preloads it; in a process without the sanitizer it does nothing.
#define _GNU_SOURCE
#include <dlfcn.h>
#include <stdbool.h>
#include <stdint.h>

#define SWIFT __attribute__((swiftcall))
#define SELF __attribute__((swift_context))

#define LOCK_SLOW "$s15Synchronization12_MutexHandleV9_lockSlowyys6UInt32VF"
#define TRY_LOCK_SLOW "$s15Synchronization12_MutexHandleV12_tryLockSlowSbyF"
#define UNLOCK_SLOW "$s15Synchronization12_MutexHandleV11_unlockSlowyyF"

__attribute__((weak)) void __tsan_acquire(void *address);
__attribute__((weak)) void __tsan_release(void *address);

SWIFT void lock_slow(uint32_t thread, SELF void *lock) __asm__(LOCK_SLOW);
SWIFT bool try_lock_slow(SELF void *lock) __asm__(TRY_LOCK_SLOW);
SWIFT void unlock_slow(SELF void *lock) __asm__(UNLOCK_SLOW);

// The lock is one 32-bit word, at the handle's address.
SWIFT void lock_slow(uint32_t thread, SELF void *lock) {
    SWIFT void (*next)(uint32_t, SELF void *) = dlsym(RTLD_NEXT, LOCK_SLOW);
    next(thread, lock);
    if (__tsan_acquire) __tsan_acquire(lock);
}

SWIFT bool try_lock_slow(SELF void *lock) {
    SWIFT bool (*next)(SELF void *) = dlsym(RTLD_NEXT, TRY_LOCK_SLOW);
    bool is_taken = next(lock);
    if (is_taken && __tsan_acquire) __tsan_acquire(lock);
    return is_taken;
}

SWIFT void unlock_slow(SELF void *lock) {
    SWIFT void (*next)(SELF void *) = dlsym(RTLD_NEXT, UNLOCK_SLOW);
    if (__tsan_release) __tsan_release(lock);
    next(lock);
}
