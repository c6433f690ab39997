import CLinux
import Calls
import Glibc

/// What a loop's thread starts from. The loop itself is made on its thread, as is the application's part of it.
final class LoopStart: Sendable {
    let index: Int
    let limits: WireLimits
    let methods: MethodTable
    let application: any CallApplication
    let observer: CallObserver?
    let counters: LoopCounters
    let mailbox: Mailbox
    let shared: ServerState
    let epoll: Int32
    // Taken once, by the loop's thread.
    nonisolated(unsafe) var listener: Listener?

    init(
        index: Int, limits: WireLimits, methods: MethodTable, application: any CallApplication,
        observer: CallObserver?, shared: ServerState, listener: consuming Listener
    ) throws(WireError) {
        self.index = index
        self.limits = limits
        self.methods = methods
        self.application = application
        self.observer = observer
        self.shared = shared
        counters = LoopCounters(methodCount: methods.methods.count + 1)
        mailbox = try Mailbox()
        epoll = shim_epoll_create()
        guard epoll >= 0 else { throw WireError(.system, "epoll_create1: \(systemMessage(errno))", code: errno) }
        unsafe self.listener = consume listener
    }

    func run() {
        mailbox.adoptCurrentThread()
        let context = LoopContext(
            limits: limits, methods: methods, counters: counters, observer: observer, mailbox: mailbox,
            handler: application.makeLoopHandler(loop: index), nowNanoseconds: MonotonicClock.nowNanoseconds())
        guard let listener = unsafe listener.take() else { preconditionFailure("a loop runs once") }
        EventLoop(index: index, epoll: epoll, listener: listener, context: context, shared: shared).run()
    }
}

/// The thread's body, a global function: a closure made under an actor would be bound to it.
func loopThreadBody(_ argument: UnsafeMutableRawPointer?) -> UnsafeMutableRawPointer? {
    let start = unsafe Unmanaged<LoopStart>.fromOpaque(argument!).takeRetainedValue()
    unsafe shim_name_thread("rpc-loop-\(start.index)")
    start.run()
    return nil
}
