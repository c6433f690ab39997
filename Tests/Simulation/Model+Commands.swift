import Engine
import Inventory
import Ledger

/// What each command does when it is acknowledged, and what it must be answered with.
extension Model {
    /// - Parameter granted: the number under which the engine granted a new hold; nil: it granted none.
    mutating func apply(
        _ command: EngineCommand, wall: WallNanoseconds, granted: ReservationNumber?
    ) throws(Violation) -> Prediction {
        switch command {
        case .publish(_, let incoming, _, _):
            let outcomes = incoming.map { publish($0.event, wall: wall) }
            for (event, outcome) in zip(incoming, outcomes) where outcome == .deadLettered {
                guard letters.keep(event) else { return .full }
            }
            return .events(outcomes)
        case .updateChannel(_, let update):
            policies[update.channelID] = update.policy
            return .channel
        case .reserve(_, let wish, let identity): return try reserve(wish, identity, granted)
        case .change(_, let wish, let identity): return try change(wish, identity, granted)
        case .takeErpOutcomes(_, let outcomes):
            for outcome in outcomes { take(outcome) }
            return .done
        case .lookForHolds:
            // Only the ERP's answer tells anything.
            return .done
        case .rebuild: return .rebuild
        case .dealWithDeadLetters(_, let wish): return .letters(deal(with: wish, wall: wall))
        case .reconcile(_, let command): return try reconcile(command)
        case .seed, .endRestoration, .endGap, .decideFeed, .note, .publication:
            preconditionFailure("the simulator seeds at the start only, and never restores")
        }
    }

    mutating func publish(_ event: InventoryEvent, wall: WallNanoseconds) -> EventOutcome {
        let key = EventKey(source: event.source, id: event.id)
        if let digest = events[key] { return digest == event.bodyDigest ? .duplicate : .deadLettered }
        guard event.occurredAtNanoseconds - wall <= Limits.clockSkewNanosecondsMax,
            let location = terms.locations.first(where: { $0.value == event.location }),
            event.toLocation.isEmpty || terms.locations.values.contains(event.toLocation)
        else { return .deadLettered }
        events[key] = event.bodyDigest
        var place = Place(sku: event.sku, location: location.key)
        switch event.kind {
        case .transferShipped, .transferReceived:
            guard let there = terms.locations.first(where: { $0.value == event.toLocation }) else {
                return .deadLettered
            }
            let arrival = Place(sku: event.sku, location: there.key)
            pair(event, PairKey(place: arrival, bucket: .inTransit, lot: event.lot, reference: event.reference))
            if event.kind == .transferReceived { place = arrival }
        case .allocationCreated, .allocationReleased:
            pair(event, PairKey(place: place, bucket: .allocated, lot: event.lot, reference: event.reference))
            return .applied
        case .shipmentConfirmed where !event.reference.isEmpty:
            pair(event, PairKey(place: place, bucket: .allocated, lot: event.lot, reference: event.reference))
        case .receiptPosted where !event.supply.id.isEmpty: supply(event, SupplyKey(place: place, id: event.supply.id))
        case .supplyUpdated, .supplyCancelled:
            supply(event, SupplyKey(place: place, id: event.supply.id))
            return .applied
        default: break
        }
        let contained = contain(event, at: place)
        stock[place, default: StockHistory()].add(event, contained: contained)
        if event.kind == .shipmentConfirmed { ship(event, from: location.key) }
        return .applied
    }

    /// All events of a pair, worked out anew: what closes takes what was opened, the earliest first.
    private mutating func pair(_ event: InventoryEvent, _ key: PairKey) {
        pairs[key, default: []].append(event)
        let told = (pairs[key] ?? []).map { (event: $0, key: StockHistory.key(of: $0, isAbsolute: false)) }
            .sorted { $0.key < $1.key }
        func opens(_ event: InventoryEvent) -> Bool {
            event.kind == .transferShipped || event.kind == .allocationCreated
        }
        var left = told.reduce(0) { $0 + (opens($1.event) ? $1.event.quantity ?? 0 : 0) }
        for one in told {
            var units = one.event.quantity ?? 0
            if !opens(one.event) {
                units = min(left, units)
                left -= units
            }
            stock[key.place, default: StockHistory()].setLeg(
                key.lot, one.key, key.bucket, opens(one.event) ? units : -units)
        }
    }

