import Engine
import Inventory

/// Everybody who calls the server: makes up requests, right and wrong, and repeats some.
struct Caller {
    private let terms: WorldTerms
    private let tenant: TenantNumber
    private let epoch: UInt64
    private var counter: UInt64 = 0
    /// What was sent before, to be sent again.
    private var sent: [EngineCommand] = []
    /// Granted lately.
    private(set) var numbers: [ReservationNumber] = []

    init(terms: WorldTerms, tenant: TenantNumber, epoch: UInt64) {
        self.terms = terms
        self.tenant = tenant
        self.epoch = epoch
    }

    mutating func hears(of number: ReservationNumber) {
        guard numbers.last != number else { return }
        if numbers.count >= 120 { numbers.removeFirst(40) }
        numbers.append(number)
    }

    /// One command. `openHolds`: how many there are; beyond 200 none is added.
    mutating func command(_ model: Model, wall: WallNanoseconds, _ chance: inout Chance) -> EngineCommand {
        let command: EngineCommand =
            switch chance.below(100) {
            case 0..<38 where model.holds.count < 3_000: reserve(&chance)
            case 38..<50: change(.commit([], reacquires: chance.oneIn(2), orderReference: ""), model, &chance)
            case 50..<62: change(.release([]), model, &chance)
            case 62..<70: change(.extend(ttlNanoseconds: nil), model, &chance)
            case 70..<76 where !sent.isEmpty: repeated(&chance)
            case 76: policyUpdate(&chance)
            case 77, 78: missed(model, &chance)
            case 84..<90: pair(wall: wall, &chance)
            case 90..<93: supply(wall: wall, &chance)
            case 79..<84 where !numbers.isEmpty: shipment(model, wall: wall, &chance)
            default: event(wall: wall, &chance)
            }
        if sent.count >= 60 { sent.removeFirst(20) }
        sent.append(command)
        return command
    }

    private mutating func identity() -> RequestIdentity {
        counter += 1
        return RequestIdentity(requestID: "q\(counter)", bodyDigest: counter, correlationID: "")
    }

    /// A read of an ERP's figures that lacked some of our holds, rightly or not.
    private func missed(_ model: Model, _ chance: inout Chance) -> EngineCommand {
        let erp = chance.pick(terms.capabilities.keys.sorted())
        var lines: [ReservationNumber: Set<UInt32>] = [:]
        for _ in 0..<4 where !numbers.isEmpty {
            lines[chance.pick(numbers), default: []].insert(UInt32(1 + chance.below(3)))
        }
        return .lookForHolds(
            tenant: tenant,
            MissedHolds(erp: erp, askedNanoseconds: model.now - chance.seconds(0...30), lines: lines))
    }

    private func repeated(_ chance: inout Chance) -> EngineCommand {
        let command = chance.pick(sent)
        guard chance.oneIn(5) else { return command }
        switch command {
        case .reserve(let tenant, let wish, var identity):
            identity.bodyDigest += 1 << 32
            return .reserve(tenant: tenant, wish, identity)
        case .change(let tenant, let wish, var identity):
            identity.bodyDigest += 1 << 32
            return .change(tenant: tenant, wish, identity)
        case .publish(_, let events, _, _):
            var event = events[0].event
            event.correlationID = "another body"
            return publish(event)
        default: return command
        }
    }

    // MARK: Reservations

