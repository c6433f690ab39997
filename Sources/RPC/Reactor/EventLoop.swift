import CLinux
import Calls
import Glibc

/// One thread, one epoll, one listener, and the connections it accepted. Everything here is used on that thread only.
@safe
final class EventLoop {
    let index: Int
    let context: LoopContext
    /// Every read of this loop goes here; what must outlive the turn is copied out.
    let readBuffer: UnsafeMutableRawBufferPointer
    let writeBytesPerCall = 64 << 10
    private(set) var isDraining = false

    let shared: ServerState
    let epoll: Int32
    var listener: Listener?
    let acceptTimer: TimerWheel.Node
    private(set) var connections: [Connection] = []
    // Closed in this turn: events of the same turn may still point to them.
    private var buried: [Connection] = []
    private var toBeReadAgain: [Connection] = []
    private var items: [Mailbox.Item] = []

    init(index: Int, epoll: Int32, listener: consuming Listener, context: LoopContext, shared: ServerState) {
        self.index = index
        self.epoll = epoll
        self.listener = consume listener
        self.context = context
        self.shared = shared
        unsafe readBuffer = .allocate(byteCount: context.limits.readBytesPerTurn, alignment: 64)
        unsafe acceptTimer = .allocate(capacity: 1)
        unsafe acceptTimer.initialize(to: TimerNode(kind: .listener, owner: nil))
    }

    deinit {
        unsafe readBuffer.deallocate()
        unsafe acceptTimer.deallocate()
        close(epoll)
    }

    /// Runs until drained or stopped.
    func run() {
        watch(context.mailbox.descriptor, Tag.mailbox)
        if let descriptor = listener?.descriptor { watch(descriptor, Tag.listener) }
        let eventsMax = 256
        let events = UnsafeMutablePointer<epoll_event>.allocate(capacity: eventsMax)
        defer { unsafe events.deallocate() }
        while !isDraining || !connections.isEmpty {
            let count = unsafe epoll_wait(epoll, events, Int32(eventsMax), waitMilliseconds())
            context.nowNanoseconds = MonotonicClock.nowNanoseconds()
            drainMailbox()
            for index in 0..<max(0, Int(count)) { unsafe dispatch(events + index) }
            readAgain()
            fireTimers()
            flushAll()
            buried.removeAll(keepingCapacity: true)
        }
        end()
    }

    /// Has the connection read in the next turn though epoll will not report it.
    func readAgain(_ connection: Connection) {
        guard !connection.isToBeReadAgain else { return }
        connection.isToBeReadAgain = true
        toBeReadAgain.append(connection)
    }

    func adopt(_ connection: Connection) {
        connection.index = connections.count
        connections.append(connection)
        context.counters.add(.connectionsOpen, 1)
        context.counters.add(.connectionsAccepted, 1)
        let descriptor = connection.transport.descriptor
        if shim_epoll_control(epoll, EPOLL_CTL_ADD, descriptor, shim_epoll_in, word(connection)) != 0 {
            connection.close(.connectionLost)
        }
    }

    /// The connection closed; it goes at the end of the turn.
    func forget(_ connection: Connection) {
        // First, since the caller lends the connection unretained and `connections` holds the only other reference.
        buried.append(connection)
        _ = shim_epoll_control(epoll, EPOLL_CTL_DEL, connection.transport.descriptor, 0, 0)
        let last = connections.removeLast()
        if last !== connection {
            last.index = connection.index
            connections[connection.index] = last
        }
        context.counters.add(.connectionsOpen, -1)
        shared.connectionClosed()
    }

    func changeInterest(_ connection: Connection, _ events: UInt32) {
        _ = shim_epoll_control(epoll, EPOLL_CTL_MOD, connection.transport.descriptor, events, word(connection))
    }

    func watch(_ descriptor: Int32, _ tag: UInt64) {
        _ = shim_epoll_control(epoll, EPOLL_CTL_ADD, descriptor, shim_epoll_in, tag)
    }

    /// What an event is about: one of these, or the address of a connection, which is never so small.
    enum Tag {
        static let mailbox: UInt64 = 0
        static let listener: UInt64 = 1
    }

    private func waitMilliseconds() -> Int32 {
        if !toBeReadAgain.isEmpty || !context.unflushed.isEmpty { return 0 }
        return context.wheel.waitMilliseconds(nowNanoseconds: context.nowNanoseconds) ?? -1
    }

    private func word(_ connection: Connection) -> UInt64 {
        unsafe UInt64(UInt(bitPattern: Unmanaged.passUnretained(connection).toOpaque()))
    }

    private func dispatch(_ event: UnsafePointer<epoll_event>) {
        let word = unsafe shim_epoll_word(event)
        let events = unsafe event.pointee.events
        switch word {
        case Tag.mailbox:
            break
        case Tag.listener:
            accept()
        default:
            let connection = unsafe UnsafeRawPointer(bitPattern: UInt(word))!
            unsafe Unmanaged<Connection>.fromOpaque(connection)._withUnsafeGuaranteedRef { $0.ready(events) }
        }
    }

    /// What other threads asked comes before what callers ask, so that a caller reads its own writes.
    private func drainMailbox() {
        context.mailbox.take(into: &items)
        guard !items.isEmpty else { return }
        for item in items {
            switch item {
            case .drain: beginDrain()
            case .stop: stop()
            default: context.performPosted(item)
            }
        }
        items.removeAll(keepingCapacity: true)
    }

    private func readAgain() {
        guard !toBeReadAgain.isEmpty else { return }
        let waiting = toBeReadAgain
        toBeReadAgain.removeAll()
        for connection in waiting {
            connection.isToBeReadAgain = false
            connection.read()
        }
    }

    private func fireTimers() {
        context.wheel.advance(nowNanoseconds: context.nowNanoseconds)
        while let timer = unsafe context.wheel.nextDue() {
            switch unsafe timer.pointee.kind {
            case .stream:
                let stream = unsafe StreamPointer(timer.pointee.owner!)
                unsafe stream.pointee.session?.deadlinePassed(stream)
            case .connection:
                let connection = unsafe timer.pointee.owner!
                unsafe Unmanaged<Connection>.fromOpaque(connection)._withUnsafeGuaranteedRef { $0.timerFired() }
            case .listener:
                resumeAccepting()
            }
        }
    }

    /// Sends what is queued outside of reads. Receivers that may write again then do so before the loop sleeps; what a
    /// connection has beyond one turn's share waits for the next.
    private func flushAll() {
        for _ in 0..<4 where !context.unflushed.isEmpty || !context.drained.isEmpty {
            let sessions = context.unflushed
            context.unflushed.removeAll(keepingCapacity: true)
            for session in sessions where session.isUnflushed {
                session.isUnflushed = false
                unsafe session.connection?.flush()
            }
            context.tellDrained()
        }
    }

    private func beginDrain() {
        guard !isDraining else { return }
        isDraining = true
        context.isStopping = true
        stopAccepting()
        // Closing takes a connection out of the list.
        let all = connections
        for connection in all { connection.beginDrain() }
    }

    /// What is left lingers, for a bounded time, so that callers get the last frames.
    private func stop() {
        isDraining = true
        stopAccepting()
        let all = connections
        for connection in all { connection.stop() }
    }

    private func end() {
        context.unflushed.removeAll()
        context.mailbox.close()
    }
}
