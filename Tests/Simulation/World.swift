import Engine
import Glibc
import Inventory
import Ledger

/// One seed's life: a ledger on disk, one or two tenants in it, two clocks, and a disk that may lose power.
final class World: SimulatedWorld {
    private static let historyMax = 2_000

    let seed: UInt64
    let bug: PlantedBug?
    private let machine: Machine
    private var chance: Chance
    private var ledger: Ledger?
    private var tenancies: [Tenancy] = []
    /// What a clock on the wall would say, and what the ledger's clock says.
    private var wall = WorldTerms.start
    private var now = WorldTerms.start
    /// The ledger time of the last commit that was acknowledged.
    private var acknowledged = WorldTerms.start
    private(set) var steps = 0
    private(set) var operations = 0
    private(set) var crashes = 0
    private var history: [(step: Int, text: () -> String)] = []

    init(seed: UInt64, bug: PlantedBug?, directory: String) {
        self.seed = seed
        self.bug = bug
        machine = Machine(directory: directory)
        chance = Chance(seed: seed)
    }

    /// The last operations, the newest last.
    var recent: [String] { history.map { "step \($0.step): \($0.text())" } }

    /// - Parameter steps: groups of commands at most. Many worlds are short and few are long: most of what goes wrong
    ///   does so early, and what is forgotten in time needs some.
    func run(steps: Int) throws(Violation) {
        defer { close() }
        Disk.reset(losesSyncs: bug == .lostSync)
        try create()
        for _ in 0..<max(1, steps / chance.pick([10, 10, 5, 5, 3, 1])) { try step() }
        try settle()
    }

    // MARK: Opening

    private func create() throws(Violation) {
        machine.clear()
        let ledger = try machine.openLedger()
        self.ledger = ledger
        let count = chance.oneIn(4) ? 2 : 1
        for number in 0..<count {
            let terms = WorldTerms(&chance, isAlone: count == 1)
            var policies: [String: ChannelPolicy] = [:]
            for channel in terms.channels { policies[channel] = terms.policy(&chance) }
            do throws(OpeningError) {
                tenancies.append(
                    try Tenancy(
                        name: "tenant-\(number)", terms: terms, ledger: ledger, policies: policies, time: time,
                        isGenerous: bug == .oversell))
            } catch { throw Violation(.recovers, "a new store cannot be opened: \(error)") }
        }
        Disk.forgetPlan()
    }

    private func close() {
        tenancies = []
        ledger = nil
        machine.clear()
    }

    // MARK: Steps

    private var time: EngineTime { EngineTime(wallNanoseconds: wall, ledgerNanoseconds: now) }

    private func passTime() {
        let passed: Int64 =
            switch chance.below(60) {
            case 0..<40: chance.within(1...500_000_000)
            case 40..<57: chance.seconds(0...5) + 1
            case 57, 58: chance.seconds(5...90)
            default: chance.oneIn(6) ? chance.seconds(600...5_400) : chance.seconds(60...300)
            }
        now += passed
        wall += passed
        // The wall clock is set, by anything up to a day; ledger time does not care.
        if chance.oneIn(150) { wall = now + chance.seconds(-3_600...86_400) * chance.pick([0, 1]) }
    }

    private func step() throws(Violation) {
        steps += 1
        passTime()
        let tenancy = chance.pick(tenancies)
        let asked = try tenancy.ask(chance.oneIn(12) ? 0 : 1 + chance.below(10), time: time, &chance)
        note(asked.commands)
        operations += asked.commands.count
        if bug?.needsCuts ?? true, !asked.mayFallApart, chance.oneIn(bug == nil ? 40 : 10) {
            Disk.planCut(afterCalls: chance.below(24), chance.pick(Disk.Moment.allCases), tornSectors: chance.below(40))
        }
        let outcome = PlantedStep(bug: bug, ledger: ledger).run(tenancy, asked.commands, time: time, &chance)
        if Disk.isCut { return try crash(tenancy, asked, outcome) }
        Disk.forgetPlan()
        switch outcome {
        case .fatal(let text): throw Violation(.recovers, "the engine gave up: \(text)")
        case .replies(let replies): try tenancy.accept(asked, replies, time: time)
        }
        try noteCommit()
        try tenancy.send(now: now, &chance)
        try look(at: tenancy)
    }

    private func note(_ commands: [EngineCommand]) {
        if history.count > Self.historyMax { history.removeFirst(Self.historyMax / 2) }
        let (step, time, calls) = (steps, time, Disk.calls)
        history.append((step, { "ledger \(time.ledgerNanoseconds), wall \(time.wallNanoseconds), disk \(calls)" }))
        for command in commands { history.append((step, { command.inWords })) }
    }