    private mutating func reserve(_ chance: inout Chance) -> EngineCommand {
        let sku = chance.pick(WorldTerms.skus)
        var lines: [GrantLine] = []
        for _ in 0..<(1 + max(0, chance.below(5) - 2)) {
            let asked = chance.oneIn(4) ? sku : chance.pick(WorldTerms.skus)
            lines.append(
                GrantLine(
                    sku: chance.oneIn(60) ? "nothing" : asked,
                    scope: chance.oneIn(3) ? .one(LocationNumber(1 + chance.below(3))) : .all, lot: lot(&chance),
                    quantity: chance.oneIn(25) ? 60 : chance.within(1...6)))
        }
        var ttl: Int64? = chance.oneIn(2) ? nil : chance.seconds(1...120)
        if chance.oneIn(50) { ttl = 86_400 * .perSecond }
        let wish = ReservationWish(
            channelID: chance.oneIn(80) ? "nobody" : chance.pick(terms.channels), lines: lines,
            ttlNanoseconds: ttl, orderReference: "", customer: chance.pick(WorldTerms.customers),
            allowsPartial: chance.oneIn(3))
        return .reserve(tenant: tenant, wish, identity())
    }

    /// One unit from one place, for nobody in particular.
    mutating func reserve(_ channel: String, _ sku: String, at location: LocationNumber) -> EngineCommand {
        let wish = ReservationWish(
            channelID: channel, lines: [GrantLine(sku: sku, scope: .one(location), quantity: 1)], ttlNanoseconds: nil,
            orderReference: "", customer: "", allowsPartial: false)
        return .reserve(tenant: tenant, wish, identity())
    }

    private mutating func change(
        _ kind: ReservationChangeKind, _ model: Model, _ chance: inout Chance
    ) -> EngineCommand {
        var number = numbers.isEmpty ? 1 : chance.pick(numbers)
        if chance.oneIn(50) { number += 1_000_000 }
        let quantities = model.holds[number].map { self.quantities(of: $0, &chance) } ?? []
        let whole: ReservationChangeKind =
            switch kind {
            case .extend: .extend(ttlNanoseconds: chance.oneIn(2) ? nil : chance.seconds(1...600))
            case .release: .release(quantities)
            case .commit(_, let reacquires, let order):
                .commit(quantities, reacquires: reacquires, orderReference: order)
            }
        let wish = ReservationChangeWish(
            number: number, epoch: chance.oneIn(60) ? epoch + 1 : epoch,
            expectedVersion: chance.oneIn(30) ? 1_000 : nil, kind: whole)
        return .change(tenant: tenant, wish, identity())
    }

    /// Everything, a part, or what is wrong.
    private func quantities(of hold: Hold, _ chance: inout Chance) -> [LineQuantity] {
        guard chance.oneIn(2) else { return [] }
        var quantities: [LineQuantity] = []
        for line in hold.lines where chance.percent(70) {
            let most = hold.state == .expired ? line.lapsed : line.open
            quantities.append(
                LineQuantity(lineID: line.id, quantity: chance.within(0...most) + (chance.oneIn(30) ? most + 1 : 0)))
        }
        if chance.oneIn(40) { quantities.append(LineQuantity(lineID: 99, quantity: 1)) }
        if chance.oneIn(40), let first = quantities.first { quantities.append(first) }
        return quantities
    }

    private mutating func policyUpdate(_ chance: inout Chance) -> EngineCommand {
        updates(chance.pick(terms.channels), to: terms.policy(&chance))
    }

    func updates(_ channel: String, to policy: ChannelPolicy) -> EngineCommand {
        .updateChannel(
            tenant: tenant,
            ChannelUpdate(
                channelID: channel, displayName: "", policy: policy, etag: "", allowMissing: false,
                validateOnly: false, actor: "simulator", reason: "", requestID: ""))
    }

    // MARK: Stock

    /// Mostly none.
    private func lot(_ chance: inout Chance) -> String { chance.oneIn(3) ? chance.pick(WorldTerms.lots) : "" }

