internal import Inventory
internal import Ledger

/// A rebuild's life, commit by commit.
extension GroupWork {
    /// Rebuilds that are remembered.
    private static let rebuildsMax = 20

    mutating func execute(_ command: RebuildCommand) throws(LedgerError) -> CommandOutcome {
        switch command {
        case .start(let wish): return try start(wish)
        case .copyHolds(let id):
            guard isFilling(id) else { return .refused(.rebuildNotFound(id)) }
            try copyHolds()
        case .take(let id, let step, let events):
            guard isFilling(id) else { return .refused(.rebuildNotFound(id)) }
            return .published(try take(events, step: step))
        case .note(let id, let step, let progress):
            guard isFilling(id) else { return .refused(.rebuildNotFound(id)) }
            catalogue.rebuild?.steps[step] = progress
        case .becomeReady(let id, let differing):
            guard isFilling(id) else { return .refused(.rebuildNotFound(id)) }
            return try becomeReady(differing)
        case .switchTo(let id, let decision):
            guard let rebuild = catalogue.rebuild, rebuild.id == id else { return .refused(.rebuildNotFound(id)) }
            guard rebuild.state == .ready else {
                return .refused(.rebuildNotReady(id: id, state: rebuild.state.rawValue))
            }
            try switchFigures(decision)
        case .abandon(let id, let decision):
            guard let rebuild = catalogue.rebuild, rebuild.id == id else { return .refused(.rebuildNotFound(id)) }
            guard rebuild.state.isOpen else {
                return .refused(.rebuildNotReady(id: id, state: rebuild.state.rawValue))
            }
            try end(.abandoned)
            try audit("rebuild.abandon", decision)
        case .fail(let id, let error):
            guard let rebuild = catalogue.rebuild, rebuild.id == id, rebuild.state.isOpen else {
                return .refused(.rebuildNotFound(id))
            }
            try fail(error)
        case .deleteRows(let id):
            guard let rebuild = catalogue.rebuild, rebuild.id == id else { return .refused(.rebuildNotFound(id)) }
            try deleteRows()
        }
        return outcome()
    }

    private func isFilling(_ id: String) -> Bool {
        catalogue.rebuild?.id == id && catalogue.rebuild?.state == .filling
    }

    private mutating func outcome() -> CommandOutcome {
        hasRebuildChanged = true
        guard let rebuild = catalogue.rebuild else { preconditionFailure("a command of a rebuild that is not there") }
        return .rebuild(rebuild)
    }

    private mutating func start(_ wish: RebuildWish) throws(LedgerError) -> CommandOutcome {
        if let last = catalogue.rebuild, last.state.isOpen || last.hasRowsLeft {
            return .refused(.rebuildRunning(last.id))
        }
        if isRoomShort { return .refused(.storageFull) }
        try forgetOldest()
        let id = String(batch.nextSequence())
        var rebuild = Rebuild(
            id: id, createTimeNanoseconds: nowNanoseconds, reason: wish.decision.reason, actor: wish.decision.actor,
            fromTimeNanoseconds: wish.fromTimeNanoseconds, steps: wish.steps,
            switchesWhenReady: wish.switchesWhenReady)
        rebuild.figures = try batch.newFigures(of: tenant, name: id)
        catalogue.rebuild = rebuild
        try setFigures(Figures(running: running, beside: rebuild.figures))
        try audit("rebuild.start", wish.decision)
        return outcome()
    }

    private mutating func forgetOldest() throws(LedgerError) {
        var oldest: Rebuild?
        var count = 0
        try batch.forEachDocument(Rebuild.self, tenant: tenant, kind: .rebuild) { _, rebuild in
            if oldest?.isNewer(than: rebuild) ?? true { oldest = rebuild }
            count += 1
            return true
        }
        if count >= Self.rebuildsMax, let oldest {
            try batch.deleteDocument(tenant: tenant, kind: .rebuild, id: oldest.id)
        }
    }

