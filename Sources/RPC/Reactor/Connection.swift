import CLinux
import Calls
import Glibc

/// One accepted socket and its HTTP/2 session. Thread: the owning loop's only; the loop owns it until `close`.
@safe
final class Connection {
    enum Phase {
        case handshake
        case open
        /// Our half is ended; what comes is thrown away until the caller closes or the time is up.
        case linger
        case closed
    }

    // The loop outlives its connections.
    unowned(unsafe) let loop: EventLoop
    let transport: Transport
    let timer: TimerWheel.Node
    /// Place in the loop's list.
    var index = 0

    private(set) var phase = Phase.handshake
    private(set) var session: Session?
    /// Taken from the session, but not yet by the socket. While there is something, nothing is read.
    private var pending = ByteQueue()
    private var interest: UInt32
    private var timerDueNanoseconds: UInt64 = 0
    private let beganNanoseconds: UInt64
    private var writtenNanoseconds: UInt64
    private var lingerEndNanoseconds: UInt64 = 0
    private var ageEndNanoseconds: UInt64
    /// In the loop's list of connections to be read again though epoll is silent.
    var isToBeReadAgain = false

    init(loop: EventLoop, descriptor: Int32, tls: OpaquePointer?) {
        unsafe self.loop = loop
        transport = unsafe Transport(descriptor: descriptor, tls: tls)
        unsafe timer = .allocate(capacity: 1)
        interest = shim_epoll_in
        beganNanoseconds = loop.context.nowNanoseconds
        writtenNanoseconds = beganNanoseconds
        ageEndNanoseconds = .max
        unsafe timer.initialize(to: TimerNode(kind: .connection, owner: Unmanaged.passUnretained(self).toOpaque()))
        if let age = loop.context.limits.connectionAgeMaxMilliseconds {
            // ±10 %, so that connections opened together do not all come back together.
            let jittered = Double(age) * Double.random(in: 0.9...1.1)
            ageEndNanoseconds = beganNanoseconds + milliseconds(Int(jittered))
        }
        armTimer(beganNanoseconds + milliseconds(loop.context.limits.handshakeMilliseconds))
        if !transport.isEncrypted { openSession(peer: nil) }
    }

    deinit {
        unsafe loop.context.wheel.disarm(timer)
        unsafe timer.deallocate()
    }

    /// What epoll told of the socket.
    func ready(_ events: UInt32) {
        let isBroken = events & (shim_epoll_broken) != 0
        switch phase {
        case .handshake:
            continueHandshake()
        case .open:
            if !pending.isEmpty, isBroken || events & shim_epoll_out != 0 { flush() }
            if phase == .open, pending.isEmpty, isBroken || events & shim_epoll_in != 0 { read() }
        case .linger:
            discard()
        case .closed:
            break
        }
    }

    /// Reads once, up to the bound of a turn, and answers.
    func read() {
        guard phase == .open, pending.isEmpty, let session else { return }
        let context = unsafe loop.context
        switch unsafe transport.read(into: loop.readBuffer) {
        case .bytes(let count):
            context.counters.add(.bytesReceived, count)
            unsafe session.receive(UnsafeRawBufferPointer(rebasing: loop.readBuffer[0..<count]))
            flush()
            if phase == .open {
                if transport.hasReadAhead { unsafe loop.readAgain(self) }
                watchClosely()
            }
        case .wouldBlock:
            break
        case .ended:
            close(.connectionLost)
        }
    }

    /// Sends what the session has, in as few writes as the socket allows.
    func flush() {
        guard phase == .open, let session else { return }
        session.isUnflushed = false
        guard writePending() else { return }
        // After so much the other connections have their turn; the socket is then reported writable at once.
        var isMore = pending.isEmpty
        for _ in 0..<8 where isMore && pending.isEmpty {
            isMore = gather(session)
            guard writePending() else { return }
        }
        if session.isFinished, pending.isEmpty { return beginLinger() }
        let isBlocked = !pending.isEmpty
        if !isBlocked, isMore { session.scheduleFlush() }
        // What libssl has read ahead while we were blocked is not reported by epoll.
        if !isBlocked, transport.hasReadAhead { unsafe loop.readAgain(self) }
        setInterest(isBlocked ? shim_epoll_out : shim_epoll_in)
    }

    func beginDrain() {
        guard phase == .open, let session else {
            if phase == .handshake { close(.serverStopping) }
            return
        }
        session.beginDrain()
        session.endStreams()
        // To look soon whether the caller has answered.
        armTimer(unsafe loop.context.nowNanoseconds + milliseconds(1_000))
    }

    /// Ends now: calls in flight are told why, the caller as far as the socket takes it at once.
    func stop() {
        guard phase == .open, let session else {
            if phase == .handshake { close(.serverStopping) }
            return
        }
        session.stop()
        flush()
        if phase == .open { close(.serverStopping) }
    }

