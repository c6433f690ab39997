import Engine
import Inventory

/// A random set of events of every kind, and the holds that some of them name.
struct DeliverySet {
    /// One event; the ids of holds are put in when it is sent.
    struct Told {
        var event: InventoryEvent
        /// Of the set's holds: the one that it names.
        var hold: Int?
        /// POSITION_SNAPSHOT: those that it contains, with their first line's units.
        var contains: [Int] = []

        /// Those of an order that it names instead.
        var ordered: [Int] = []

        /// What must be there before it can be sent.
        var holds: [Int] { contains + ordered + (hold.map { [$0] } ?? []) }
    }

    /// What becomes of a hold. Events of one kind about it commute; of both, only that nothing of it stays open. One that is
    /// lost runs out, while it is told of or after.
    enum Fate: CaseIterable {
        case shipped, shippedByLine, shippedByOrder, cancelled, shippedAndCancelled, kept, lost
    }

    struct WantedHold {
        var fate: Fate
        var lines: [GrantLine]
    }

    static let skus = ["A", "B", "C"]
    static let lots = ["", "X", "Y"]
    /// Two that anybody tells of; one whose owner's figures include the lots; one whose owner counts its events.
    static let locations = [
        Location(id: "L1", number: 0), Location(id: "L2", number: 0), Location(id: "OWNED", number: 0, owner: "wms"),
        Location(id: "COUNTED", number: 0, owner: "erp"),
    ]
    static let sources = [SourceTerms(id: "wms", lots: .included), SourceTerms(id: "erp", order: .sequence)]
    /// Of the two holds that are `shippedByOrder`.
    static let order = "ORDER"
    static let references = (0..<4).map { "R\($0)" }
    static let supplies = (0..<3).map { "PO\($0)" }
    /// What lies everywhere at first, so that every hold can be had whenever it is asked for.
    private static let plenty: Int64 = 100_000

    private(set) var holds: [WantedHold] = []
    /// Told before anything else.
    private(set) var opening: [Told] = []
    /// In the order in which everything happened.
    private(set) var events: [Told] = []

    init(count: Int, _ chance: inout Chance) {
        for fate in Fate.allCases {
            for _ in 0..<2 { holds.append(Self.hold(fate, &chance)) }
        }
        for sku in Self.skus {
            for location in Self.locations {
                for lot in Self.lots {
                    let counted = opening.count { $0.event.source == "erp" }
                    opening.append(Self.opening(opening.count, sku, location.id, lot, counted: UInt64(counted)))
                }
            }
        }
        opening.append(Self.beginning)
        for number in 0..<count { events.append(event(number, &chance)) }
        events.sort { ($0.event.occurredAtNanoseconds, $0.event.id) < ($1.event.occurredAtNanoseconds, $1.event.id) }
        // Who counts its events does so as they happen.
        var counted = ["erp": UInt64(opening.count { $0.event.source == "erp" }), "till": 1]
        for index in events.indices {
            guard let last = counted[events[index].event.source] else { continue }
            events[index].event.sequence = last + 1
            counted[events[index].event.source] = last + 1
        }
    }

    private static func hold(_ fate: Fate, _ chance: inout Chance) -> WantedHold {
        var lines: [GrantLine] = []
        let count = fate == .kept ? 1 : 1 + chance.below(3)
        for _ in 0..<count {
            let lot = fate != .kept ? chance.pick(lots) : ""
            let location = LocationNumber(1 + chance.below(fate == .kept ? 2 : locations.count))
            lines.append(
                GrantLine(sku: chance.pick(skus), scope: .one(location), lot: lot, quantity: chance.within(1...12)))
        }
        return WantedHold(fate: fate, lines: lines)
    }

    private static func opening(
        _ number: Int, _ sku: String, _ location: String, _ lot: String, counted: UInt64
    ) -> Told {
        var effect = StockEffect(isAbsolute: true, touched: BucketSet(.onHand))
        effect.values[.onHand] = plenty * (location == "OWNED" && lot.isEmpty ? Int64(lots.count) : 1)
        let source = owner(of: location) ?? "shop"
        return Told(
            event: InventoryEvent(
                id: "opening-\(number)", source: source, kind: .positionSnapshot,
                sequence: source == "erp" ? counted + 1 : nil,
                occurredAtNanoseconds: WorldTerms.start - 7_200 * .perSecond, sku: sku, location: location, lot: lot,
                snapshot: effect))
    }

    /// Of who owns nothing and counts: below the first sequence that was ever seen nothing is vouched for, so it must be one.
    private static let beginning = Told(
        event: InventoryEvent(
            id: "beginning", source: "till", kind: .sourceHeartbeat, sequence: 1,
            occurredAtNanoseconds: WorldTerms.start - 7_200 * .perSecond))

    private static func owner(of location: String) -> String? { locations.first { $0.id == location }?.owner }

    // MARK: Events

