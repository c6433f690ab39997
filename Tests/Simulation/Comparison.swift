import Engine
import Inventory
import Ledger

/// Holds what the engine said or stored against what the model says.
enum Comparison {
    static func check(
        _ reply: EngineReply, _ prediction: Model.Prediction, _ command: EngineCommand
    ) throws(Violation) {
        switch (reply, prediction) {
        case (.published(let results, _), .events(let expected)):
            for (result, outcome) in zip(results, expected) {
                try require(
                    taken(result.outcome) == outcome, .feedInAnyOrder,
                    "event \(result.id) was \(result), expected \(outcome)")
            }
        case (.channel, .channel), (.done, .done), (.failed(.deadLettersFull), .full): return
        case (.deadLetters(let results, _), .letters(let expected)):
            for (result, outcome) in zip(results, expected) {
                try require(
                    result.outcome.map(taken) == outcome, .nothingLostSilently,
                    "a dead letter became \(result), expected \(String(describing: outcome))")
            }
        case (.reconciliation(.reconciliation(let record), _), .comparison(let expected)):
            try require(
                record.id == expected.id && record.compared == expected.compared
                    && record.variances == expected.variances && (record.state != .running) == expected.isOver,
                .nothingLostSilently, "a comparison is \(record), expected \(expected)")
        case (.reconciliation(.repaired(let outcomes), _), .repaired(let expected)):
            try require(
                outcomes.map(\.reason) == expected, .errorsWithoutEffect, "repairs: \(outcomes), expected \(expected)")
        case (.rebuild(let rebuild, _), .rebuild):
            try require(rebuild.state != .failed, .errorsWithoutEffect, "a rebuild failed: \(rebuild.error)")
        case (.published(let results, _), .rebuild):
            try require(
                results.allSatisfy { $0.outcome != .deadLettered }, .feedInAnyOrder, "told again: \(results)")
        case (.failed(let error), .rebuild):
            try require(error.isRefusal, .errorsWithoutEffect, "a fault where a refusal was due: \(error)")
        case (.failed(let error), .refused):
            try require(
                error.isRefusal, .errorsWithoutEffect, "a fault where a refusal was due: \(error) to \(command)")
        case (.reserved(let granted), .hold(let hold)):
            try check(granted.reservation, hold, at: nil)
        case (_, .hold(let hold)):
            throw Violation(.recovers, "\(reply) to \(command), expected \(hold)")
        default: throw Violation(.errorsWithoutEffect, "\(reply) to \(command), expected \(prediction)")
        }
    }

    /// What a later figure covers is taken in and changes nothing, and what closes waits for what opens: the stock tells
    /// whether that was so.
    private static func taken(_ outcome: EventOutcome) -> EventOutcome {
        outcome == .superseded || outcome == .buffered ? .applied : outcome
    }

    /// - Parameter time: nil: a hold that has run out must say so; else it may have yet to be swept.
    static func check(_ stored: Reservation, _ hold: Hold, at time: WallNanoseconds?) throws(Violation) {
        let name = "reservation \(stored.number)"
        if let problem = stored.problem { throw Violation(.wholeOrAbsent, "\(name): \(problem)") }
        try require(stored.number == hold.number, .idempotent, "\(name) in place of \(hold.number)")
        let isUnswept = time.map { stored.isDue(at: $0) } ?? false
        let state = isUnswept ? .expired : stored.state
        try require(
            state == hold.state, stored.state == .expired || hold.state == .expired ? .expiryInTime : .oneTerminalState,
            "\(name) is \(stored), expected \(hold)")
        try require(
            isUnswept || stored.expireTimeNanoseconds == hold.expires, .expiryInTime,
            "\(name) expires at \(stored.expireTimeNanoseconds), expected \(hold.expires)")
        try require(
            stored.channel == hold.channel && stored.customer == hold.customer
                && stored.lines.count == hold.lines.count,
            .wholeOrAbsent, "\(name) is \(stored), expected \(hold)")
        for (line, expected) in zip(stored.lines, hold.lines) {
            let isSame =
                line.id == expected.id && line.sku == expected.sku && line.location == expected.location
                && line.lot == expected.lot
                && line.quantity == expected.quantity
                && (isUnswept
                    ? line.open == expected.lapsed
                    : line.open == expected.open && line.fulfilled == expected.fulfilled
                        && line.released == expected.released && line.lapsed == expected.lapsed)
                && line.contained == expected.contained
            try require(isSame, .partialReturnsRest, "\(name) has \(line), expected \(expected)")
        }
    }
}