    private mutating func setFigures(_ figures: Figures) throws(LedgerError) {
        try batch.setFigures(figures, of: tenant)
        catalogue.figures = figures
        self.figures = figures.running
    }

    private mutating func audit(_ action: String, _ decision: RebuildDecision) throws(LedgerError) {
        let entry = AuditEntry(
            sequence: batch.nextSequence(), timeNanoseconds: nowNanoseconds, actor: decision.actor, action: action,
            subject: "rebuilds/\(catalogue.rebuild?.id ?? "")", reason: decision.reason, requestID: decision.requestID)
        try batch.appendAudit(entry, tenant: tenant)
    }

    // MARK: Filling

    private mutating func copyHolds() throws(LedgerError) {
        let after = catalogue.rebuild?.holdsCopiedThrough ?? .max
        let numbers = try batch.unsettled(tenant: tenant, after: after, limit: RebuildCommand.rowsPerCommit)
        for number in numbers {
            guard let reservation = try reservation(number) else { continue }
            try copyHolds(of: reservation)
        }
        // Behind the last one of all, every later change is followed, and every new reservation.
        let isLast = numbers.count < RebuildCommand.rowsPerCommit
        catalogue.rebuild?.holdsCopiedThrough = isLast ? .max : numbers.last ?? .max
    }

    private mutating func take(_ events: [IncomingEvent], step: Int) throws(LedgerError) -> [EventResult] {
        var results: [EventResult] = []
        for event in events {
            namedByRunning = nil
            try doBeside { work throws(LedgerError) in results.append(try work.takeIn(event)) }
        }
        // It may have failed under way.
        guard let rebuild = catalogue.rebuild, rebuild.state == .filling else { return results }
        catalogue.rebuild?.steps[step].taken += UInt64(results.count)
        catalogue.rebuild?.steps[step].refused += UInt64(results.count { $0.outcome == .deadLettered })
        return results
    }

    /// What the running figures were told, told here as well.
    mutating func publishBeside(_ incoming: IncomingEvent, _ running: EventResult) throws(LedgerError) {
        try doBeside { work throws(LedgerError) in
            let result = try work.takeIn(incoming)
            work.catalogue.rebuild?.published += 1
            guard result.outcome == .deadLettered, running.outcome != .deadLettered else { return }
            work.catalogue.rebuild?.publishedRefused += 1
        }
    }

    /// Does something to the figures that are being made. Where it meets what only they suffer from, they are given up: the
    /// running ones have gone on already.
    mutating func doBeside(
        _ body: (inout GroupWork) throws(LedgerError) -> Void
    ) throws(LedgerError) {
        guard let beside else { return }
        let before = FiguresRows(batch.state)
        figures = beside
        var problem: LedgerError?
        do throws(LedgerError) { try body(&self) } catch { problem = error }
        figures = running
        hasRebuildChanged = true
        if var rebuild = catalogue.rebuild {
            rebuild.rows = rebuild.rows + (FiguresRows(batch.state) - before)
            rebuild.positions = rebuild.rows.positions
            catalogue.rebuild = rebuild
        }
        switch problem {
        case nil: break
        case .corrupt(let key): try fail("DATA_LOSS: a stored record is damaged: \(key)")
        case .invariant(let description): try fail("INTERNAL_FAULT: \(description)")
        case .some(let error): throw error
        }
    }

    // MARK: The end

    private mutating func becomeReady(_ differing: UInt64) throws(LedgerError) -> CommandOutcome {
        guard let rebuild = catalogue.rebuild, rebuild.hasAllHolds, rebuild.steps.allSatisfy(\.isDone) else {
            return .refused(.rebuildNotReady(id: catalogue.rebuild?.id ?? "", state: Rebuild.State.filling.rawValue))
        }
        catalogue.rebuild?.differingPositions = differing
        catalogue.rebuild?.state = .ready
        _ = batch.nextSequence()
        if rebuild.switchesWhenReady {
            try switchFigures(RebuildDecision(reason: rebuild.reason, actor: rebuild.actor, requestID: ""))
        }
        return outcome()
    }

