internal import CNATS
internal import Feeds
internal import Glibc

/// A thread of its own for calls of libnats, which block: the threads of the Swift runtime are few.
struct BlockingThread: Sendable {
    private let handle: pthread_t

    /// Runs `body` once. Either `join` or `detach` must be called.
    init(_ body: @escaping @Sendable () -> Void) throws(FeedFailure) {
        var created = pthread_t()
        let argument = unsafe Unmanaged.passRetained(ThreadBody(run: body))
        // The thread takes the retained object over.
        let code = unsafe pthread_create(&created, nil, blockingThreadBody, argument.toOpaque())
        guard code == 0 else {
            unsafe argument.release()
            throw FeedFailure("a thread could not be created: error \(code)")
        }
        handle = created
    }

    /// Waits for its end.
    func join() {
        pthread_join(handle, nil)
    }

    func detach() { pthread_detach(handle) }
}

private final class ThreadBody: Sendable {
    let run: @Sendable () -> Void

    init(run: @escaping @Sendable () -> Void) { self.run = run }
}

/// A global function, since a closure given to `pthread_create` would inherit its maker's isolation.
private func blockingThreadBody(_ argument: UnsafeMutableRawPointer?) -> UnsafeMutableRawPointer? {
    // What `BlockingThread.init` retained for this thread alone.
    unsafe Unmanaged<ThreadBody>.fromOpaque(argument!).takeRetainedValue().run()
    nats_ReleaseThreadMemory()
    return nil
}