extension EngineError {
    /// A no that a caller may get, as against a fault of ours.
    fileprivate var isRefusal: Bool {
        switch self {
        case .storageFull, .deadLettersFull, .queueFull, .dataLoss, .invariantBroken, .stopping, .erpBacklog,
            .restoring:
            false
        default: true
        }
    }
}

// MARK: The whole store

extension Tenancy {
    /// Reads as a loop does: what a channel may sell of a sku, from the figures as they are at this moment.
    func checkRead(_ sku: String, time: EngineTime, _ chance: inout Chance) throws(Violation) {
        let channel = chance.pick(terms.channels)
        let scope: LocationScope = chance.oneIn(3) ? .one(LocationNumber(1 + chance.below(3))) : .all
        let answer: LineAnswer? = try look { view throws(LedgerError) in
            guard let entry = view.state.channel(channel) else { return nil }
            let number = view.channelNumber(channel)
            let positions = try view.livePositions(of: sku, ledgerNanoseconds: time.ledgerNanoseconds)
            var sku = sku
            return sku.withUTF8 { bytes in
                var evaluation = LineEvaluation(
                    EvaluationTables(entry.compiled, view.state.watermarks), sku: UnsafeRawBufferPointer(bytes),
                    scope: scope, nowNanoseconds: time.wallNanoseconds, maxStalenessNanoseconds: nil,
                    recorder: SilentRecorder())
                for (location, position) in positions {
                    if case .one(let only) = scope, only != location { continue }
                    evaluation.add(
                        location: location, figures: StockFigures(position), openHolds: position.openHolds(of: number))
                }
                return evaluation.finish(quantity: 1, knownSku: !positions.isEmpty)
            }
        }
        let expected = model.available(sku, scope, channel: channel)
        try require(
            answer?.available == expected, .countersRecomputed,
            "\(channel) reads \(answer?.available ?? -1) of \(sku) in \(scope), expected \(expected)")
    }

    /// Looks one of the latest holds up by its number.
    func checkOneHold(now: WallNanoseconds, _ chance: inout Chance) throws(Violation) {
        guard !caller.numbers.isEmpty, let hold = model.holds[chance.pick(caller.numbers)] else { return }
        guard let stored = reservation(hold.number) else {
            return try require(
                model.isForgettable(hold), .acknowledgedIsThere, "reservation \(hold.number) is lost: \(hold)")
        }
        try Comparison.check(stored, hold, at: now)
    }

    func checkStock(of sku: String, now: WallNanoseconds) throws(Violation) {
        let positions = try look { view throws(LedgerError) in
            try view.livePositions(of: sku, ledgerNanoseconds: now)
        }
        let numbers = engine.board.state.channelNumbers
        for (location, position) in positions {
            let place = Place(sku: sku, location: location)
            guard let sellable = model.sellable(at: place) else {
                throw Violation(.errorsWithoutEffect, "a position of \(sku) at \(location) that no event made")
            }
            try require(
                position.sellable == sellable, .countedOnce,
                "sellable of \(place) is \(position.sellable) of \(position), expected \(sellable)")
            try require(
                position.buckets[.releasing] == model.releasing[place, default: 0], .countersRecomputed,
                "releasing of \(place) is \(position.buckets[.releasing])")
            try checkLots(of: place, position, now: now)
            for channel in terms.channels {
                let held = numbers[channel].map { position.openHolds(of: $0) } ?? 0
                let expected = model.held[place]?[channel] ?? 0
                try require(
                    held == expected, .countersRecomputed, "\(channel) holds \(held) of \(place), expected \(expected)")
            }
        }
        try checkSupplies(of: sku)
        let known = model.stock.keys.count { $0.sku == sku }
        try require(
            positions.count == known, .acknowledgedIsThere, "\(sku) has \(positions.count) positions, not \(known)")
    }

