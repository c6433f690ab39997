internal import HotTable
internal import Inventory
internal import Ledger

extension GroupWork {
    /// Takes one event in: its effect once per (source, id), whatever the order of delivery. Never fails for the event's
    /// own fault: that ends as a dead letter.
    mutating func publish(_ incoming: IncomingEvent) throws(LedgerError) -> EventResult {
        namedByRunning = nil
        let result = try takeIn(incoming)
        tailed?.append((incoming, result))
        if beside != nil { try publishBeside(incoming, result) }
        return result
    }

    /// Takes one event into the figures at work.
    mutating func takeIn(_ incoming: IncomingEvent) throws(LedgerError) -> EventResult {
        let event = incoming.event
        do throws(EventRejection) {
            if let rejection = incoming.rejection { throw rejection }
            try EventRules.checkFields(event, isReading: incoming.isReading)
        } catch {
            try account(for: event)
            return try keepDeadLetter(incoming, error)
        }
        guard catalogue.sources[event.source] != nil || catalogue.sources.count < Limits.sourcesMax else {
            return try keepDeadLetter(
                incoming, EventRejection(.invalidField, "source: at most \(Limits.sourcesMax) sources are kept"))
        }
        // One that counts is known from its first event on, whatever becomes of that: its sequence is one that came.
        if event.sequence != nil { _ = try number(ofSource: event.source) }
        let source = catalogue.sources[event.source]?.number
        if let source, let known = try batch.event(tenant: figures, source: source, id: event.id) {
            guard known.bodyDigest == event.bodyDigest else {
                return try keepDeadLetter(
                    incoming, EventRejection(.idReused, "id: was used for another event of this source"))
            }
            note(event.source) { $0.duplicates += 1 }
            return EventResult(id: event.id, outcome: .duplicate)
        }
        // Of one that the running figures had otherwise the same message may be read otherwise now.
        var wasTold = false
        if isBeside, let source { wasTold = try eventOfRunning(event.id, of: source) != nil }
        let accepted: AcceptedEvent
        do throws(EventRejection) {
            accepted = try EventRules.accept(
                event, source: source ?? .max, terms: catalogue.terms(of: event.source),
                progress: catalogue.sources[event.source]?.progress ?? SourceProgress(),
                directory: catalogue.directory, nowNanoseconds: nowNanoseconds, bounds: bounds(wasTold: wasTold),
                reasonCodes: catalogue.reasonCodes)
        } catch {
            try observe(event, isDeadLetter: true)
            return try keepDeadLetter(incoming, error)
        }
        return try place(accepted, of: incoming, source: try number(ofSource: event.source))
    }

