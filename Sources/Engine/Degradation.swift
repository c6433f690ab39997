public import Inventory
internal import Synchronization

/// Whether a channel sells with its extra buffer now, why, and since when. One for each channel, over all versions of its
/// policy. Any thread.
public final class Degradation: Sendable {
    /// What a channel tightens for. Each is watched by another, who never touches the others.
    public enum Cause: Int, Sendable, CaseIterable {
        case erp
        case feed
    }

    public struct Reason: Sendable, Equatable {
        /// UPPER_SNAKE, such as ERP_QUEUE_LAG; several with ", " between them.
        public var name: String
        public var sinceNanoseconds: WallNanoseconds
    }

    private struct State {
        /// By cause.
        var names = [String?](repeating: nil, count: Cause.allCases.count)
        var sinceNanoseconds: WallNanoseconds = 0
        var isOn: Bool { names.contains { $0 != nil } }
    }

    private let flag = Atomic(false)
    private let current = Mutex(State())

    init() {}

    /// One relaxed load: the read path asks it.
    public var isOn: Bool { flag.load(ordering: .relaxed) }

    /// Nil while the channel sells as usual.
    public var reason: Reason? {
        let state = current.withLock { $0 }
        guard state.isOn else { return nil }
        return Reason(
            name: state.names.compactMap(\.self).joined(separator: ", "), sinceNanoseconds: state.sinceNanoseconds)
    }

    /// Tightens for a cause, or no longer with nil; the channel relaxes once there is no cause left. The time stays that of
    /// the first. Returns whether the channel changed.
    @discardableResult
    public func set(_ name: String?, for cause: Cause, nowNanoseconds: WallNanoseconds) -> Bool {
        current.withLock { state in
            let wasOn = state.isOn
            state.names[cause.rawValue] = name
            guard state.isOn != wasOn else { return false }
            if !wasOn { state.sinceNanoseconds = nowNanoseconds }
            flag.store(!wasOn, ordering: .relaxed)
            return true
        }
    }
}