    /// Readers between two commits; now and then everything.
    private func look(at tenancy: Tenancy) throws(Violation) {
        try tenancy.checkOneHold(now: now, &chance)
        for _ in 0..<3 {
            let sku = chance.pick(WorldTerms.skus)
            try tenancy.checkRead(sku, time: time, &chance)
            try tenancy.checkStock(of: sku, now: now)
            operations += 1
        }
        guard chance.oneIn(60) else { return }
        for tenancy in tenancies { try tenancy.checkAll(now: now) }
        if chance.oneIn(3) { try verify() }
    }

    private func verify() throws(Violation) {
        if let ledger { try Machine.verify(ledger) }
    }

    // MARK: Power cuts

    private func crash(_ tenancy: Tenancy, _ asked: Tenancy.Asked, _ outcome: Engine.StepOutcome) throws(Violation) {
        if case .replies = outcome { throw Violation(.acknowledgedIsThere, "replies after the power was cut") }
        crashes += 1
        let persisted = try restart()
        try require(
            persisted == now || persisted == acknowledged, .acknowledgedIsThere,
            "ledger time is \(persisted) after a cut at \(now); acknowledged is \(acknowledged)")
        if persisted == now { try tenancy.assume(asked, time: time) }
        for tenancy in tenancies { try tenancy.checkAll(now: now) }
        try verify()
        try noteCommit()
    }

    /// A step that changed something was committed at its own time; one that changed nothing was not committed at all.
    private func noteCommit() throws(Violation) {
        guard let ledger else { return }
        let persisted = try persistedTime(ledger)
        try require(
            persisted >= acknowledged, .acknowledgedIsThere,
            "ledger time ran back to \(persisted) from \(acknowledged)")
        acknowledged = persisted
    }

    /// Opens the store again, maybe through further cuts. Returns the ledger time of its last commit as first found.
    private func restart() throws(Violation) -> WallNanoseconds {
        var found: WallNanoseconds?
        while true {
            for tenancy in tenancies { tenancy.close() }
            ledger = nil
            machine.restorePower(&chance)
            if chance.oneIn(4) {
                Disk.planCut(afterCalls: chance.below(12), chance.pick(Disk.Moment.allCases), tornSectors: 3)
            }
            do throws(Violation) {
                let opened = try machine.openLedger()
                ledger = opened
                if found == nil { found = try persistedTime(opened) }
                for tenancy in tenancies { try reopen(tenancy, opened) }
            } catch {
                guard Disk.isCut else { throw error }
                continue
            }
            Disk.forgetPlan()
            if let found { return found }
        }
    }

    private func reopen(_ tenancy: Tenancy, _ ledger: Ledger) throws(Violation) {
        do throws(OpeningError) {
            try tenancy.reopen(ledger, time: time)
        } catch { throw Violation(.recovers, "the engine cannot be opened: \(error)") }
    }

    private func persistedTime(_ ledger: Ledger) throws(Violation) -> WallNanoseconds {
        do throws(LedgerError) {
            let reader = try ledger.makeReader()
            try reader.renew()
            return reader.state.ledgerTimeNanoseconds
        } catch { throw Violation(.acknowledgedIsThere, "the ledger cannot be read: \(error)") }
    }

    // MARK: The end

    /// Faults stop: queues drain, ERPs and ledger agree line by line, and a new hold is granted and confirmed.
    private func settle() throws(Violation) {
        for tenancy in tenancies { tenancy.becomeKind() }
        for round in 0..<200 where tenancies.contains(where: \.hasErpWork) {
            try quietStep(after: round < 20 ? .perSecond : 20 * .perSecond)
        }
        for tenancy in tenancies {
            try tenancy.checkDrained(untouchedSince: .max)
            try tenancy.checkAll(now: now)
        }
        for tenancy in tenancies {
            wall = max(wall, now)
            let asked = tenancy.askForMore(wall: wall)
            note(asked.commands)
            try quietStep(tenancy, asked, after: 1)
        }
        let asked = now
        for _ in 0..<5 { try quietStep(after: .perSecond / 2) }
        for tenancy in tenancies { try tenancy.checkDrained(untouchedSince: asked + 1) }
        try verify()
    }

    private func quietStep(after passed: Int64) throws(Violation) {
        for tenancy in tenancies {
            now += passed
            wall += passed
            let asked = try tenancy.ask(0, time: time, &chance)
            try quietStep(tenancy, asked, after: 0)
        }
    }

    private func quietStep(_ tenancy: Tenancy, _ asked: Tenancy.Asked, after passed: Int64) throws(Violation) {
        now += passed
        note(asked.commands)
        operations += asked.commands.count
        guard case .replies(let replies) = tenancy.engine.step(asked.commands, time: time) else {
            throw Violation(.recovers, "the engine gave up")
        }
        try tenancy.accept(asked, replies, time: time)
        tenancy.retryFailed(now: now)
        try tenancy.send(now: now, &chance)
    }
}