    private mutating func place(
        _ accepted: AcceptedEvent, of incoming: IncomingEvent, source: SourceNumber
    ) throws(LedgerError) -> EventResult {
        let event = incoming.event
        lotRemark = ""
        var named: [Reservation] = []
        var isAboutOurs = false
        if let hold = accepted.hold {
            named = try holdsNamed(by: event)
            let isForgotten = named.isEmpty
            // Of what a hold has nothing of, nothing is subtracted for it.
            if hold == .allocate { named.removeAll { !$0.lines.contains { $0.sku == event.sku && $0.quantity > 0 } } }
            isAboutOurs = isForgotten ? try isOfForgottenHold(event) : self.isAboutOurs(hold, event, named)
        }
        // What is allocated to a hold of ours is subtracted as ours.
        let isOurs = accepted.hold == .allocate && isAboutOurs
        if let refusal = try refusal(of: accepted, named, incoming, isOurs: isOurs) {
            try observe(event, isDeadLetter: true)
            return try keepDeadLetter(incoming, refusal)
        }
        var outcome = EventOutcome.applied
        let sequence: UInt64
        // The stock and its hold go together: what watchers hear of is how the event leaves both.
        if !named.isEmpty, !isBeside { shortfallsBefore = [:] }
        if let stock = accepted.stock, !isOurs {
            (sequence, outcome) = try apply(
                stock, of: event, source: source, isReading: incoming.isReading)
            if outcome == .deadLettered {
                shortfallsBefore = nil
                try observe(event, isDeadLetter: true)
                return try keepDeadLetter(incoming, rejection)
            }
        } else {
            sequence = batch.nextSequence()
        }
        var remark = accepted.remark
        if let hold = accepted.hold, !isBeside {
            let done = try take(hold, named, event, at: accepted.stock?.location ?? 0)
            remark.note(done.remark)
            if accepted.stock == nil, accepted.leg == nil, !done.hasChanged { outcome = .superseded }
        }
        if let leg = accepted.leg {
            let done = try take(
                leg, of: event, isOurs: isOurs, named: accepted.hold == .allocate ? named : [],
                isOfHold: isAboutOurs && !isOurs)
            remark.note(done.remark)
            if done.isWaiting, event.kind != .shipmentConfirmed { outcome = .buffered }
        }
        if let supply = accepted.supply {
            let done = try take(supply, of: event)
            remark.note(done.remark)
            if let changed = done.outcome { outcome = changed }
        }
        remark.note(lotRemark)
        try settleShortfalls()
        let record = EventRecord(
            occurredAtNanoseconds: event.occurredAtNanoseconds, bodyDigest: event.bodyDigest,
            outcome: outcome.rawValue, sequence: sequence)
        try batch.setEvent(record, tenant: figures, source: source, id: event.id)
        if !isBeside {
            eventIDsAdded += 1
            try forgetDiscard(of: incoming)
        }
        try observe(event, isDeadLetter: false, isReading: incoming.isReading)
        note(event.source) { progress in
            switch outcome {
            case .superseded: progress.superseded += 1
            case .buffered: progress.buffered += 1
            case .applied, .duplicate, .deadLettered: progress.applied += 1
            }
        }
        return EventResult(id: event.id, outcome: outcome, reason: remark)
    }

    /// Why nothing of an event can be done; nil: some of it can.
    private mutating func refusal(
        of accepted: AcceptedEvent, _ named: [Reservation], _ incoming: IncomingEvent, isOurs: Bool
    ) throws(LedgerError) -> EventRejection? {
        let event = incoming.event
        if let refusal = try lotRefusal(of: accepted, incoming) { return refusal }
        if !isBeside, let hold = accepted.hold, let refusal = refusal(of: hold, named, event) { return refusal }
        if let supply = accepted.supply, let refusal = try refusal(of: supply, event) { return refusal }
        guard let leg = accepted.leg, accepted.stock == nil else { return nil }
        guard try hasRoom(for: event.lot, event.sku, at: leg.location) else { return Self.noRoom }
        if try isPruned(leg, of: event) {
            return EventRejection(.tooOld, "occurred_at: its place at this position is no longer known")
        }
        let holds = isOurs ? openNumbers(of: named) : []
        // Of a hold of ours that ended nothing would count.
        if isOurs, holds.isEmpty { return nil }
        return try problem(of: leg, event, holds: holds)
    }

