internal import HotTable
internal import Inventory
internal import Ledger

/// One group of commands on its way to one commit: the open batch and the catalogue as the group leaves it. Dropping it
/// aborts the batch.
struct GroupWork: ~Copyable {
    var batch: WriteBatch
    var catalogue: CatalogueState
    /// Sources whose progress moved; written once, at the end.
    var touchedSources: Set<String> = []
    /// Event ids added, which pays for as much pruning.
    var eventIDsAdded = 0
    /// Journal entries added, which pays for as much pruning.
    var journalEntriesAdded = 0
    /// The dead letter that is tried again: what fails again stays it.
    var replayed: DeadLetter?
    /// By which way the events at work come.
    var origin = EventOrigin()
    /// What became of events, for those who look on; nil while nobody does.
    var tailed: [(IncomingEvent, EventResult)]?
    /// The same of lots.
    var lotEntriesAdded = 0
    /// The position whose journal is at work, and which of its lots'; without a lot its own.
    var journalPlace: (sku: String, location: LocationNumber, lot: String) = ("", 0, "")
    /// The source whose kept sequences are at work.
    var pendingSource: SourceNumber = 0
    /// The longest that any channel held when the group began; a policy that it changes counts from the next one on.
    let longestTTLNanoseconds: Int64
    /// What a seed does not fit; the group must then be dropped.
    var seedProblem: CatalogueProblem?
    /// Why the event at work could not be placed.
    var rejection = EventRejection(.invalidField, "")
    /// Changed positions in order, for the table in memory and for those who watch; nil when there is nobody.
    var changes: [HotTable.Change]?
    let tenant: TenantNumber
    /// The figures at work: the running ones, but for what is done beside them.
    var figures: TenantNumber
    /// Whether the rebuild's document is to be written at the end.
    var hasRebuildChanged = false
    /// Whether another rebuild's figures answer from this group on.
    var isSwitched = false
    /// Whether the store has too little room for a rebuild.
    var isRoomShort = false
    /// Whether holds may have run out that the group did not end.
    var mayLackExpiries = false
    /// Whether what is told now is the past, told again to a rebuild.
    var isReplaying = false
    /// What the event at work did to what lies beside lots.
    var lotRemark = ""
    /// The holds that the event at work names, as the running figures found them; nil: they did not look.
    var namedByRunning: [Reservation]?
    let settings: EngineSettings
    let nowNanoseconds: WallNanoseconds
    let ledgerNanoseconds: WallNanoseconds
    let index: ReservationIndex
    /// Reservations that the group changed, as they were before it and as it leaves them.
    var touchedReservations: [ReservationNumber: TouchedReservation] = [:]
    /// What the group changes of customers' holds.
    var customerChanges: [ReservationIndex.CustomerKey: CustomerStanding] = [:]
    /// Changes of reservations, which pay for as much pruning.
    var reservationsChanged = 0
    /// The same, by cause.
    var causes: [ReservationCause: UInt64] = [:]
    var hasShortfallChanged = false
    /// While an event is at work: shortfalls as it found them, so that only what it leaves is told. Nil: told at once.
    var shortfallsBefore: [StockPlace: ShortfallBefore]?
    /// References changed, which pay for as much pruning.
    var referencesTouched = 0
    /// Parts in references that the ledger had no room for.
    var legsLeftOut: UInt64 = 0
    /// Supplies changed, which pay for as much pruning.
    var suppliesTouched = 0
    /// Entries of the change log, which pay for as much pruning.
    var changesAdded = 0
    /// Why no hold is granted now; nil: it may be.
    var grantRefusal: EngineError?
    /// Why no hold that needs an ERP is granted now; nil: it may be.
    var backlogRefusal: EngineError?
    var watermarks: SourceWatermarks?

    /// Ids looked at by the prune hand for each id added: above 1, so that the tree stays bounded.
    private static let idsVisitedPerAdded = 2

    init(
        batch: consuming WriteBatch, catalogue: CatalogueState, tenant: TenantNumber, settings: EngineSettings,
        time: EngineTime, index: ReservationIndex, gathersChanges: Bool = false, isTailed: Bool = false
    ) {
        self.index = index
        tailed = isTailed ? [] : nil
        nowNanoseconds = time.wallNanoseconds
        ledgerNanoseconds = time.ledgerNanoseconds
        changes = gathersChanges ? [] : nil
        self.batch = batch
        longestTTLNanoseconds = catalogue.longestTTLNanoseconds
        self.catalogue = catalogue
        self.tenant = tenant
        figures = catalogue.figures.running
        self.settings = settings
    }

    mutating func execute(_ command: EngineCommand) throws(LedgerError) -> CommandOutcome {
        precondition(command.tenant == tenant, "a command for another tenant")
        switch command {
        case .publish(_, let events, let position, let origin):
            self.origin = origin
            defer { self.origin = EventOrigin() }
            var results: [EventResult] = []
            results.reserveCapacity(events.count)
            for event in events { results.append(try publish(event)) }
            if let position {
                try batch.setDocument(position, tenant: tenant, kind: .feedPosition, id: position.feed)
            }
            return .published(results)
        case .updateChannel(_, let update):
            return try updateChannel(update)
        case .seed(_, let seed):
            if let problem = try add(seed) { seedProblem = seedProblem ?? problem }
            return .done
        case .reserve(_, let wish, let identity):
            return try reserve(wish, identity)
        case .change(_, let wish, let identity):
            return try change(wish, identity)
        case .takeErpOutcomes(_, let outcomes):
            for outcome in outcomes { try take(outcome) }
            return .done
        case .lookForHolds(_, let missed):
            try look(for: missed)
            return .done
        case .reconcile(_, let command):
            return try execute(command)
        case .endRestoration:
            try batch.endRestoration()
            return .done
        case .dealWithDeadLetters(_, let wish):
            return try deal(with: wish)
        case .endGap(_, let end):
            try endGap(end)
            return .done
        case .decideFeed(_, let decision):
            try take(decision)
            return .done
        case .note(_, let decision):
            try audit(
                decision.action, decision.subject, actor: decision.actor, reason: decision.reason,
                requestID: decision.requestID, channel: decision.channel)
            return .done
        case .publication(_, let command):
            try execute(command)
            return .done
        case .rebuild(_, let command):
            return try execute(command)
        }
    }

