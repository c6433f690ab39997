internal import HotTable
public import Inventory
internal import Ledger

/// Commands in, one commit, replies out. Owns no thread and no clock: the writer's thread and a simulator drive the same
/// code.
///
/// Thread: one at a time, the writer's.
public final class Engine {
    let ledger: Ledger
    let tenant: TenantNumber
    let settings: EngineSettings
    /// What the last commit left; a group works on a copy.
    var catalogue: CatalogueState
    let index: ReservationIndex
    /// What waits for the ERPs.
    public let outbox: ErpOutbox
    /// The reservations that the last step changed.
    private(set) var lastChanged: [ReservationNumber: TouchedReservation] = [:]
    /// Whether the last commit added to the change log.
    public private(set) var hasLogGrown = false
    /// The running figures in memory; nil when that is switched off.
    private var hotTable: HotTable?
    /// Where the loops find the newest state.
    public let board: StateBoard

    public enum StepOutcome: Sendable {
        /// One reply for each command, in order.
        case replies([EngineReply])
        /// The store can no longer be trusted: nothing may be acknowledged, the process must stop.
        case fatal(String)
    }

    init(
        ledger: Ledger, tenant: TenantNumber, settings: EngineSettings, catalogue: CatalogueState, board: StateBoard,
        index: ReservationIndex, outbox: ErpOutbox, hotTable: HotTable?
    ) {
        self.hotTable = hotTable
        self.index = index
        self.outbox = outbox
        self.ledger = ledger
        self.tenant = tenant
        self.settings = settings
        self.catalogue = catalogue
        self.board = board
    }

    /// Executes a group of commands in one commit. A command that fails takes its whole group back; the group is then run
    /// again one command at a time, so that only the guilty one is refused.
    ///
    /// Holds whose time has run out are ended first; `nextExpiryNanoseconds` says when there are some.
    public func step(_ commands: [EngineCommand], time: EngineTime) -> StepOutcome {
        lastChanged = [:]
        hasLogGrown = false
        do throws(CommitFailure) {
            return .replies(try commit(commands, time: time))
        } catch {
            if case .fatal(let description) = error { return .fatal(description) }
            if commands.count == 1 { return .replies([.failed(error.engineError)]) }
        }
        var replies: [EngineReply] = []
        for command in commands {
            do throws(CommitFailure) {
                replies += try commit([command], time: time)
            } catch {
                if case .fatal(let description) = error { return .fatal(description) }
                replies.append(.failed(error.engineError))
            }
        }
        return .replies(replies)
    }

    /// Nothing is changed when it throws.
    private func commit(_ commands: [EngineCommand], time: EngineTime) throws(CommitFailure) -> [EngineReply] {
        var due = index.takeDue(time.ledgerNanoseconds, limit: settings.expiriesPerCommitMax)
        let result: Result<[EngineReply], EngineError>
        do throws(LedgerError) {
            result = try commitUnlessRefused(commands, due: &due, time: time)
        } catch {
            index.putBack(due)
            throw CommitFailure(error)
        }
        switch result {
        case .success(let replies): return replies
        case .failure(let refusal):
            index.putBack(due)
            throw .refused(refusal)
        }
    }

    private func commitUnlessRefused(
        _ commands: [EngineCommand], due: inout [Expiry], time: EngineTime
    ) throws(LedgerError) -> Result<[EngineReply], EngineError> {
        let isGrowing = commands.contains(where: \.isGrowing)
        try ledger.checkRoom(growing: isGrowing)
        var isRoomShort = false
        if isGrowing, catalogue.figures.beside != nil || commands.contains(where: \.startsRebuild) {
            isRoomShort = try ledger.isRoomShort()
        }
        let mayLackExpiries = due.count >= settings.expiriesPerCommitMax
        var work = try beginGroup(ending: &due, time: time)
        if ledger.awaitsErps { work.grantRefusal = .restoring }
        let waiting = outbox.count
        if waiting >= settings.erpWritesMax { work.backlogRefusal = .erpBacklog(waiting: waiting) }
        work.mayLackExpiries = mayLackExpiries
        work.isRoomShort = isRoomShort
        if isRoomShort, work.beside != nil { try work.fail("STORAGE_FULL: the store has too little room for it") }
        var outcomes: [CommandOutcome] = []
        for command in commands { outcomes.append(try work.execute(command)) }
        if let problem = work.seedProblem {
            return .failure(.invalidField(path: problem.path, reason: problem.reason))
        }
        let committed = try work.commit()
        for (id, entry) in committed.catalogue.channels where catalogue.channels[id] !== entry {
            entry.throttle.update(entry.channel.policy.throttle)
        }
        catalogue = committed.catalogue
        if committed.hasShortfallChanged || !committed.reservations.isEmpty { hasLogGrown = true }
        take(committed, time: time)
        board.count(committed.causes)
        board.countLegsLeftOut(committed.legsLeftOut)
        // Before the state: a watermark must not vouch for a position that is older than itself.
        if committed.isSwitched {
            // The former goes on showing the commit before, to those who have not seen the new state yet.
            hotTable = hotTable.flatMap { $0.makeEmpty() }
        } else {
            hotTable?.apply(committed.changes ?? [], sequence: committed.sequence)
        }
        board.setNextExpiry(nextExpiryNanoseconds)
        board.publish(catalogue.published(hotTable: hotTable))
        board.setDeadLetters(committed.deadLetters)
        board.eventTail.append(committed.events)
        board.changes.committed(committed.isSwitched ? nil : committed.changes, sequence: committed.sequence)
        ledger.reached(.beforeReply)
        return .success(outcomes.map { $0.reply(sequence: committed.sequence, epoch: ledger.epoch) })
    }

