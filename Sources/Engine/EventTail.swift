public import Inventory
internal import Synchronization

/// What became of one event.
public struct CommittedEvent: Sendable {
    public let incoming: IncomingEvent
    public let result: EventResult
    /// The ledger sequence of its commit.
    public let sequence: UInt64
    /// When, by the ledger's clock.
    public let timeNanoseconds: WallNanoseconds
}

/// The newest committed events, for those who look on: a bounded ring that the writer fills only while somebody does. A
/// place in it is a count of all events ever put in.
public final class EventTail: Sendable {
    /// Events that are kept.
    public static let eventsMax = 10_000
    /// Bytes of their originals.
    static let bytesMax = 16 << 20

    private struct Ring {
        /// By place, modulo `eventsMax`; empty while nobody looks on.
        var events: [CommittedEvent?] = []
        var bytes = 0
        /// The place of the oldest that is kept.
        var first: UInt64 = 0
        /// Events ever put in.
        var end: UInt64 = 0

        mutating func append(_ event: CommittedEvent) {
            if events.isEmpty { events = Array(repeating: nil, count: eventsMax) }
            if end - first == UInt64(eventsMax) { dropOldest() }
            events[Int(end % UInt64(eventsMax))] = event
            end += 1
            bytes += event.incoming.original.count
            while bytes > bytesMax { dropOldest() }
        }

        private mutating func dropOldest() {
            let index = Int(first % UInt64(eventsMax))
            bytes -= events[index]?.incoming.original.count ?? 0
            events[index] = nil
            first += 1
        }
    }

    private let ring = Mutex(Ring())
    private let watchers = Atomic(0)
    private let listener = Mutex<(@Sendable () -> Void)?>(nil)

    init() {}

    /// Whether somebody looks on. One relaxed load.
    var isWatched: Bool { watchers.load(ordering: .relaxed) > 0 }

    /// Calls `body` on the writer's thread after each commit with events, while somebody looks on.
    public func onAppend(_ body: @escaping @Sendable () -> Void) {
        listener.withLock { $0 = body }
    }

    /// From now on somebody looks on; returns the place of what comes next.
    public func beginWatching() -> UInt64 {
        ring.withLock { ring in
            watchers.add(1, ordering: .relaxed)
            return ring.end
        }
    }

    /// The last to go leaves nothing behind.
    public func endWatching() {
        ring.withLock { ring in
            guard watchers.subtract(1, ordering: .relaxed).newValue == 0 else { return }
            ring.events = []
            ring.bytes = 0
            ring.first = ring.end
        }
    }

    /// The place of what comes next.
    public var end: UInt64 { ring.withLock { $0.end } }

    /// Events from a place on, at most `limit`, the place after them, and how many before them are gone. Any thread.
    public func read(from place: UInt64, limit: Int) -> (events: [CommittedEvent], next: UInt64, lost: UInt64) {
        ring.withLock { ring in
            let first = max(place, ring.first)
            let next = min(first + UInt64(limit), ring.end)
            let events = (first..<next).compactMap { ring.events[Int($0 % UInt64(Self.eventsMax))] }
            return (events, next, first - place)
        }
    }

    /// Writer's thread only; after the commit.
    func append(_ events: [CommittedEvent]) {
        guard !events.isEmpty else { return }
        ring.withLock { ring in
            // Who looked on may have gone meanwhile.
            guard isWatched else { return }
            for event in events { ring.append(event) }
        }
        listener.withLock { $0 }?()
    }
}