    /// All events of a supply, worked out anew: receipts lower what is undated as long as nobody told of it.
    private mutating func supply(_ event: InventoryEvent, _ key: SupplyKey) {
        supplies[key, default: []].append(event)
        let told = supplies[key] ?? []
        let isTold = told.contains { $0.kind != .receiptPosted }
        stock[key.place] = stock[key.place] ?? StockHistory()
        for one in told where one.kind == .receiptPosted {
            let place = StockHistory.key(of: one, isAbsolute: false)
            stock[key.place]?.setLeg("", place, .incoming, isTold ? 0 : -(one.quantity ?? 0))
        }
    }

    /// What is still to come of a supply: as its newest figure says, less what came in after.
    func open(_ key: SupplyKey) -> Int64 {
        let events = supplies[key] ?? []
        func newest(_ left: InventoryEvent, _ right: InventoryEvent) -> Bool {
            func rank(_ event: InventoryEvent) -> (Int64, Int, UInt64, String) {
                let isCancelled = event.kind == .supplyCancelled
                return (
                    event.occurredAtNanoseconds, isCancelled ? 1 : 0, OrderKey.digest(ofSource: event.source), event.id
                )
            }
            return rank(left) < rank(right)
        }
        guard let figure = events.filter({ $0.kind != .receiptPosted }).max(by: newest),
            figure.kind == .supplyUpdated
        else { return 0 }
        let came = events.filter {
            $0.kind == .receiptPosted && $0.occurredAtNanoseconds > figure.occurredAtNanoseconds
        }
        return max(0, came.reduce(figure.supply.quantity) { $0 - ($1.quantity ?? 0) })
    }

    /// The units are taken out of the hold that the shipment names: of its lines of the sku, those at the place and of the lot first,
    /// then those at the place, then the others, location by location, and there lot by lot.
    private mutating func ship(_ event: InventoryEvent, from location: LocationNumber) {
        var left = event.quantity ?? 0
        // Somebody should look at what no hold covers.
        defer { if left > 0, !event.hold.reservationID.isEmpty { variances.shipments += 1 } }
        guard let id = ReservationID.parse(event.hold.reservationID), id.epoch == epoch, var hold = holds[id.number]
        else { return }
        for index in hold.linesToShip(event.sku, from: location, lot: event.lot)
        where event.hold.lineID == 0 || event.hold.lineID == hold.lines[index].id {
            let units = min(left, hold.lines[index].open)
            let told = min(left - units, hold.lines[index].shippedByErp)
            left -= units + told
            if units > 0 { fulfil(units, &hold, index) }
            if told > 0 { hear(told, &hold, index) }
        }
        let isChange = hold.open < holds[id.number]?.open ?? 0
        if isChange && hold.open == 0 { end(&hold, .fulfilled) }
        store(hold, isChange: isChange)
    }

    /// The newest figure says which of our holds it was taken with: those are in it, and no others. Returns the units.
    private mutating func contain(_ event: InventoryEvent, at place: Place) -> Int64 {
        let history = stock[place] ?? StockHistory()
        guard event.kind == .positionSnapshot, event.snapshot.touched.contains(.allocated),
            history.isNewest(event, of: .allocated)
        else { return 0 }
        var sum: Int64 = 0
        for hold in holds.values where hold.lines.contains(where: { $0.place == place }) {
            var hold = hold
            let units = hold.unitsNamed(in: event.contains, at: place, epoch: epoch, now) {
                history.tells(event.lot, of: $0)
            }
            for index in hold.lines.indices
            where hold.lines[index].place == place && history.tells(event.lot, of: hold.lines[index].lot) {
                sum += units[index]
                contain(units[index], &hold, index)
            }
            store(hold, isChange: false)
        }
        return sum
    }

    /// Units of our holds that a figure of a place says it was taken with.
    func contained(in contains: [ContainedHold], lot: String, at place: Place) -> Int64 {
        let history = stock[place] ?? StockHistory()
        return holds.values.filter { $0.lines.contains { $0.place == place } }.reduce(0) { sum, hold in
            sum
                + hold.unitsNamed(in: contains, at: place, epoch: epoch, now) { history.tells(lot, of: $0) }
                .reduce(0, +)
        }
    }

