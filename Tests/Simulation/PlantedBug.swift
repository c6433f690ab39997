import Engine
import Inventory
import Ledger

/// Faults put between the simulator and the engine, to see that each is found. The engine is as it is; it is told
/// something else than the model.
enum PlantedBug: String, CaseIterable {
    /// Every policy sells one unit more than it says.
    case oversell
    /// A release is acknowledged and never done.
    case lostRelease = "lost-release"
    /// What the ERP confirmed is counted as somebody else's allocation as well.
    case doubleCount = "double-count"
    /// A shipment's hold is not taken out of what is held.
    case keptHold = "kept-hold"
    /// A clock that leaps ahead now and then.
    case earlyExpiry = "early-expiry"
    /// The request's id is remembered by a commit of its own.
    case looseIdempotency = "loose-idempotency"
    /// A disk that forgets to sync: without it, nothing would show that power cuts lose anything at all.
    case lostSync = "lost-sync"
    /// A dead letter is acknowledged and not kept.
    case lostLetter = "lost-letter"
    /// What takes effect when it is tried again does so twice.
    case doubleReplay = "double-replay"
    /// A repair is acknowledged and never done.
    case lostRepair = "lost-repair"
    /// A repair moves figures that have changed since they were compared.
    case staleRepair = "stale-repair"
    /// A count that comes late counts as of when it came.
    case lateFigure = "late-figure"
    /// An event that comes again is taken for another one.
    case doubleDelivery = "double-delivery"
    /// A feed forgets what it handed over, whether it was committed or not.
    case earlyAcknowledgement = "early-acknowledgement"

    /// Whether only a power cut shows it. The others are to be found without.
    var needsCuts: Bool { self == .looseIdempotency || self == .lostSync || self == .earlyAcknowledgement }

    /// Whether it is one of delivery: see `DeliveryWorld`.
    var isOfDelivery: Bool { self == .lateFigure || self == .doubleDelivery || self == .earlyAcknowledgement }

    /// Seeds within which it must be found.
    var seedsMax: Int {
        switch self {
        case .oversell, .lostRelease, .doubleCount, .keptHold, .lateFigure, .doubleDelivery: 5
        case .earlyExpiry, .looseIdempotency, .lostSync, .lostLetter, .doubleReplay, .lostRepair, .staleRepair,
            .earlyAcknowledgement:
            20
        }
    }
}

/// One step of the engine with a planted bug in its way.
struct PlantedStep {
    let bug: PlantedBug?
    let ledger: Ledger?

    func run(
        _ tenancy: Tenancy, _ commands: [EngineCommand], time: EngineTime, _ chance: inout Chance
    ) -> Engine.StepOutcome {
        guard let bug else { return tenancy.engine.step(commands, time: time) }
        switch bug {
        case .oversell: return tenancy.engine.step(commands.map(Self.generous), time: time)
        case .lostRelease: return withoutRelease(tenancy, commands, time)
        case .doubleCount: return withAllocation(tenancy, commands, time)
        case .keptHold: return tenancy.engine.step(commands.map(Self.withoutHold), time: time)
        case .earlyExpiry:
            var early = time
            if !commands.contains(where: \.setsExpiry), chance.oneIn(3) { early.ledgerNanoseconds += 5 * .perSecond }
            return tenancy.engine.step(commands, time: early)
        case .looseIdempotency: return remembersLate(tenancy, commands, time)
        case .lostSync, .lateFigure, .doubleDelivery, .earlyAcknowledgement:
            return tenancy.engine.step(commands, time: time)
        case .lostLetter: return withoutLetter(tenancy, commands, time)
        case .doubleReplay: return twice(tenancy, commands, time)
        case .lostRepair: return withoutRepair(tenancy, commands, time)
        case .staleRepair: return afterAnotherLook(tenancy, commands, time)
        }
    }

    static func generous(_ command: EngineCommand) -> EngineCommand {
        guard case .updateChannel(let tenant, let update) = command else { return command }
        return .updateChannel(
            tenant: tenant,
            ChannelUpdate(
                channelID: update.channelID, displayName: "", policy: generous(update.policy), etag: "",
                allowMissing: false, validateOnly: false, actor: "simulator", reason: "", requestID: ""))
    }

    static func generous(_ policy: ChannelPolicy) -> ChannelPolicy {
        var policy = policy
        policy.terms.allowedOversell += 1
        return policy
    }

