import Inventory

/// All events of one place: of what belongs to no lot, and of each lot by itself.
struct StockHistory {
    private(set) var parts: [String: PartHistory] = ["": PartHistory()]
    /// Of the whole.
    private(set) var values = Buckets()

    /// Whether no later figure of its part sets what the event sets of a bucket.
    func isNewest(_ event: InventoryEvent, of bucket: Bucket) -> Bool {
        parts[event.lot]?.isNewest(event, of: bucket) ?? true
    }

    /// Whether a figure of one part is about what is allocated of a held lot.
    func tells(_ lot: String, of held: String) -> Bool {
        if !lot.isEmpty { return lot == held }
        return held.isEmpty || parts[held]?.tellsAllocated != true
    }

    mutating func add(_ event: InventoryEvent, contained: Int64) {
        parts[event.lot, default: PartHistory()].add(event, contained: contained)
        addUp()
    }

    mutating func setLeg(_ lot: String, _ key: OrderKey, _ bucket: Bucket, _ units: Int64) {
        parts[lot, default: PartHistory()].setLeg(key, bucket, units)
        addUp()
    }

    /// A difference that a person or a policy decided on, behind everything that is known of what belongs to no lot.
    mutating func repair(_ key: OrderKey, _ bucket: Bucket, by units: Int64) {
        parts["", default: PartHistory()].repair(key, bucket, by: units)
        addUp()
    }

    /// Figures made anew know of no repair.
    mutating func forgetRepairs() {
        for lot in Array(parts.keys) { parts[lot]?.forgetRepairs() }
        addUp()
    }

    private mutating func addUp() {
        values = Buckets()
        for part in parts.values {
            for bucket in Bucket.allCases { values[bucket] += part.values[bucket] }
        }
    }

    static func key(of event: InventoryEvent, isAbsolute: Bool) -> OrderKey {
        OrderKey(
            primary: event.occurredAtNanoseconds, isAbsolute: isAbsolute,
            source: OrderKey.digest(ofSource: event.source), id: event.id)
    }
}

/// All events of one part of a place. The order of delivery is not in it.
struct PartHistory {
    private struct Entry {
        var key: OrderKey
        var effect: StockEffect
        var isLeg = false
        var isRepair = false
    }

    private var entries: [Entry] = []
    private(set) var values = Buckets()
    /// The greatest place that anything here was ever told of, and of that what surely moved something.
    private(set) var newestPrimary = Int64.min
    private(set) var newestMove = Int64.min

    /// Whether no later figure sets what the event sets of a bucket.
    func isNewest(_ event: InventoryEvent, of bucket: Bucket) -> Bool {
        let key = StockHistory.key(of: event, isAbsolute: true)
        return !entries.contains { $0.effect.isAbsolute && $0.effect.touched.contains(bucket) && key < $0.key }
    }

    /// Whether anybody ever said how much of it is allocated.
    var tellsAllocated: Bool {
        entries.contains { $0.effect.isAbsolute && $0.effect.touched.contains(.allocated) }
    }

    /// - Parameter contained: units of our holds in `allocated`.
    mutating func add(_ event: InventoryEvent, contained: Int64) {
        var effect = Self.effect(of: event)
        effect.values[.allocated] -= contained
        let key = StockHistory.key(of: event, isAbsolute: effect.isAbsolute)
        newestMove = max(newestMove, key.primary)
        insert(Entry(key: key, effect: effect))
    }

    /// What an event of a pair does to the bucket of its pair, in the place of what it did before.
    mutating func setLeg(_ key: OrderKey, _ bucket: Bucket, _ units: Int64) {
        entries.removeAll { $0.isLeg && $0.key == key }
        var effect = StockEffect(isAbsolute: false, touched: BucketSet(bucket))
        effect.values[bucket] = units
        insert(Entry(key: key, effect: effect, isLeg: true))
    }

    mutating func repair(_ key: OrderKey, _ bucket: Bucket, by units: Int64) {
        var effect = StockEffect(isAbsolute: false, touched: BucketSet(bucket))
        effect.values[bucket] = units
        insert(Entry(key: key, effect: effect, isRepair: true))
    }

    mutating func forgetRepairs() {
        entries.removeAll(where: \.isRepair)
        addUp()
    }

    private mutating func insert(_ entry: Entry) {
        let place = entries.firstIndex { entry.key < $0.key } ?? entries.count
        entries.insert(entry, at: place)
        newestPrimary = max(newestPrimary, entry.key.primary)
        addUp()
    }

    private mutating func addUp() {
        values = Buckets()
        for entry in entries {
            for bucket in Bucket.allCases where entry.effect.touched.contains(bucket) {
                if entry.effect.isAbsolute { values[bucket] = 0 }
                values[bucket] += entry.effect.values[bucket]
            }
        }
    }

    private static func effect(of event: InventoryEvent) -> StockEffect {
        if event.kind == .positionSnapshot { return event.snapshot }
        var effect = StockEffect(isAbsolute: event.kind == .cycleCount, touched: BucketSet(.onHand))
        let leaves = event.kind == .shipmentConfirmed || event.kind == .transferShipped
        effect.values[.onHand] = leaves ? -(event.quantity ?? 0) : event.quantity ?? 0
        return effect
    }
}
