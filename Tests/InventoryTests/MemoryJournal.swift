@testable import Inventory

/// A journal in an array, by key. Counts what it is asked, to show when it is left alone.
struct MemoryJournal: PositionJournal {
    private(set) var entries: [JournalEntry] = []
    private(set) var scans = 0

    mutating func forEachEntry(after key: OrderKey, _ body: (JournalEntry) -> Bool) {
        scans += 1
        for entry in entries where entry.key > key {
            if !body(entry) { return }
        }
    }

    mutating func forEachEntry(before key: OrderKey, _ body: (JournalEntry) -> Bool) {
        for entry in entries.reversed() where entry.key < key {
            if !body(entry) { return }
        }
    }

    func entry(_ key: OrderKey) -> JournalEntry? { entries.first { $0.key == key } }

    mutating func put(_ entry: JournalEntry) {
        entries.removeAll { $0.key == entry.key }
        insert(entry)
    }

    mutating func insert(_ entry: JournalEntry) {
        precondition(!entries.contains { $0.key == entry.key })
        let index = entries.firstIndex { $0.key > entry.key } ?? entries.count
        entries.insert(entry, at: index)
    }

    mutating func remove(_ key: OrderKey) {
        let index = entries.firstIndex { $0.key == key }
        precondition(index != nil)
        entries.remove(at: index!)
    }
}

/// An event as the placement sees it.
struct PlacedEvent: Equatable {
    var entry: JournalEntry
    var occurredAt: WallNanoseconds
    var source: SourceNumber

    init(
        _ primary: Int64, _ id: String, isAbsolute: Bool, _ values: [Bucket: Int64], source: SourceNumber = 1,
        occurredAt: WallNanoseconds? = nil
    ) {
        var effect = StockEffect(isAbsolute: isAbsolute)
        for (bucket, units) in values {
            effect.touched.insert(BucketSet(bucket))
            effect.values[bucket] = units
        }
        let key = OrderKey(primary: primary, isAbsolute: isAbsolute, source: SourceDigest(source), id: id)
        entry = JournalEntry(key: key, effect: effect)
        self.occurredAt = occurredAt ?? primary
        self.source = source
    }
}

/// A position with its journal.
struct PlacedPosition {
    var position = Position()
    var journal = MemoryJournal()

    @discardableResult
    mutating func apply(_ event: PlacedEvent) -> EventPlacement {
        position.apply(
            event.entry, source: event.source, occurredAtNanoseconds: event.occurredAt, journal: &journal)
    }

    subscript(_ bucket: Bucket) -> Int64 { position.buckets[bucket] }
}
