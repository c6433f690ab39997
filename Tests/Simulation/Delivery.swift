import Engine
import Inventory
import Ledger

/// One delivery of a set of events to a store of its own, which may die at any step.
final class Delivery {
    struct Faults {
        var bug: PlantedBug?
    }

    private static let timeToLose = 3_600 * Int64.perSecond

    let set: DeliverySet
    private let machine: Machine
    /// Nil: nothing goes wrong, and everything comes once, one by one.
    private let faults: Faults?
    private var opened: (ledger: Ledger, engine: Engine)?
    private var granted: [Int: Reservation] = [:]
    private var now = WorldTerms.start
    private(set) var operations = 0
    private(set) var crashes = 0
    private(set) var steps = 0
    private(set) var recent: [String] = []

    init(_ set: DeliverySet, machine: Machine, faults: Faults?) {
        self.set = set
        self.machine = machine
        self.faults = faults
    }

    /// What the ledger holds in the end.
    func run(_ events: [DeliverySet.Told], _ chance: inout Chance) throws(Violation) -> [String: String] {
        machine.clear()
        defer {
            opened = nil
            machine.clear()
        }
        Disk.reset(losesSyncs: false)
        try open()
        try deliver(set.opening, isOpening: true, &chance)
        let loss = faults == nil ? events.count : chance.below(events.count + 1)
        try deliver(Array(events[..<loss]), isOpening: false, &chance)
        try lose(&chance)
        try deliver(Array(events[loss...]), isOpening: false, &chance)
        for index in set.holds.indices { try grant(index, &chance) }
        guard let opened else { throw Violation(.recovers, "nothing is open") }
        try Machine.verify(opened.ledger)
        return try DeliveredFigures(opened.ledger, opened.engine, set, granted).lines
    }

    private var time: EngineTime { EngineTime(wallNanoseconds: now, ledgerNanoseconds: now) }

    private func open() throws(Violation) {
        let ledger = try machine.openLedger()
        var policy = ChannelPolicy()
        policy.sourcing = DeliverySet.locations.map(\.id)
        policy.holds.longestTTLNanoseconds = 86_400 * .perSecond
        let channel = Channel(
            id: "web", displayName: "", policyVersion: 1, updateTimeNanoseconds: 0, policy: policy)
        let seed = CatalogueSeed(
            locations: DeliverySet.locations, sources: DeliverySet.sources, channels: [channel])
        do throws(OpeningError) {
            let engine = try Engine.open(
                ledger: ledger, tenantName: "tenant", settings: EngineSettings(), seed: seed, time: time)
            opened = (ledger, engine)
        } catch { throw Violation(.recovers, "the engine cannot be opened: \(error)") }
    }

    /// In groups, any of which the process may die over: nobody heard an answer then, and it is sent again, in one piece or not.
    private func deliver(
        _ events: [DeliverySet.Told], isOpening: Bool, _ chance: inout Chance
    ) throws(Violation) {
        var left = events
        while !left.isEmpty {
            now += chance.within(1...300_000_000)
            let group = Array(left.prefix(faults == nil ? 1 : 1 + chance.below(9)))
            left.removeFirst(group.count)
            for told in group {
                for index in told.holds { try grant(index, &chance) }
            }
            let sent = group.map { incoming($0) }
            let cut = faults == nil ? sent.count : 1 + chance.below(sent.count)
            let replies = try step(
                [Array(sent[..<cut]), Array(sent[cut...])].filter { !$0.isEmpty }.map { events in
                    { .publish(tenant: $0, events: events) }
                }, &chance)
            if replies == nil, isOpening || faults?.bug != .earlyAcknowledgement {
                for told in group { left.insert(told, at: isOpening ? 0 : chance.below(left.count + 1)) }
            }
            if faults != nil, chance.oneIn(12) { try restart(&chance) }
        }
    }

    /// Time goes by until some holds have run out.
    private func lose(_ chance: inout Chance) throws(Violation) {
        for index in set.holds.indices where set.holds[index].fate == .lost { try grant(index, &chance) }
        now += 2 * Self.timeToLose
        while try step([], &chance) == nil {}
    }

    private func incoming(_ told: DeliverySet.Told) -> IncomingEvent {
        var event = told.event
        if let hold = told.hold { event.hold.reservationID = granted[hold]?.id ?? "" }
        event.contains = told.contains.map { index in
            ContainedHold(
                reservationID: granted[index]?.id ?? "", lineID: 1, quantity: set.holds[index].lines[0].quantity)
        }
        if faults?.bug == .lateFigure, event.kind == .cycleCount { event.occurredAtNanoseconds = now }
        return IncomingEvent(event: event, original: Array(event.id.utf8))
    }

    /// The same request until it is answered.
    private func grant(_ index: Int, _ chance: inout Chance) throws(Violation) {
        guard granted[index] == nil else { return }
        let fate = set.holds[index].fate
        let wish = ReservationWish(
            channelID: "web", lines: set.holds[index].lines,
            ttlNanoseconds: fate == .lost ? Self.timeToLose : 86_400 * .perSecond,
            orderReference: fate == .shippedByOrder ? DeliverySet.order : "", customer: "", allowsPartial: false)
        let identity = RequestIdentity(requestID: "hold-\(index)", bodyDigest: UInt64(index), correlationID: "")
        while granted[index] == nil {
            guard let replies = try step([{ .reserve(tenant: $0, wish, identity) }], &chance) else { continue }
            guard case .reserved(let reply) = replies.first else {
                throw Violation(.idempotent, "hold \(index) of \(set.holds[index]): \(replies)")
            }
            granted[index] = reply.reservation
        }
    }

    // MARK: Steps

    /// Nil: the process died over it.
    private func step(
        _ commands: [(TenantNumber) -> EngineCommand], _ chance: inout Chance
    ) throws(Violation) -> [EngineReply]? {
        steps += 1
        operations += commands.count
        if faults != nil, chance.oneIn(faults?.bug == nil ? 12 : 4) {
            Disk.planCut(afterCalls: chance.below(16), chance.pick(Disk.Moment.allCases), tornSectors: chance.below(40))
        }
        let outcome = try perform(commands)
        if Disk.isCut {
            if case .replies = outcome { throw Violation(.acknowledgedIsThere, "replies after the power was cut") }
            crashes += 1
            recent.append("the power is cut")
            try restart(&chance)
            return nil
        }
        Disk.forgetPlan()
        guard case .replies(let replies) = outcome else { throw Violation(.recovers, "the engine gave up: \(outcome)") }
        return replies
    }

    private func perform(
        _ commands: [(TenantNumber) -> EngineCommand]
    ) throws(Violation) -> Engine.StepOutcome {
        guard let engine = opened?.engine else { throw Violation(.recovers, "nothing is open") }
        let commands = commands.map { $0(engine.tenantNumber) }
        if recent.count > 400 { recent.removeFirst(200) }
        recent += commands.map { "step \(steps): \($0.inWords)" }
        return engine.step(commands, time: time)
    }

    /// Everything in memory is forgotten; the store must be whole.
    private func restart(_ chance: inout Chance) throws(Violation) {
        opened = nil
        machine.restorePower(&chance)
        try open()
        Disk.forgetPlan()
        if let opened { try Machine.verify(opened.ledger) }
    }
}