    private func event(_ number: Int, _ chance: inout Chance) -> Told {
        let location = chance.pick(Self.locations).id
        var told = Told(
            event: InventoryEvent(
                id: "e\(1_000 + number)", source: "", kind: .adjustment,
                // Few moments, so that many share one.
                occurredAtNanoseconds: WorldTerms.start - chance.seconds(0...1) - Int64(chance.below(90)) * .perSecond,
                sku: chance.pick(Self.skus), location: location, lot: chance.pick(Self.lots),
                quantity: chance.within(1...9), reason: "count"))
        told.event.occurredAtNanoseconds -= told.event.occurredAtNanoseconds % .perSecond
        switch chance.below(20) {
        case 0, 1: told.event.kind = .cycleCount
        case 2, 3: snapshot(&told, &chance)
        case 4, 5: told.event.quantity = chance.within(-9...9)
        case 6: told.event.kind = .returnReceived
        case 7:
            (told.event.kind, told.event.toStatus) = (.statusChanged, chance.pick([.quarantined, .damaged]))
        case 8:
            told.event.kind = .receiptPosted
            if chance.oneIn(2) { told.event.supply.id = chance.pick(Self.supplies) }
        case 9, 10: supply(&told, &chance)
        case 11, 12:
            told.event.kind = chance.pick([.transferShipped, .transferReceived])
            told.event.toLocation = chance.pick(Self.locations.map(\.id).filter { $0 != location })
            told.event.reference = chance.pick(Self.references + [""])
        case 13, 14:
            told.event.kind = chance.pick([.allocationCreated, .allocationReleased])
            told.event.reference = chance.pick(Self.references + [""])
        case 15:
            told.event.kind = .shipmentConfirmed
            told.event.reference = chance.pick(Self.references + [""])
        case 16: told.event.kind = chance.pick([.pickConfirmed, .sourceHeartbeat])
        default: aboutHold(&told, &chance)
        }
        if told.event.kind == .cycleCount { told.event.quantity = Self.plenty - chance.within(0...99) }
        let teller = told.event.kind == .transferReceived ? told.event.toLocation : told.event.location
        // Now and then somebody tells of what is not his.
        let owner = chance.oneIn(40) ? nil : Self.owner(of: teller)
        told.event.source = owner ?? chance.pick(["shop", "till"])
        return told
    }

    private func snapshot(_ told: inout Told, _ chance: inout Chance) {
        told.event.kind = .positionSnapshot
        var effect = StockEffect(isAbsolute: true)
        for bucket in [Bucket.onHand, .allocated, .quarantined, .damaged, .safetyStock, .inTransit, .incoming]
        where bucket == .onHand || chance.oneIn(3) {
            effect.touched.insert(BucketSet(bucket))
            effect.values[bucket] = bucket == .onHand ? Self.plenty - chance.within(0...99) : chance.within(0...9)
        }
        let kept = holds.indices.filter { index in
            holds[index].fate == .kept && told.event.lot.isEmpty && holds[index].lines[0].sku == told.event.sku
                && holds[index].lines[0].scope == .one(number(of: told.event.location))
        }
        if effect.touched.contains(.allocated) {
            told.contains = kept.filter { _ in chance.percent(70) }
            effect.values[.allocated] += told.contains.reduce(0) { $0 + holds[$1].lines[0].quantity }
        }
        told.event.snapshot = effect
    }

    private func supply(_ told: inout Told, _ chance: inout Chance) {
        told.event.kind = chance.oneIn(4) ? .supplyCancelled : .supplyUpdated
        told.event.lot = ""
        told.event.supply = NamedSupply(
            id: chance.pick(Self.supplies), quantity: chance.within(0...20),
            expectedAtNanoseconds: WorldTerms.start + chance.seconds(0...86_400), backordered: chance.within(0...3))
    }

    private func aboutHold(_ told: inout Told, _ chance: inout Chance) {
        let index = chance.below(holds.count)
        let (fate, lines) = (holds[index].fate, holds[index].lines)
        let line = chance.below(lines.count)
        if fate == .shippedByOrder {
            told.ordered = holds.indices.filter { holds[$0].fate == fate }
            told.event.hold.orderReference = Self.order
        } else {
            told.hold = index
        }
        told.event.sku = lines[line].sku
        if chance.oneIn(5) {
            told.event.kind = chance.oneIn(2) && fate != .lost ? .orderAccepted : .pickConfirmed
            if told.event.kind == .orderAccepted { told.event.sku = "" }
            return
        }
        let isShipped = fate == .shippedAndCancelled ? chance.oneIn(2) : fate != .cancelled
        switch (fate, isShipped) {
        case (.kept, _), (.lost, _):
            told.event.kind = chance.pick([.allocationCreated, .allocationReleased])
            told.event.reference = fate == .kept || chance.oneIn(2) ? "H\(index)" : chance.pick(Self.references)
        case (_, true):
            told.event.kind = .shipmentConfirmed
            if fate == .shippedByLine { told.event.hold.lineID = UInt32(line + 1) }
        case (_, false):
            told.event.kind = .orderCancelled
            if fate == .shippedAndCancelled || chance.oneIn(3) {
                told.event.sku = ""
            } else if chance.oneIn(2) {
                told.event.hold.lineID = UInt32(line + 1)
            }
            told.event.lot = ""
        }
    }

    private func number(of location: String) -> LocationNumber {
        LocationNumber(1 + (Self.locations.firstIndex { $0.id == location } ?? 0))
    }
}