    /// A group in which the holds that are due have ended. One that cannot be ended, since a record is damaged, is taken out of
    /// `due` and stays whole as it is, to be found by verify.
    private func beginGroup(ending due: inout [Expiry], time: EngineTime) throws(LedgerError) -> GroupWork {
        while true {
            var work = GroupWork(
                batch: try ledger.beginBatch(), catalogue: catalogue, tenant: tenant, settings: settings,
                time: time, index: index, gathersChanges: hotTable != nil || board.changes.isWatched,
                isTailed: board.eventTail.isWatched)
            guard let damaged = try work.expire(due) else { return work }
            due.removeAll { $0.number == damaged.number }
        }
    }
}

extension Engine {
    /// When the next hold may run out (ledger time); nil: none will. A step is due then, with or without commands.
    public var nextExpiryNanoseconds: WallNanoseconds? { index.nextExpiryNanoseconds }

    /// What is kept in memory about reservations follows what is on disk.
    private func take(_ committed: CommittedGroup, time: EngineTime) {
        let changed = committed.reservations
        guard !changed.isEmpty else { return }
        for touched in changed.values { index.note(from: touched.old, to: touched.new) }
        index.apply(committed.customers)
        // Earlier before the figures are shown, later only after: a reader never takes figures beyond their time.
        board.setNextExpiry(min(board.nextExpiryNanoseconds, nextExpiryNanoseconds ?? .max))
        let told = changed.values.map(\.new).filter { $0.lines.contains { !$0.erp.isEmpty } }
        if !told.isEmpty {
            outbox.update(told.sorted { $0.number < $1.number }, nowNanoseconds: time.ledgerNanoseconds)
        }
        // A step has more than one commit only when one was taken back.
        if lastChanged.isEmpty { lastChanged = changed } else { lastChanged.merge(changed) { $1 } }
    }
}

/// Why a group was taken back.
private enum CommitFailure: Error {
    case refused(EngineError)
    case fatal(String)

    init(_ error: LedgerError) {
        if case .fatal = error { self = .fatal(error.description) } else { self = .refused(EngineError(error)) }
    }

    var engineError: EngineError {
        switch self {
        case .refused(let error): error
        case .fatal(let description): .invariantBroken(description)
        }
    }
}

/// What a command came to, before its group has a sequence.
enum CommandOutcome {
    case published([EventResult])
    case channel(Channel)
    case done
    case reserved(Reservation, erpWaitMaxNanoseconds: Int64?)
    case reconciliation(ReconciliationReply)
    case deadLetters([DeadLetterResult])
    case rebuild(Rebuild)
    /// Refused without effect; the rest of the group is not concerned.
    case refused(EngineError)

    func reply(sequence: UInt64, epoch: UInt64) -> EngineReply {
        switch self {
        case .published(let results): .published(results: results, sequence: sequence)
        case .channel(let channel): .channel(channel)
        case .done: .done
        case .reserved(let reservation, let wait):
            .reserved(
                ReservationReply(
                    reservation: reservation, sequence: sequence, epoch: epoch, erpWaitMaxNanoseconds: wait))
        case .reconciliation(let reply): .reconciliation(reply, sequence: sequence)
        case .deadLetters(let results): .deadLetters(results: results, sequence: sequence)
        case .rebuild(let rebuild): .rebuild(rebuild, sequence: sequence)
        case .refused(let error): .failed(error)
        }
    }
}

extension EngineError {
    /// What a command is refused with when the ledger failed under it.
    init(_ error: LedgerError) {
        switch error {
        case .storageFull, .retriable: self = .storageFull
        case .deadLettersFull(let limit): self = .deadLettersFull(limit)
        case .corrupt(let key): self = .dataLoss(key)
        default: self = .invariantBroken(error.description)
        }
    }
}