    func timerFired() {
        let now = unsafe loop.context.nowNanoseconds
        switch phase {
        case .handshake:
            return closeForFault()
        case .linger, .closed:
            return close(.connectionLost)
        case .open:
            break
        }
        guard let session else { return }
        let patience = unsafe milliseconds(loop.context.limits.stalledMilliseconds)
        if !pending.isEmpty, now >= writtenNanoseconds + patience {
            return closeForFault()
        }
        if now >= ageEndNanoseconds { endOfAge(session, now) }
        guard let next = session.check() else { return closeForFault() }
        flush()
        guard phase == .open else { return }
        let bounded = pending.isEmpty ? next : min(next, writtenNanoseconds + patience)
        armTimer(min(bounded, max(ageEndNanoseconds, now)))
    }

    func close(_ reason: CancelReason) {
        guard phase != .closed else { return }
        phase = .closed
        if let session {
            unsafe session.connection = nil
            session.close(reason)
        }
        unsafe loop.context.wheel.disarm(timer)
        unsafe loop.forget(self)
    }
}

extension Connection {
    private func openSession(peer: PeerIdentity?) {
        // Without memory the connection stays in its handshake: tried once more when the caller says something.
        guard let made = unsafe Session(context: loop.context, peer: peer) else { return }
        unsafe made.connection = self
        session = made
        phase = .open
        // From now on the session says when to look.
        let limits = unsafe loop.context.limits
        let first = milliseconds(min(limits.handshakeMilliseconds, limits.idleMilliseconds))
        armTimer(unsafe loop.context.nowNanoseconds + first)
        if unsafe loop.isDraining { beginDrain() }
        made.scheduleFlush()
    }

    private func continueHandshake() {
        switch transport.handshake() {
        case .done:
            openSession(peer: transport.peer)
            if session == nil { return closeForFault() }
            flush()
            // The first bytes may have come with the end of the handshake.
            if phase == .open { read() }
        case .wantsRead:
            setInterest(shim_epoll_in)
        case .wantsWrite:
            setInterest(shim_epoll_out)
        case .failed:
            close(.connectionLost)
        }
    }

    /// The caller let a time limit pass, or there is no memory for it.
    private func closeForFault() {
        unsafe loop.context.counters.add(.protocolErrors, 1)
        close(.connectionLost)
    }

    private func endOfAge(_ session: Session, _ now: UInt64) {
        if session.drain == .none {
            session.beginDrain()
            ageEndNanoseconds = unsafe now + milliseconds(loop.context.limits.connectionAgeGraceMilliseconds)
        } else {
            session.stop()
            ageEndNanoseconds = .max
        }
    }

    /// Takes frames from the session up to a write's worth. False when it has no more.
    private func gather(_ session: Session) -> Bool {
        while unsafe pending.count < loop.writeBytesPerCall {
            guard let frame = unsafe session.nextOutput() else { return false }
            unsafe pending.append(frame)
        }
        return true
    }

    /// False when the connection broke.
    private func writePending() -> Bool {
        while !pending.isEmpty {
            switch unsafe transport.write(pending.bytes) {
            case .bytes(let count):
                pending.consume(count)
                writtenNanoseconds = unsafe loop.context.nowNanoseconds
                unsafe loop.context.counters.add(.bytesSent, count)
            case .wouldBlock:
                watchClosely()
                return true
            case .ended:
                close(.connectionLost)
                return false
            }
        }
        return true
    }

    /// With calls, a half-read header block or unsent bytes there is more to watch for than idleness.
    private func watchClosely() {
        guard let session, session.streamsOpen > 0 || session.headBeganNanoseconds != nil || !pending.isEmpty else {
            return
        }
        let limits = unsafe loop.context.limits
        let soon =
            unsafe loop.context.nowNanoseconds
            + milliseconds(min(limits.handshakeMilliseconds, max(1, limits.stalledMilliseconds / 4)))
        if timerDueNanoseconds > soon { armTimer(soon) }
    }

    private func armTimer(_ due: UInt64) {
        timerDueNanoseconds = due
        unsafe loop.context.wheel.arm(timer, dueNanoseconds: due)
    }

    private func setInterest(_ wanted: UInt32) {
        guard wanted != interest else { return }
        interest = wanted
        unsafe loop.changeInterest(self, wanted)
    }

    /// Our half ends; the caller's is read on for a while, so that closing does not destroy our last frames on the way.
    private func beginLinger() {
        let now = unsafe loop.context.nowNanoseconds
        session?.close(.connectionLost)
        phase = .linger
        transport.endWriting()
        lingerEndNanoseconds = unsafe now + milliseconds(loop.context.limits.lingerMilliseconds)
        armTimer(lingerEndNanoseconds)
        setInterest(shim_epoll_in)
    }

    private func discard() {
        for _ in 0..<4 {
            switch unsafe transport.read(into: loop.readBuffer) {
            case .bytes: continue
            case .wouldBlock: return
            case .ended: return close(.connectionLost)
            }
        }
    }
}
