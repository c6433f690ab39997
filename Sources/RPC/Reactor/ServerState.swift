import Synchronization

/// What the loops of one server share.
final class ServerState: Sendable {
    private let connectionsOpen = Atomic<Int>(0)
    private let tls: Mutex<TLSContext?>

    init(tls: TLSContext?) {
        self.tls = Mutex(tls)
    }

    /// What new connections get; absent for cleartext.
    var tlsContext: TLSContext? {
        tls.withLock { $0 }
    }

    func replace(_ context: TLSContext) {
        tls.withLock { $0 = context }
    }

    /// Counts one more connection unless there are `limit` already.
    func admitConnection(limit: Int) -> Bool {
        if connectionsOpen.add(1, ordering: .relaxed).newValue <= limit { return true }
        connectionsOpen.subtract(1, ordering: .relaxed)
        return false
    }

    func connectionClosed() {
        connectionsOpen.subtract(1, ordering: .relaxed)
    }
}