    /// Puts an effect in its place on the position's time line. On `.deadLettered`, `rejection` says why and nothing was
    /// changed.
    private mutating func apply(
        _ stock: AcceptedEvent.Stock, of event: InventoryEvent, source: SourceNumber, isReading: Bool
    ) throws(LedgerError) -> (sequence: UInt64, EventOutcome) {
        guard try hasRoom(for: event.lot, event.sku, at: stock.location) else {
            rejection = Self.noRoom
            return (0, .deadLettered)
        }
        var position = try batch.position(tenant: figures, sku: event.sku, location: stock.location) ?? Position()
        let shortfall = position.shortfall
        var entry = stock.entry
        let containedBefore = position.contained
        let contained = try takeContained(out: &entry, event, at: stock.location, position)
        let placement = try place(entry, of: event, source: source, at: stock.location, in: &position)
        switch placement {
        case .tooOld:
            rejection = EventRejection(.tooOld, "occurred_at: its place at this position is no longer known")
            return (0, .deadLettered)
        case .outOfRange:
            rejection = EventRejection(
                .outOfRange, "quantity: a bucket would leave ±\(Limits.bucketMax)")
            return (0, .deadLettered)
        case .applied, .superseded: break
        }
        if placement == .applied { noteReading(entry, of: event, isReading: isReading, in: &position) }
        journalPlace = (event.sku, stock.location, "")
        // Whoever only saw the place may have a horizon, and an order, that are not of those who move it.
        if !stock.entry.effect.touched.isEmpty { try prune(&position, by: event.source) }
        position.sequence = batch.nextSequence()
        try batch.setPosition(position, tenant: figures, sku: event.sku, location: stock.location)
        try noteShortfall(of: position, before: shortfall, sku: event.sku, location: stock.location)
        show(position, sku: event.sku, location: stock.location)
        if let contained, containedBefore != 0 || !contained.isEmpty {
            try setContained(
                contained, sku: event.sku, location: stock.location, lot: event.lot, before: containedBefore)
        }
        if !event.lot.isEmpty { try leaveOutReading(event.sku, at: stock.location) }
        return (position.sequence, placement == .applied ? .applied : .superseded)
    }

    /// Prunes the journal at `journalPlace`, which belongs to the part, up to the horizon of who sends there.
    mutating func prune(_ part: inout Position, by source: String) throws(LedgerError) {
        guard !isBeside, let source = catalogue.sources[source],
            let horizon = EventRules.horizonPrimary(source.terms, source.progress, bounds: settings.eventBounds)
        else { return }
        _ = try part.prune(through: horizon, limit: Self.prunedPerEventMax, journal: &self)
    }

    /// More than one, so that a journal shrinks faster than it grows.
    private static let prunedPerEventMax = 8

    /// The sequence of an event with a bad field is accounted for, so that poison does not look like a gap. Unknown
    /// sources stay unknown.
    private mutating func account(for event: InventoryEvent) throws(LedgerError) {
        guard !isBeside, let source = catalogue.sources[event.source] else { return }
        if TextRules.problem(event.id, bytesMax: Limits.idBytesMax) == nil {
            guard try batch.event(tenant: figures, source: source.number, id: event.id) == nil else { return }
        }
        try observe(event, isDeadLetter: true)
    }

    /// Moves the source's watermark and what belongs to it.
    private mutating func observe(
        _ event: InventoryEvent, isDeadLetter: Bool, isReading: Bool = false
    ) throws(LedgerError) {
        // What a source has delivered is the tenant's to know, whatever is made of it.
        guard !isBeside, var source = catalogue.sources[event.source] else { return }
        watermarks = nil
        pendingSource = source.number
        try source.progress.observe(
            // Of what is tried again the sequence was accounted for when it came.
            sequence: replayed == nil ? event.sequence : nil,
            occurredAtNanoseconds: isDeadLetter ? nil : event.occurredAtNanoseconds,
            receivedAtNanoseconds: nowNanoseconds, isHeartbeat: event.kind == .sourceHeartbeat, isReading: isReading,
            pending: &self)
        if !isDeadLetter { source.progress.lastEventNanoseconds = nowNanoseconds }
        catalogue.sources[event.source] = source
        touchedSources.insert(event.source)
    }

    mutating func note(_ name: String, _ change: (inout SourceProgress) -> Void) {
        guard !isBeside, var source = catalogue.sources[name] else { return }
        change(&source.progress)
        catalogue.sources[name] = source
        touchedSources.insert(name)
    }
}

extension String {
    /// Adds what should be known as well; mostly nothing.
    fileprivate mutating func note(_ remark: String) {
        if !remark.isEmpty { self += isEmpty ? remark : "; \(remark)" }
    }
}