    private static func withoutHold(_ command: EngineCommand) -> EngineCommand {
        guard case .publish(let tenant, let events, _, _) = command else { return command }
        return .publish(
            tenant: tenant,
            events: events.map { incoming in
                var event = incoming.event
                event.hold = HoldReference()
                return IncomingEvent(event: event, original: incoming.original)
            })
    }

    /// The last command, if it is a release that gives something back, is answered and not done.
    private func withoutRelease(
        _ tenancy: Tenancy, _ commands: [EngineCommand], _ time: EngineTime
    ) -> Engine.StepOutcome {
        guard case .change(_, let wish, _) = commands.last, case .release = wish.kind
        else { return tenancy.engine.step(commands, time: time) }
        var model = tenancy.model
        model.advance(to: time.ledgerNanoseconds)
        guard let hold = model.holds[wish.number], hold.state == .active,
            case .replies(let replies) = tenancy.engine.step(Array(commands.dropLast()), time: time),
            let prediction = try? model.apply(commands[commands.count - 1], wall: 0, granted: nil),
            case .hold(let given) = prediction, let stored = tenancy.reservation(wish.number)
        else { return tenancy.engine.step(commands, time: time) }
        var reservation = stored
        reservation.state = given.state
        reservation.expireTimeNanoseconds = given.expires
        for (index, line) in given.lines.enumerated() {
            reservation.lines[index].open = line.open
            reservation.lines[index].released = line.released
        }
        let reply = ReservationReply(reservation: reservation, sequence: 0, epoch: 0, erpWaitMaxNanoseconds: 0)
        return .replies(replies + [.reserved(reply)])
    }

    private func withAllocation(
        _ tenancy: Tenancy, _ commands: [EngineCommand], _ time: EngineTime
    ) -> Engine.StepOutcome {
        var extra: [EngineCommand] = []
        let outcomes = commands.flatMap { command -> [ErpOutcome] in
            if case .takeErpOutcomes(_, let outcomes) = command { outcomes } else { [] }
        }
        for outcome in outcomes where outcome.kind == .reserve {
            guard case .holds(let answers) = outcome.answer, let hold = tenancy.model.holds[outcome.number],
                let line = hold.lines.first(where: { $0.erp == outcome.erp }),
                answers.contains(where: { $0.quantity > 0 })
            else { continue }
            var effect = StockEffect(isAbsolute: true, touched: BucketSet(.allocated))
            effect.values[.allocated] = line.open + 5
            let event = InventoryEvent(
                id: "planted-\(time.ledgerNanoseconds)", source: "wms", kind: .positionSnapshot,
                occurredAtNanoseconds: time.wallNanoseconds + 1, sku: line.sku,
                location: tenancy.terms.locations[line.location] ?? "", snapshot: effect, bodyDigest: 1)
            extra.append(
                .publish(tenant: tenancy.engine.tenantNumber, events: [IncomingEvent(event: event, original: [])]))
        }
        guard case .replies(let replies) = tenancy.engine.step(commands + extra, time: time) else {
            return .fatal("the power was cut")
        }
        return .replies(Array(replies.prefix(commands.count)))
    }

    private func remembersLate(
        _ tenancy: Tenancy, _ commands: [EngineCommand], _ time: EngineTime
    ) -> Engine.StepOutcome {
        let renamed = commands.map { command -> EngineCommand in
            guard case .reserve(let tenant, let wish, var identity) = command else { return command }
            identity.requestID += "~"
            return .reserve(tenant: tenant, wish, identity)
        }
        let outcome = tenancy.engine.step(renamed, time: time)
        guard case .replies(let replies) = outcome else { return outcome }
        for (command, reply) in zip(commands, replies) {
            guard case .reserve(_, let wish, let identity) = command, case .reserved(let granted) = reply,
                tenancy.remembered(wish.channelID, .create, identity.requestID) == nil,
                let channel = tenancy.engine.board.state.channelNumbers[wish.channelID]
            else { continue }
            let record = RequestRecord(
                number: granted.reservation.number, bodyDigest: identity.bodyDigest,
                timeNanoseconds: time.ledgerNanoseconds)
            do throws(LedgerError) {
                _ = try ledger?.withWriteBatch { batch throws(LedgerError) in
                    try batch.addRequest(
                        record, tenant: tenancy.engine.tenantNumber, channel: channel, method: .create,
                        id: identity.requestID)
                }
            } catch { return .fatal(error.description) }
        }
        return outcome
    }
}

extension EngineCommand {
    /// Whether the command makes an expiry out of the time that it is given.
    fileprivate var setsExpiry: Bool {
        switch self {
        case .reserve, .change: true
        default: false
        }
    }
}
