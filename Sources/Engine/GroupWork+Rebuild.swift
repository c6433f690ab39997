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
        case .repair(let id):
            guard isFilling(id) else { return .refused(.rebuildNotFound(id)) }
            try repairBeside()
        case .becomeReady(let id, let differences):
            guard isFilling(id) else { return .refused(.rebuildNotFound(id)) }
            return try becomeReady(differences)
        case .compared(let id, let differences):
            guard var rebuild = catalogue.rebuild, rebuild.id == id, rebuild.state == .ready else {
                return .refused(.rebuildNotFound(id))
            }
            // In two steps: of `catalogue.rebuild?.differences = differences` Swift 6.3 never frees what was there.
            rebuild.differences = differences
            catalogue.rebuild = rebuild
        case .switchTo(let id, let decision, let acceptsDifferences):
            guard let rebuild = catalogue.rebuild, rebuild.id == id else { return .refused(.rebuildNotFound(id)) }
            guard rebuild.state == .ready else {
                return .refused(.rebuildNotReady(id: id, state: rebuild.state.rawValue))
            }
            if rebuild.needsAcceptance, !acceptsDifferences { return .refused(.rebuildDiffers(rebuild)) }
            try switchFigures(decision)
        case .abandon(let id, let decision):
            guard let rebuild = catalogue.rebuild, rebuild.id == id else { return .refused(.rebuildNotFound(id)) }
            guard rebuild.state.isOpen else {
                return .refused(.rebuildNotReady(id: id, state: rebuild.state.rawValue))
            }
            try end(.abandoned)
            try audit(.abandonRebuild, decision)
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
        try audit(.startRebuild, wish.decision)
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

    private mutating func audit(_ action: AuditAction, _ decision: RebuildDecision) throws(LedgerError) {
        try audit(
            action, "rebuilds/\(catalogue.rebuild?.id ?? "")", actor: decision.actor, reason: decision.reason,
            requestID: decision.requestID)
    }

    // MARK: Filling

    private mutating func copyHolds() throws(LedgerError) {
        let after = catalogue.rebuild?.holdsCopiedThrough ?? .max
        let numbers = try batch.unsettled(tenant: tenant, after: after, limit: RebuildCommand.linesPerCommit)
        var copied = 0
        var lines = 0
        for number in numbers where lines < RebuildCommand.linesPerCommit {
            copied += 1
            guard let reservation = try reservation(number) else { continue }
            lines += reservation.lines.count
            try copyHolds(of: reservation)
        }
        // Behind the last one of all, every later change is followed, and every new reservation.
        let isLast = copied == numbers.count && copied < RebuildCommand.linesPerCommit
        catalogue.rebuild?.holdsCopiedThrough = isLast ? .max : numbers[copied - 1]
    }

    private mutating func take(_ events: [IncomingEvent], step: Int) throws(LedgerError) -> [EventResult] {
        var results: [EventResult] = []
        isReplaying = true
        defer { isReplaying = false }
        for incoming in events {
            if try isDiscarded(incoming) {
                let reason = "\(RebuildRefusals.discarded): its dead letter was"
                results.append(EventResult(id: incoming.event.id, outcome: .duplicate, reason: reason))
                continue
            }
            namedByRunning = nil
            try doBeside { work throws(LedgerError) in
                let result = try work.takeIn(incoming)
                results.append(result)
                // A step that is read again meets what it refused again, and what it took in part no more.
                work.catalogue.rebuild?.steps[step].count(refused: [result], of: [incoming])
                if result.lackReason != nil { work.catalogue.rebuild?.refusals.add(incoming.event, result) }
            }
        }
        // It may have failed under way.
        guard let rebuild = catalogue.rebuild, rebuild.state == .filling else { return results }
        catalogue.rebuild?.steps[step].taken += UInt64(results.count)
        return results
    }

    /// What the running figures were told, told here as well. What they refuse is a dead letter: it is told here once that is
    /// tried again, and not before, since it may be discarded and sent under another id.
    mutating func publishBeside(_ incoming: IncomingEvent, _ running: EventResult) throws(LedgerError) {
        guard running.outcome != .deadLettered else { return }
        try doBeside { work throws(LedgerError) in
            let result = try work.takeIn(incoming)
            work.catalogue.rebuild?.published += 1
            // What the running figures lack as well is no difference.
            if running.lackReason == nil { work.catalogue.rebuild?.refusals.add(incoming.event, result) }
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

    private mutating func becomeReady(_ differences: RebuildDifferences) throws(LedgerError) -> CommandOutcome {
        guard var rebuild = catalogue.rebuild, rebuild.hasAllHolds, rebuild.steps.allSatisfy(\.isDone) else {
            return .refused(.rebuildNotReady(id: catalogue.rebuild?.id ?? "", state: Rebuild.State.filling.rawValue))
        }
        if rebuild.repairsWaiting > 0 { return outcome() }
        rebuild.differences = differences
        rebuild.state = .ready
        catalogue.rebuild = rebuild
        _ = batch.nextSequence()
        // Nobody has looked at it: so it takes over only where nothing can be sold that was not for sale before.
        if rebuild.switchesWhenReady, !rebuild.needsAcceptance {
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
        try audit(.switchRebuild, decision)
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
        if rebuild.repairsWaiting > 0 { return try forgetRepairs() }
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
