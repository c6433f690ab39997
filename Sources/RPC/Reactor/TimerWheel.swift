/// One timer, owned by whatever it wakes. It moves between the wheel's lists, so its address must not change.
@safe
struct TimerNode {
    enum Owner {
        /// A `Stream` of the loop's table.
        case stream
        /// A `Connection`.
        case connection
        /// The listener, which pauses when descriptors run out.
        case listener
    }

    let kind: Owner
    let owner: UnsafeMutableRawPointer?
    fileprivate(set) var dueTick: UInt64 = 0
    fileprivate var previous: UnsafeMutablePointer<TimerNode>?
    fileprivate var next: UnsafeMutablePointer<TimerNode>?

    init(kind: Owner, owner: UnsafeMutableRawPointer?) {
        self.kind = kind
        unsafe self.owner = owner
    }

    var isArmed: Bool { unsafe next != nil }
}

/// A hashed wheel: arming and disarming take a few instructions however many timers there are. A timer never fires
/// early, and at most one tick late. One per event loop, used on its thread only.
@safe
struct TimerWheel: ~Copyable {
    typealias Node = UnsafeMutablePointer<TimerNode>

    /// 2^22 ns, about 4 ms.
    static let tickShift: UInt64 = 22
    private static let slotCount = 4_096

    // One list head for each slot, and a last one for the timers that are being fired. The lists are circular, so that
    // a timer leaves its list without knowing which.
    private let heads: Node
    // One bit for each slot that may have timers.
    private var occupied = [UInt64](repeating: 0, count: slotCount / 64)
    private var currentTick: UInt64

    init(nowNanoseconds: UInt64) {
        unsafe heads = Node.allocate(capacity: Self.slotCount + 1)
        for index in 0...Self.slotCount {
            let head = unsafe heads + index
            unsafe head.initialize(to: TimerNode(kind: .stream, owner: nil))
            unsafe head.pointee.previous = head
            unsafe head.pointee.next = head
        }
        currentTick = nowNanoseconds >> Self.tickShift
    }

    deinit { unsafe heads.deallocate() }

    mutating func arm(_ node: Node, dueNanoseconds: UInt64) {
        if unsafe node.pointee.isArmed { unsafe disarm(node) }
        let tick = dueNanoseconds >> Self.tickShift + 1
        unsafe node.pointee.dueTick = max(tick, currentTick + 1)
        let slot = unsafe Int(node.pointee.dueTick) & (Self.slotCount - 1)
        unsafe link(node, before: heads + slot)
        occupied[slot >> 6] |= 1 << UInt64(slot & 63)
    }

    func disarm(_ node: Node) {
        guard let next = unsafe node.pointee.next, let previous = unsafe node.pointee.previous else { return }
        unsafe previous.pointee.next = next
        unsafe next.pointee.previous = previous
        unsafe node.pointee.next = nil
        unsafe node.pointee.previous = nil
    }

    /// Moves the timers that are due to where `nextDue` takes them from.
    mutating func advance(nowNanoseconds: UInt64) {
        let nowTick = nowNanoseconds >> Self.tickShift
        guard nowTick > currentTick else { return }
        let due = unsafe heads + Self.slotCount
        let first = max(currentTick + 1, nowTick - min(nowTick, UInt64(Self.slotCount - 1)))
        currentTick = nowTick
        for tick in first...nowTick {
            let slot = Int(tick) & (Self.slotCount - 1)
            if occupied[slot >> 6] & (1 << UInt64(slot & 63)) != 0 { unsafe collect(slot, upTo: nowTick, into: due) }
        }
    }

    /// Takes one timer that is due. Between calls any timer may be armed and disarmed, also one that is due.
    func nextDue() -> Node? {
        let due = unsafe heads + Self.slotCount
        guard let node = unsafe due.pointee.next, unsafe node != due else { return nil }
        unsafe disarm(node)
        return unsafe node
    }

    /// Milliseconds until a timer may be due, at least 1; nil when there is none.
    func waitMilliseconds(nowNanoseconds: UInt64) -> Int32? {
        let start = Int(currentTick + 1) & (Self.slotCount - 1)
        var distance = 0
        while distance < Self.slotCount {
            let slot = (start + distance) & (Self.slotCount - 1)
            let word = occupied[slot >> 6] >> UInt64(slot & 63)
            if word != 0 {
                distance += word.trailingZeroBitCount
                break
            }
            distance += 64 - slot & 63
        }
        guard distance < Self.slotCount else { return nil }
        let due = (currentTick + 1 + UInt64(distance)) << Self.tickShift
        guard due > nowNanoseconds else { return 1 }
        return Int32((due - nowNanoseconds + 999_999) / 1_000_000)
    }

    private mutating func collect(_ slot: Int, upTo tick: UInt64, into due: Node) {
        let head = unsafe heads + slot
        var node = unsafe head.pointee.next!
        while unsafe node != head {
            let next = unsafe node.pointee.next!
            if unsafe node.pointee.dueTick <= tick {
                unsafe disarm(node)
                unsafe link(node, before: due)
            }
            unsafe node = next
        }
        if unsafe head.pointee.next == head { occupied[slot >> 6] &= ~(1 << UInt64(slot & 63)) }
    }

    private func link(_ node: Node, before next: Node) {
        let previous = unsafe next.pointee.previous!
        unsafe node.pointee.previous = previous
        unsafe node.pointee.next = next
        unsafe previous.pointee.next = node
        unsafe next.pointee.previous = node
    }
}
