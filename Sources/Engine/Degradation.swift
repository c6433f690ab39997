public import Inventory
internal import Synchronization

/// Whether a channel sells with its extra buffer now, why, and since when. One for each channel, over all versions of its
/// policy. Any thread.
public final class Degradation: Sendable {
    public struct Reason: Sendable, Equatable {
        /// UPPER_SNAKE, such as ERP_QUEUE_LAG.
        public var name: String
        public var sinceNanoseconds: WallNanoseconds
    }

    private let flag = Atomic(false)
    private let current = Mutex<Reason?>(nil)

    init() {}

    /// One relaxed load: the read path asks it.
    public var isOn: Bool { flag.load(ordering: .relaxed) }

    /// Nil while the channel sells as usual.
    public var reason: Reason? { current.withLock { $0 } }

    /// Tightens, or relaxes with nil. The time stays that of the first reason. Returns whether it changed.
    @discardableResult
    public func set(_ name: String?, nowNanoseconds: WallNanoseconds) -> Bool {
        current.withLock { reason in
            let before = reason
            reason = name.map { Reason(name: $0, sinceNanoseconds: before?.sinceNanoseconds ?? nowNanoseconds) }
            flag.store(reason != nil, ordering: .relaxed)
            return (before == nil) != (reason == nil)
        }
    }
}
