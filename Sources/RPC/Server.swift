import CLinux
public import Calls
import Glibc
import Synchronization

/// A gRPC server: HTTP/2 in the clear (prior knowledge) or under TLS, on one event loop for each core.
///
/// All methods may be called from any thread. Those that block say so.
public final class Server: Sendable {
    private enum Phase {
        case made
        case running
        case drained
    }

    private struct State {
        var phase = Phase.made
        var port: UInt16 = 0
        var loops: [LoopStart] = []
        var threads: [pthread_t] = []
    }

    private let configuration: ServerConfiguration
    private let application: any CallApplication
    private let observer: CallObserver?
    private let state = Mutex(State())
    // Absent before `start`.
    private let shared = Mutex<ServerState?>(nil)

    public init(
        configuration: ServerConfiguration, application: any CallApplication, observer: CallObserver? = nil
    ) {
        self.configuration = configuration
        self.application = application
        self.observer = observer
    }

    /// Checks the limits, reads the certificates, binds, and starts the loops. On return connections are accepted.
    /// Ignores SIGPIPE for the whole process. Throws, and leaves nothing behind, when any of it fails.
    public func start() throws(WireError) {
        try configuration.limits.validate()
        try state.withLock { (state) throws(WireError) in
            guard case .made = state.phase else { throw WireError(.state, "the server was started before") }
            // libssl writes to sockets without MSG_NOSIGNAL.
            signal(SIGPIPE, SIG_IGN)
            var tls: TLSContext?
            if let files = configuration.tls { tls = try TLSContext(files) }
            let made = ServerState(tls: tls)
            shared.withLock { $0 = made }
            try makeLoops(&state, made)
            for loop in state.loops { try startThread(loop, &state) }
            state.phase = .running
        }
    }

    /// The port listened on; 0 before `start`.
    public var port: UInt16 {
        state.withLock { $0.port }
    }

    /// Stops accepting, tells callers to go elsewhere (GOAWAY), ends streams (UNAVAILABLE), lets the other calls in flight
    /// finish, and ends the loops.
    /// Calls still there after the grace are answered UNAVAILABLE, and their connections are gone
    /// `WireLimits.lingerMilliseconds` later. Blocks until the loops have ended. A second call returns when the first
    /// has.
    public func drain(graceMilliseconds: Int) {
        state.withLock { state in
            guard case .running = state.phase else { return }
            for loop in state.loops { loop.mailbox.post(.drain) }
            var end = timespec()
            unsafe clock_gettime(CLOCK_REALTIME, &end)
            let nanoseconds = end.tv_nsec + (graceMilliseconds % 1_000) * 1_000_000
            end.tv_sec += graceMilliseconds / 1_000 + nanoseconds / 1_000_000_000
            end.tv_nsec = nanoseconds % 1_000_000_000
            var late: [pthread_t] = []
            for thread in state.threads where unsafe shim_join_until(thread, &end) != 0 { late.append(thread) }
            for loop in state.loops { loop.mailbox.post(.stop) }
            for thread in late { pthread_join(thread, nil) }
            state.threads = []
            state.phase = .drained
        }
    }

    /// Reads the certificate files again. New connections get the new ones; those that are open keep theirs. When a
    /// file cannot be used this throws and the old certificates stay in force. Does nothing in the clear.
    public func reloadCertificates() throws(WireError) {
        guard let files = configuration.tls, let shared = shared.withLock({ $0 }) else { return }
        shared.replace(try TLSContext(files))
    }

    /// One for each loop; empty before `start`. Counters of one loop are read one by one, not at one instant.
    public func statistics() -> [CallStatistics] {
        counters.withLock { $0 }.map { $0.snapshot() }
    }

    // Apart from `state`, which `drain` holds while it waits: metrics go on meanwhile.
    private let counters = Mutex<[LoopCounters]>([])

    private func makeLoops(_ state: inout State, _ shared: ServerState) throws(WireError) {
        let methods = MethodTable(application.methods)
        let cores = max(1, Int(sysconf(Int32(_SC_NPROCESSORS_ONLN))))
        let count = configuration.loops > 0 ? configuration.loops : cores
        state.port = configuration.listenPort
        if state.port != 0 {
            // Sharing the port is for our own loops: a second server on it would silently take half of the callers.
            _ = try Listener(host: configuration.listenHost, port: state.port, sharesPort: false)
        }
        var made: [LoopStart] = []
        for index in 0..<count {
            let listener = try Listener(host: configuration.listenHost, port: state.port)
            state.port = listener.port
            made.append(
                try LoopStart(
                    index: index, limits: configuration.limits, methods: methods, application: application,
                    observer: observer, shared: shared, listener: listener))
        }
        state.loops = made
        counters.withLock { $0 = made.map(\.counters) }
    }

    private func startThread(_ loop: LoopStart, _ state: inout State) throws(WireError) {
        var thread = pthread_t()
        let argument = unsafe Unmanaged.passRetained(loop)
        let code = unsafe pthread_create(&thread, nil, loopThreadBody, argument.toOpaque())
        guard code == 0 else {
            unsafe argument.release()
            for other in state.loops { other.mailbox.post(.stop) }
            for other in state.threads { pthread_join(other, nil) }
            state.phase = .drained
            throw WireError(.system, "pthread_create: \(systemMessage(code))", code: code)
        }
        state.threads.append(thread)
    }
}
