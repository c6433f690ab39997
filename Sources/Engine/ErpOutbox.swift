public import Inventory
internal import Synchronization

/// The outbox as the writer, the dispatchers and operators share it. Any thread.
public final class ErpOutbox: Sendable {
    private let state = Mutex(ErpOutboxState())
    /// Called without the lock after something became due.
    private let listener = Mutex<(@Sendable () -> Void)?>(nil)
    private let shipmentListener = Mutex<(@Sendable (Reservation) -> Void)?>(nil)

    public init() {}

    public func onChange(_ body: @escaping @Sendable () -> Void) {
        listener.withLock { $0 = body }
    }

    /// Called on the writer's thread after a commit that changed a reservation of which goods have left, with what left in
    /// all: an ERP in this process has no other way to hear of its goods issues.
    public func onShipment(_ body: @escaping @Sendable (Reservation) -> Void) {
        shipmentListener.withLock { $0 = body }
    }

    /// One look or change under the lock; short.
    public func withState<Result: Sendable>(_ body: (inout sending ErpOutboxState) -> sending Result) -> Result {
        state.withLock { body(&$0) }
    }

    public var count: Int { state.withLock { $0.count } }

    /// Writer's thread, after the commit.
    func update(_ reservations: some Sequence<Reservation>, nowNanoseconds: WallNanoseconds) {
        state.withLock { state in
            for reservation in reservations { state.update(reservation, nowNanoseconds: nowNanoseconds) }
        }
        if let tell = shipmentListener.withLock({ $0 }) {
            for reservation in reservations where reservation.lines.contains(where: { $0.fulfilled > 0 }) {
                tell(reservation)
            }
        }
        wake()
    }

    /// Something may be due earlier than was known.
    public func wake() {
        listener.withLock { $0 }?()
    }

    /// At the start, for what was found.
    func restore(_ reservation: Reservation, nowNanoseconds: WallNanoseconds) {
        state.withLock { $0.update(reservation, isRestart: true, nowNanoseconds: nowNanoseconds) }
    }
}