    // MARK: Callers

    private mutating func reserve(
        _ wish: ReservationWish, _ identity: RequestIdentity, _ granted: ReservationNumber?
    ) throws(Violation) -> Prediction {
        guard let policy = policies[wish.channelID] else { return .refused }
        let key = RequestKey(channel: wish.channelID, method: .create, id: identity.requestID)
        if let repeated = try answerRepeat(key, identity) { return repeated }
        let hold = policy.combinedTerms(of: wish.lines.map(\.sku))
        let ttl = wish.ttlNanoseconds ?? hold.defaultTTLNanoseconds
        guard ttl <= hold.longestTTLNanoseconds else { return .refused }
        guard let fresh = try grant(wish, policy, hold, ttl: ttl, granted) else { return .refused }
        store(fresh)
        remember(key, identity, fresh.number)
        return .hold(fresh)
    }

    /// Nil: it cannot be granted.
    private mutating func grant(
        _ wish: ReservationWish, _ policy: ChannelPolicy, _ hold: HoldTerms, ttl: Int64,
        _ granted: ReservationNumber?
    ) throws(Violation) -> Hold? {
        guard let lines = plan(wish, policy, hold) else {
            try require(granted == nil, .grantWithinStock, "a hold was granted that cannot be: \(wish)")
            return nil
        }
        guard let granted else { throw Violation(.recovers, "a hold was refused that can be granted: \(wish)") }
        let fresh = Hold(
            number: granted, channel: wish.channelID, customer: wish.customer, expires: now + ttl,
            expiresAtMost: now + hold.longestTTLNanoseconds, allowsPartial: wish.allowsPartial,
            writeMode: hold.writeMode, changed: now, lines: lines)
        for line in fresh.lines where line.open > 0 { take(line, for: fresh.channel) }
        return fresh
    }

    private mutating func change(
        _ wish: ReservationChangeWish, _ identity: RequestIdentity, _ granted: ReservationNumber?
    ) throws(Violation) -> Prediction {
        guard var hold = holds[wish.number], wish.epoch == epoch else { return .refused }
        let key = RequestKey(channel: hold.channel, method: wish.kind.requestMethod, id: identity.requestID)
        if let repeated = try answerRepeat(key, identity) { return repeated }
        // The simulator only ever names a version to be refused.
        guard wish.expectedVersion == nil else { return .refused }
        switch wish.kind {
        case .extend(let asked):
            guard hold.state == .active, let policy = policies[hold.channel] else { return .refused }
            let terms = policy.combinedTerms(of: hold.lines.map(\.sku))
            let ttl = asked ?? terms.defaultTTLNanoseconds
            guard ttl <= terms.longestTTLNanoseconds else { return .refused }
            hold.expires = max(hold.expires, min(now + ttl, hold.expiresAtMost))
        case .release(let quantities):
            if hold.state == .released { return .hold(hold) }
            guard !hold.state.isTerminal, let units = hold.units(quantities, \.open) else { return .refused }
            for index in hold.lines.indices { giveBack(units[index], &hold, index) }
            if hold.open == 0 { end(&hold, .released) }
        case .commit(let quantities, let reacquires, _):
            if hold.state == .expired && reacquires { return try reacquire(hold, quantities, key, identity, granted) }
            guard hold.state == .active, let units = hold.units(quantities, \.open) else { return .refused }
            for index in hold.lines.indices { giveBack(hold.lines[index].open - units[index], &hold, index) }
            end(&hold, .committed)
        }
        store(hold)
        remember(key, identity, hold.number)
        return .hold(hold)
    }

