internal import HeapModule
internal import Inventory

/// The order in which one ERP's writes go out. Every operation but a removal from the middle is logarithmic in the number
/// of writes that wait, so that a long outage does not slow the writer down.
///
/// What is in `ready`, `timed` and `parked` are hints: an order is looked up again before it is sent, and what does not
/// wait any more is passed over.
struct ErpQueue: Sendable {
    /// Where a write's effect at the ERP lies.
    struct Place: Hashable {
        var sku: String
        var location: LocationNumber
    }

    /// A moment at which a write may be sent.
    private struct Timed: Comparable {
        var atNanoseconds: WallNanoseconds
        var order: UInt64

        static func < (left: Timed, right: Timed) -> Bool { left.atNanoseconds < right.atNanoseconds }
    }

    private(set) var orders = OrderedWrites()
    /// By kind: a call is about writes of one kind.
    private var ready = [Heap<UInt64>](repeating: [], count: Int(ErpWriteKind.lookUp.rawValue) + 1)
    private var timed: Heap<Timed> = []
    /// What waits for a place to become free.
    private var parked: [Place: Set<UInt64>] = [:]
    /// Places that a call under way is about, by how many writes.
    private var busy: [Place: Int] = [:]
    /// The releases that are to be answered, by place: a later reserve there waits for them.
    private var releases: [Place: Releases] = [:]

    private struct Releases {
        var orders: Set<UInt64> = []
        /// All of them, and some that are gone.
        var earliest: Heap<UInt64> = []

        mutating func first() -> UInt64? {
            while let first = earliest.min, !orders.contains(first) { earliest.removeMin() }
            return earliest.min
        }
    }

    mutating func insert(_ order: UInt64, _ key: ErpOutboxState.Key) { orders.insert(order, key) }

    mutating func remove(_ order: UInt64) { orders.remove(order) }

    /// A write waits now, until a time.
    mutating func wait(_ write: ErpWrite, nowNanoseconds: WallNanoseconds) {
        guard write.isWaiting, let next = write.nextAttemptNanoseconds else { return }
        if next <= nowNanoseconds {
            ready[Int(write.work.kind.rawValue)].insert(write.order)
        } else {
            timed.insert(Timed(atNanoseconds: next, order: write.order))
        }
    }

    /// When the next write may be due; nil: none waits by itself. What is parked waits for a call's end.
    func nextAttemptNanoseconds(nowNanoseconds: WallNanoseconds) -> WallNanoseconds? {
        ready.contains { !$0.isEmpty } ? nowNanoseconds : timed.min?.atNanoseconds
    }

    /// What became due goes among what is ready. `kind` tells of an order what it is; nil: it waits no more.
    mutating func promote(nowNanoseconds: WallNanoseconds, kind: (UInt64) -> ErpWriteKind?) {
        while let first = timed.min, first.atNanoseconds <= nowNanoseconds {
            timed.removeMin()
            if let kind = kind(first.order) { ready[Int(kind.rawValue)].insert(first.order) }
        }
    }

    /// The first of what is ready, of a kind or of any.
    mutating func removeFirst(of kind: ErpWriteKind?) -> UInt64? {
        if let kind { return ready[Int(kind.rawValue)].popMin() }
        let first = ready.indices.min { ready[$0].min ?? .max < ready[$1].min ?? .max }
        return first.flatMap { ready[$0].popMin() }
    }

    // MARK: Places

    /// Where a write has to wait: no two calls are about one place, and a reserve waits for the releases before it.
    mutating func obstacle(to write: ErpWrite) -> Place? {
        for place in write.places {
            if busy[place] != nil { return place }
            if write.work.kind == .reserve, let first = releases[place]?.first(), first < write.order { return place }
        }
        return nil
    }

    mutating func park(_ write: ErpWrite, at place: Place) { parked[place, default: []].insert(write.order) }

    mutating func occupy(_ places: [Place]) {
        for place in places { busy[place, default: 0] += 1 }
    }

    mutating func vacate(_ places: [Place], kind: (UInt64) -> ErpWriteKind?) {
        for place in places {
            busy[place, default: 0] -= 1
            guard busy[place, default: 0] <= 0 else { continue }
            busy[place] = nil
            unpark(place, kind: kind)
        }
    }

    mutating func noteRelease(_ write: ErpWrite) {
        for place in write.places where releases[place, default: Releases()].orders.insert(write.order).inserted {
            releases[place]?.earliest.insert(write.order)
        }
    }

    mutating func forgetRelease(_ write: ErpWrite, kind: (UInt64) -> ErpWriteKind?) {
        for place in write.places where releases[place]?.orders.remove(write.order) != nil {
            if releases[place]?.orders.isEmpty == true { releases[place] = nil }
            unpark(place, kind: kind)
        }
    }

    private mutating func unpark(_ place: Place, kind: (UInt64) -> ErpWriteKind?) {
        for order in parked.removeValue(forKey: place) ?? [] {
            if let kind = kind(order) { ready[Int(kind.rawValue)].insert(order) }
        }
    }
}

extension ErpWrite {
    /// Not sent, and not given up.
    var isWaiting: Bool { state == .waiting || state == .unknown }

    var places: [ErpQueue.Place] { work.lines.map { ErpQueue.Place(sku: $0.sku, location: $0.location) } }
}

/// Keys in the order in which they came, with removal from anywhere.
struct OrderedWrites: Sendable {
    private var keys: [UInt64: ErpOutboxState.Key] = [:]
    /// From the oldest on, ascending; some may be gone.
    private var orders: [UInt64] = []
    /// All before it are gone.
    private var start = 0

    var count: Int { keys.count }

    func key(_ order: UInt64) -> ErpOutboxState.Key? { keys[order] }

    var first: ErpOutboxState.Key? { start < orders.count ? keys[orders[start]] : nil }

    /// Those after an order, some of which may be gone.
    func orders(after order: UInt64) -> ArraySlice<UInt64> {
        var (low, high) = (start, orders.count)
        while low < high {
            let middle = (low + high) / 2
            if orders[middle] <= order { low = middle + 1 } else { high = middle }
        }
        return orders[low...]
    }

    mutating func insert(_ order: UInt64, _ key: ErpOutboxState.Key) {
        keys[order] = key
        orders.append(order)
    }

    mutating func remove(_ order: UInt64) {
        keys[order] = nil
        while start < orders.count, keys[orders[start]] == nil { start += 1 }
        // The gaps are closed once they are the greater part.
        if orders.count > 64, keys.count * 2 < orders.count {
            orders.removeAll { keys[$0] == nil }
            start = 0
        }
    }
}