    /// Each lot by itself, and that the position is split where there are any.
    private func checkLots(of place: Place, _ position: Position, now: WallNanoseconds) throws(Violation) {
        let lots = try look { view throws(LedgerError) in
            try view.liveLots(of: place.sku, at: place.location, ledgerNanoseconds: now)
        }
        try require(lots.isEmpty || position.isSplit, .feedInAnyOrder, "\(place) has lots and is not split")
        for name in WorldTerms.lots {
            let buckets = lots.first { $0.lot == name }?.part.buckets ?? Buckets()
            var expected = model.stock[place]?.parts[name]?.values ?? Buckets()
            let held = model.heldOfLots[place]?[name]
            (expected[.reserved], expected[.releasing]) = (held?.reserved ?? 0, held?.releasing ?? 0)
            try require(
                buckets == expected, .feedInAnyOrder, "lot \(name) of \(place) has \(buckets), expected \(expected)")
        }
    }

    private func checkSupplies(of sku: String) throws(Violation) {
        var found: [Model.SupplyKey: Int64] = [:]
        try look { view throws(LedgerError) in
            try view.forEachSupply(of: sku) { location, id, line throws(LedgerError) in
                found[Model.SupplyKey(place: Place(sku: sku, location: location), id: id)] = line.open
                return true
            }
        }
        for key in model.supplies.keys where key.place.sku == sku {
            let (open, expected) = (found[key, default: 0], model.open(key))
            try require(open == expected, .feedInAnyOrder, "\(open) of \(key) are to come, expected \(expected)")
        }
    }

    /// Every figure, every reservation and every request id.
    func checkAll(now: WallNanoseconds) throws(Violation) {
        advance(to: now)
        try checkSums()
        for sku in WorldTerms.skus { try checkStock(of: sku, now: now) }
        try checkReservations(now: now)
        try checkAftercare()
        let start = model.retentionStart
        for (key, request) in model.requests where request.time >= start {
            let record = remembered(key.channel, key.method, key.id)
            try require(
                record?.number == request.number && record?.bodyDigest == request.digest, .idempotent,
                "request \(key) is remembered as \(String(describing: record)), expected \(request)")
        }
    }

    /// The model's own sums, from nothing but its holds.
    private func checkSums() throws(Violation) {
        let (held, releasing) = model.recount()
        for (place, channels) in model.held {
            let isSame = channels.allSatisfy { held[place]?[$0.key] ?? 0 == $0.value && $0.value >= 0 }
            try require(isSame, .countersRecomputed, "the model's own sum of \(place) is wrong")
        }
        for (place, units) in model.releasing {
            try require(
                releasing[place, default: 0] == units, .countersRecomputed, "the model's own sum of \(place) is wrong")
        }
    }

    private func checkReservations(now: WallNanoseconds) throws(Violation) {
        var found: Set<ReservationNumber> = []
        var stored: [Reservation] = []
        try look { view throws(LedgerError) in
            try view.forEachReservationBackwards(before: .max) { reservation throws(LedgerError) in
                stored.append(reservation)
                return true
            }
        }
        for reservation in stored {
            found.insert(reservation.number)
            guard let hold = model.holds[reservation.number] else {
                throw Violation(.wholeOrAbsent, "a reservation that nobody asked for: \(reservation)")
            }
            try Comparison.check(reservation, hold, at: now)
        }
        for (number, hold) in model.holds where !found.contains(number) {
            try require(model.isForgettable(hold), .acknowledgedIsThere, "reservation \(number) is lost: \(hold)")
            forget(number)
        }
    }
}