    private mutating func event(wall: WallNanoseconds, _ chance: inout Chance) -> EngineCommand {
        counter += 1
        // Differences may share a moment with a figure; two figures have no moment in common.
        let second = wall - chance.seconds(0...(chance.oneIn(4) ? 3_600 : 20))
        let sku = chance.pick(WorldTerms.skus)
        let location = chance.oneIn(60) ? WorldTerms.unknownLocation : chance.pick(WorldTerms.locationNames)
        let isFigure = chance.oneIn(2)
        var event = InventoryEvent(
            id: "e\(counter)", source: chance.pick(WorldTerms.sources),
            kind: isFigure ? .cycleCount : .adjustment,
            occurredAtNanoseconds: second / .perSecond * .perSecond + (isFigure ? Int64(counter) : 0), sku: sku,
            location: location, quantity: isFigure ? chance.within(0...30) : chance.within(-5...8), reason: "count",
            bodyDigest: counter)
        if chance.oneIn(40) { event.occurredAtNanoseconds = wall + chance.seconds(301...900) }
        event.lot = lot(&chance)
        if isFigure, chance.oneIn(2) {
            event.kind = .positionSnapshot
            event.snapshot = snapshot(&chance)
        } else if !isFigure, chance.oneIn(3) {
            event.kind = .receiptPosted
            event.quantity = chance.within(1...12)
            if chance.oneIn(2) { event.supply.id = "PO\(chance.below(3))" }
        }
        return publish(event)
    }

    /// Either end of a transfer or of an allocation, or a shipment of one.
    private mutating func pair(wall: WallNanoseconds, _ chance: inout Chance) -> EngineCommand {
        counter += 1
        let occurred = wall - chance.seconds(0...(chance.oneIn(4) ? 3_600 : 20))
        let location = chance.pick(WorldTerms.locationNames)
        let kinds: [InventoryEventKind] = [
            .transferShipped, .transferReceived, .allocationCreated, .allocationReleased, .shipmentConfirmed,
        ]
        var event = InventoryEvent(
            id: "e\(counter)", source: chance.pick(WorldTerms.sources), kind: chance.pick(kinds),
            occurredAtNanoseconds: occurred / .perSecond * .perSecond,
            sku: WorldTerms.skus[chance.below(3)], location: location, quantity: 1 + Int64(chance.below(4)),
            bodyDigest: counter)
        if event.kind == .transferShipped || event.kind == .transferReceived {
            event.toLocation = chance.pick(WorldTerms.locationNames.filter { $0 != location })
        }
        event.reference = "R\(chance.below(3))"
        event.lot = lot(&chance)
        return publish(event)
    }

    /// What is to come of a supply, or that nothing is.
    private mutating func supply(wall: WallNanoseconds, _ chance: inout Chance) -> EngineCommand {
        counter += 1
        let occurred = wall - chance.seconds(0...(chance.oneIn(4) ? 3_600 : 20))
        var event = InventoryEvent(
            id: "e\(counter)", source: chance.pick(WorldTerms.sources),
            kind: chance.oneIn(4) ? .supplyCancelled : .supplyUpdated,
            occurredAtNanoseconds: occurred / .perSecond * .perSecond, sku: chance.pick(WorldTerms.skus),
            location: chance.pick(WorldTerms.locationNames), bodyDigest: counter)
        event.supply = NamedSupply(
            id: "PO\(chance.below(3))", quantity: chance.within(0...20),
            expectedAtNanoseconds: wall + chance.seconds(-3_600...86_400), backordered: chance.within(0...3))
        return publish(event)
    }

    /// Of a hold, mostly: some of a line, from where it is held or not, more than is held now and then.
    private mutating func shipment(_ model: Model, wall: WallNanoseconds, _ chance: inout Chance) -> EngineCommand {
        counter += 1
        let number = chance.pick(numbers)
        let line = model.holds[number]?.lines.first { $0.open > 0 || chance.oneIn(3) }
        let occurred = wall - chance.seconds(0...(chance.oneIn(4) ? 3_600 : 20))
        var event = InventoryEvent(
            id: "e\(counter)", source: chance.pick(WorldTerms.sources), kind: .shipmentConfirmed,
            occurredAtNanoseconds: occurred / .perSecond * .perSecond, sku: line?.sku ?? chance.pick(WorldTerms.skus),
            location: chance.oneIn(3)
                ? chance.pick(WorldTerms.locationNames) : terms.locations[line?.location ?? 0] ?? "L1",
            quantity: 1 + Int64(chance.below(6)), bodyDigest: counter)
        if !chance.oneIn(10) {
            event.hold.reservationID = ReservationID.text(
                number: number, epoch: chance.oneIn(40) ? epoch + 1 : epoch)
            if chance.oneIn(3) { event.hold.lineID = line?.id ?? 1 }
        }
        event.lot = chance.oneIn(3) ? lot(&chance) : line?.lot ?? ""
        return publish(event)
    }