    /// From this commit on the new figures answer.
    private mutating func switchFigures(_ decision: RebuildDecision) throws(LedgerError) {
        guard var rebuild = catalogue.rebuild else { return }
        rebuild.state = .switched
        rebuild.endTimeNanoseconds = nowNanoseconds
        rebuild.leftFigures = running
        rebuild.rows = FiguresRows(batch.state) - rebuild.rows
        catalogue.rebuild = rebuild
        try setFigures(Figures(running: rebuild.figures))
        isSwitched = true
        hasRebuildChanged = true
        try audit("rebuild.switch", decision)
    }

    private mutating func end(_ state: Rebuild.State) throws(LedgerError) {
        guard var rebuild = catalogue.rebuild else { return }
        rebuild.state = state
        rebuild.endTimeNanoseconds = nowNanoseconds
        rebuild.leftFigures = rebuild.figures
        catalogue.rebuild = rebuild
        try setFigures(Figures(running: running))
        hasRebuildChanged = true
    }

    /// Gives up what is being made; the running figures are as they were.
    mutating func fail(_ error: String) throws(LedgerError) {
        catalogue.rebuild?.error = error
        try end(.failed)
    }

    private mutating func deleteRows() throws(LedgerError) {
        guard let rebuild = catalogue.rebuild, rebuild.hasRowsLeft else { return }
        let before = FiguresRows(batch.state)
        let (count, positions) = try batch.deleteFigures(rebuild.leftFigures, limit: RebuildCommand.rowsPerCommit)
        let isDone = count < RebuildCommand.rowsPerCommit
        catalogue.rebuild?.rows = isDone ? FiguresRows() : rebuild.rows + (FiguresRows(batch.state) - before)
        if isDone { catalogue.rebuild?.leftFigures = 0 }
        guard rebuild.state == .switched else { return }
        // A shortfall that came or went with the switch is told by now; holds are the same on both sides, so none is only here.
        for old in positions {
            let now = try batch.position(tenant: running, sku: old.sku, location: old.location)?.shortfall ?? 0
            if now != old.shortfall { try tell(now, at: StockPlace(sku: old.sku, location: old.location)) }
        }
    }
}

/// How figures that are being made differ from those that answer.
extension GroupWork {
    /// By which an event is judged. Figures being made have pruned nothing, so nothing is too old for them; and our clock was
    /// asked about what the running ones took already, and may have been set since.
    func bounds(wasTold: Bool) -> EventBounds {
        var bounds = settings.eventBounds
        if isBeside { bounds.horizonNanoseconds = .max }
        if wasTold { bounds.clockSkewMaxNanoseconds = .max }
        return bounds
    }

    /// What the running figures remember of an event: the first of an id is the one, whichever is told again first.
    func eventOfRunning(_ event: InventoryEvent) throws(LedgerError) -> EventRecord? {
        guard let source = catalogue.sources[event.source]?.number else { return nil }
        return try batch.event(tenant: running, source: source, id: event.id)
    }

    /// Takes out of a figure's allocated units what the running figures took out of the same one: those that it contains of our
    /// holds. Which they are is noted with the holds, once for all figures; where that is not known any more, all stay in.
    mutating func allocateAsRunning(
        _ entry: inout JournalEntry, _ sku: String, at location: LocationNumber, lot: String
    ) throws(LedgerError) {
        if let same = try batch.journalEntry(
            tenant: running, sku: sku, location: location, lot: lot, key: entry.key)
        {
            entry.effect.values[.allocated] = same.effect.values[.allocated]
        } else if lot.isEmpty, let position = try batch.position(tenant: running, sku: sku, location: location),
            !position.isSplit, position.newestAbsolutePrimary == entry.key.primary
        {
            entry.effect.values[.allocated] -= position.contained
        }
    }
}