    private mutating func reacquire(
        _ expired: Hold, _ quantities: [LineQuantity], _ key: RequestKey, _ identity: RequestIdentity,
        _ granted: ReservationNumber?
    ) throws(Violation) -> Prediction {
        guard !expired.isLinked, let units = expired.units(quantities, \.lapsed), let policy = policies[expired.channel]
        else { return .refused }
        let lines = zip(expired.lines, units).filter { $0.1 > 0 }.map { line, units in
            GrantLine(sku: line.sku, scope: .one(line.location), lot: line.lot, quantity: units)
        }
        let wish = ReservationWish(
            channelID: expired.channel, lines: lines, ttlNanoseconds: nil, orderReference: "",
            customer: expired.customer, allowsPartial: expired.allowsPartial)
        let terms = policy.combinedTerms(of: lines.map(\.sku))
        guard var fresh = try grant(wish, policy, terms, ttl: terms.defaultTTLNanoseconds, granted) else {
            return .refused
        }
        fresh.isLinked = true
        end(&fresh, .committed)
        var former = expired
        former.isLinked = true
        store(former)
        store(fresh)
        remember(key, identity, fresh.number)
        return .hold(fresh)
    }

    // MARK: Idempotency

    private mutating func remember(_ key: RequestKey, _ identity: RequestIdentity, _ number: ReservationNumber) {
        requests[key] = Request(number: number, digest: identity.bodyDigest, time: now)
    }

    private func answerRepeat(_ key: RequestKey, _ identity: RequestIdentity) throws(Violation) -> Prediction? {
        guard let known = requests[key], known.time >= retentionStart else { return nil }
        guard known.digest == identity.bodyDigest else { return .refused }
        guard let hold = holds[known.number] else {
            throw Violation(.idempotent, "hold \(known.number) of request \(key.id) is forgotten before the request")
        }
        if key.method == .create && hold.state == .rejected && hold.writeMode == .through { return .refused }
        return .hold(hold)
    }

    // MARK: The ERP's word

    private mutating func take(_ outcome: ErpOutcome) {
        guard var hold = holds[outcome.number] else { return }
        let own = hold.lines.indices.filter { hold.lines[$0].erp == outcome.erp && !hold.lines[$0].isRefused }
        switch outcome.answer {
        case .unknown: return
        case .notFound:
            // What is closed and not there is in no figure any more.
            for index in own where hold.lines[index].open == 0 && !hold.lines[index].isShipped {
                contain(0, &hold, index)
            }
            return store(hold, isChange: false)
        case .holds(let answers):
            var isRefused = false
            for index in own where !isInDoubt(outcome, hold.lines[index]) {
                if takeHeld(answers, outcome.kind, &hold, index) { isRefused = true }
            }
            guard isRefused else { return store(hold, isChange: false) }
            if !hold.allowsPartial {
                for index in hold.lines.indices { giveBack(hold.lines[index].open, &hold, index) }
            }
            if hold.open == 0 && !hold.state.isTerminal { end(&hold, .rejected) }
        case .cancelled:
            for index in own {
                giveBack(hold.lines[index].open, &hold, index)
                contain(0, &hold, index)
            }
            if hold.open == 0 && !hold.state.isTerminal { end(&hold, .released) }
        case .shipped:
            for index in own { ship(&hold, index) }
            if hold.open == 0 && !hold.state.isTerminal { end(&hold, .fulfilled) }
        }
        store(hold)
    }

    /// Goods left while the ERP thought: nobody knows whether its answer is about before or after.
    private func isInDoubt(_ outcome: ErpOutcome, _ line: HeldLine) -> Bool {
        (outcome.kind == .reserve || outcome.kind == .lookUp)
            && outcome.shippedWhenAsked[line.id] ?? line.fulfilled != line.fulfilled
    }

    /// True when the ERP holds less of the line than we do.
    private mutating func takeHeld(
        _ answers: [ErpLineAnswer], _ kind: ErpWriteKind, _ hold: inout Hold, _ index: Int
    ) -> Bool {
        let answer = answers.first { $0.lineID == hold.lines[index].id }
        if answer == nil && (kind == .reserve || kind == .commit) { return false }
        let units = answer?.quantity ?? 0
        let missing = hold.lines[index].open - units
        giveBack(max(0, missing), &hold, index)
        contain(min(hold.lines[index].contained, units), &hold, index)
        guard missing > 0 else { return false }
        hold.lines[index].isRefused = units == 0
        return true
    }
}

extension HeldLine {
    /// Whether a figure that names it speaks of the past. What ended this very moment has yet to be let go of.
    func isSettled(_ hold: Hold, _ now: WallNanoseconds) -> Bool {
        open == 0 && contained == 0 && !(hold.state == .expired && hold.sweptAt == now && lapsed > 0 && !erp.isEmpty)
    }
}