    private func snapshot(_ chance: inout Chance) -> StockEffect {
        var effect = StockEffect(isAbsolute: true, touched: BucketSet(.onHand))
        effect.values[.onHand] = chance.within(0...40)
        for bucket in [Bucket.allocated, .quarantined, .damaged, .safetyStock, .inTransit] where chance.oneIn(4) {
            effect.touched.insert(BucketSet(bucket))
            effect.values[bucket] = chance.within(0...4)
        }
        return effect
    }

    /// A figure as an ERP reads it, with our holds in it; named at the head of a group, before anything ends them.
    mutating func figureWithHolds(
        _ model: Model, wall: WallNanoseconds, _ chance: inout Chance
    ) -> EngineCommand? {
        guard !numbers.isEmpty, let hold = model.holds[chance.pick(numbers)],
            let told = hold.lines.first(where: { !$0.erp.isEmpty && $0.open > 0 })
        else { return nil }
        let contains = holds(at: told.place, model, &chance)
        var effect = snapshot(&chance)
        effect.touched.insert(BucketSet(.allocated))
        effect.values[.allocated] = contains.reduce(chance.within(0...4)) { $0 + $1.quantity }
        counter += 1
        let occurred = wall - chance.seconds(0...(chance.oneIn(4) ? 600 : 2))
        return publish(
            InventoryEvent(
                id: "e\(counter)", source: "wms", kind: .positionSnapshot,
                occurredAtNanoseconds: occurred / .perSecond * .perSecond + Int64(counter), sku: told.sku,
                location: terms.locations[told.location] ?? "", lot: chance.oneIn(3) ? told.lot : "", snapshot: effect,
                contains: contains,
                bodyDigest: counter))
    }

    /// Some of our open holds at a place, as an ERP would name them.
    func holds(at place: Place, _ model: Model, _ chance: inout Chance) -> [ContainedHold] {
        var contains: [ContainedHold] = []
        for number in Set(numbers).sorted() {
            guard let hold = model.holds[number] else { continue }
            for line in hold.lines where line.place == place && line.open > 0 && chance.percent(70) {
                let units = chance.oneIn(4) ? chance.within(0...line.quantity) : line.open
                let id = ReservationID.text(number: number, epoch: epoch)
                // Which of its closed lines an ERP still has is not the model's to know.
                let isWhole = hold.lines.allSatisfy { $0.place != place || $0.open > 0 }
                let lineID = isWhole && chance.oneIn(10) ? 0 : line.id
                contains.append(ContainedHold(reservationID: id, lineID: lineID, quantity: units))
                if chance.oneIn(30), let last = contains.last { contains.append(last) }
            }
        }
        return contains
    }

    func publish(_ event: InventoryEvent) -> EngineCommand {
        .publish(
            tenant: tenant,
            events: [IncomingEvent(event: event, original: Array("\(event.id) \(event.bodyDigest)".utf8))])
    }

    /// The figure of one place, as of now.
    mutating func figure(_ place: Place, _ units: Int64, wall: WallNanoseconds) -> EngineCommand {
        counter += 1
        return publish(
            InventoryEvent(
                id: "e\(counter)", source: "wms", kind: .cycleCount, occurredAtNanoseconds: wall + Int64(counter),
                sku: place.sku, location: terms.locations[place.location] ?? "", quantity: units, bodyDigest: counter))
    }
}