    /// The figures that answer.
    var running: TenantNumber { catalogue.figures.running }

    /// The figures that a rebuild is making; nil: none are.
    var beside: TenantNumber? { catalogue.figures.beside }

    /// Whether what is done now is done to figures that do not answer: nobody is told of it.
    var isBeside: Bool { figures != running }

    /// Rows of the figures at work, of what the ledger counts of all. After a switch the others were counted with what other
    /// tenants had then: they may have less by now.
    func rows(_ kind: KeyPath<FiguresRows, UInt64>) -> UInt64 {
        let others = catalogue.rebuild?.rows[keyPath: kind] ?? 0
        if isBeside { return others }
        let all = FiguresRows(batch.state)[keyPath: kind]
        return all - min(all, others)
    }

    /// Writes what the group gathered and makes it durable; nothing, when the group changed nothing.
    consuming func commit() throws(LedgerError) -> CommittedGroup {
        for name in touchedSources {
            guard let source = catalogue.sources[name] else { continue }
            // Under the name that was interned: another spelling of the same Unicode text is another key.
            let interned = catalogue.sourceNames[source.number] ?? name
            try batch.setDocument(source.progress, tenant: tenant, kind: .sourceProgress, id: interned)
        }
        if hasRebuildChanged, let rebuild = catalogue.rebuild {
            try batch.setDocument(rebuild, tenant: tenant, kind: .rebuild, id: rebuild.id)
        }
        if eventIDsAdded > 0 { try pruneEventIDs() }
        if journalEntriesAdded > 0 { try pruneJournals(ofLots: false, added: journalEntriesAdded) }
        if lotEntriesAdded > 0 { try pruneJournals(ofLots: true, added: lotEntriesAdded) }
        if referencesTouched > 0 {
            try pruneReferences(visiting: referencesTouched * Self.idsVisitedPerAdded)
        }
        if suppliesTouched > 0 { try pruneSupplies(visiting: suppliesTouched * Self.idsVisitedPerAdded) }
        if reservationsChanged > 0 || changesAdded > 0 { try pruneReservations() }
        let (catalogue, changes, touched) = (catalogue, changes, touchedReservations)
        let (customers, causes, hasShortfallChanged) = (customerChanges, causes, hasShortfallChanged)
        let (isSwitched, legsLeftOut) = (isSwitched, legsLeftOut)
        let (tailed, time) = (tailed ?? [], ledgerNanoseconds)
        let deadLetters = DeadLettersKept(
            count: batch.state.deadLetters, bytes: batch.state.deadLetterBytes, bytesMax: settings.deadLetterBytesMax)
        let sequence: UInt64
        if batch.hasChanged {
            batch.advanceLedgerTime(to: ledgerNanoseconds)
            sequence = try batch.commit()
        } else {
            // Refusals, repeats and holds that ended before their time leave nothing that a disk should wait for.
            sequence = batch.abort()
        }
        return CommittedGroup(
            catalogue: catalogue, changes: changes, reservations: touched, customers: customers, causes: causes,
            hasShortfallChanged: hasShortfallChanged, sequence: sequence, deadLetters: deadLetters,
            isSwitched: isSwitched, legsLeftOut: legsLeftOut,
            events: tailed.map { incoming, result in
                CommittedEvent(incoming: incoming, result: result, sequence: sequence, timeNanoseconds: time)
            })
    }

    private mutating func pruneReservations() throws(LedgerError) {
        let visited = reservationsChanged * Self.idsVisitedPerAdded
        let start = retentionStartNanoseconds
        try batch.pruneReservations(tenant: tenant, visiting: visited, before: start)
        try batch.pruneChanges(tenant: tenant, before: start, limit: changesAdded * Self.idsVisitedPerAdded)
    }

    private mutating func pruneEventIDs() throws(LedgerError) {
        let catalogue = catalogue
        let (running, horizonNanoseconds) = (running, settings.horizonNanoseconds)
        try batch.pruneEventIDs(visiting: eventIDsAdded * Self.idsVisitedPerAdded) { figures, number in
            // What is being made has all of its past before it.
            guard figures == running, let name = catalogue.sourceNames[number], let source = catalogue.sources[name]
            else { return nil }
            return source.progress.newestOccurredAtNanoseconds - horizonNanoseconds
        }
    }
}

/// What a commit left.
struct CommittedGroup {
    let catalogue: CatalogueState
    /// Nil when they were not gathered.
    let changes: [HotTable.Change]?
    let reservations: [ReservationNumber: TouchedReservation]
    /// What changed of customers' holds.
    let customers: [ReservationIndex.CustomerKey: CustomerStanding]
    let causes: [ReservationCause: UInt64]
    let hasShortfallChanged: Bool
    /// The sequence now committed.
    let sequence: UInt64
    let deadLetters: DeadLettersKept
    /// Whether other figures answer from now on.
    let isSwitched: Bool
    /// Parts in references that the ledger had no room for.
    let legsLeftOut: UInt64
    /// For those who look on.
    let events: [CommittedEvent]
}
