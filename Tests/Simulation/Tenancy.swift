import Engine
@testable import Erp
import Inventory
import Ledger

/// One tenant of a world: its engine, the model of what it should hold, its callers and its ERPs.
final class Tenancy {
    /// A step that was asked of the engine.
    struct Asked {
        var commands: [EngineCommand] = []
        /// The ERPs' answers among them.
        var arrivals: [ErpTurns.Verdict] = []
        /// One of them may be refused for want of room, and then each is a commit of its own.
        var mayFallApart = false
    }

    private struct Opened {
        var engine: Engine
        var view: StockView
        var reader: SnapshotReader
    }

    let name: String
    private(set) var terms: WorldTerms
    /// Nil between a power cut and the next start.
    private var opened: Opened?
    var model: Model
    var erps: [ErpSimulation]
    var caller: Caller
    private var rebuilds = RebuildSimulation()
    /// The last rebuild that was seen to answer.
    private var answering = ""
    /// Answers that need no call.
    private var waiting: [ErpTurns.Verdict] = []

    init(
        name: String, terms: WorldTerms, ledger: Ledger, policies: [String: ChannelPolicy], time: EngineTime,
        isGenerous: Bool
    ) throws(OpeningError) {
        self.name = name
        self.terms = terms
        model = Model(terms: terms, epoch: ledger.epoch)
        caller = Caller(terms: terms, tenant: 0, epoch: ledger.epoch)
        erps = terms.capabilities.sorted { $0.key < $1.key }.map { ErpSimulation(name: $0.key, capabilities: $0.value) }
        let told = isGenerous ? policies.mapValues(PlantedStep.generous) : policies
        opened = try Self.open(name, terms, ledger, told, time)
        for location in engine.board.state.locations { self.terms.locations[location.number] = location.id }
        model = Model(terms: self.terms, epoch: ledger.epoch)
        model.policies = policies
        caller = Caller(terms: self.terms, tenant: engine.tenantNumber, epoch: ledger.epoch)
    }

    var engine: Engine {
        guard let opened else { preconditionFailure("nothing is asked of a dead process") }
        return opened.engine
    }

    private var reader: SnapshotReader? { opened?.reader }

    private static func open(
        _ name: String, _ terms: WorldTerms, _ ledger: Ledger, _ policies: [String: ChannelPolicy], _ time: EngineTime
    ) throws(OpeningError) -> Opened {
        let seed = CatalogueSeed(
            locations: WorldTerms.locationNames.map { Location(id: $0, number: 0) },
            channels: terms.channels.map {
                Channel(
                    id: $0, displayName: "", policyVersion: 1, updateTimeNanoseconds: 0,
                    policy: policies[$0] ?? ChannelPolicy())
            })
        let engine = try Engine.open(
            ledger: ledger, tenantName: name, settings: terms.settings, seed: seed, time: time)
        do throws(LedgerError) {
            return Opened(
                engine: engine, view: try StockView(ledger: ledger, board: engine.board, tenant: engine.tenantNumber),
                reader: try ledger.makeReader())
        } catch { throw .ledger(error) }
    }

    /// The process died.
    func close() {
        opened = nil
        rebuilds.restart()
        waiting = []
    }

    /// After the process died: everything in memory is made anew.
    func reopen(_ ledger: Ledger, time: EngineTime) throws(OpeningError) {
        opened = try Self.open(name, terms, ledger, model.policies, time)
        for index in erps.indices { erps[index].restart() }
    }

    // MARK: A step

    /// What is asked next: what the ERPs answered, then what callers want.
    func ask(_ wishes: Int, time: EngineTime, _ chance: inout Chance) throws(Violation) -> Asked {
        var asked = Asked()
        let now = time.ledgerNanoseconds
        var arrivals = waiting
        waiting = []
        for index in erps.indices {
            let state = engine.outbox.withState { $0 }
            arrivals += try erps[index].proceed(to: now, state, &chance)
        }
        var outcomes: [ErpOutcome] = []
        for arrival in arrivals {
            guard let outcome = arrival.outcome else {
                conclude(arrival, now)
                continue
            }
            outcomes.append(outcome)
            asked.arrivals.append(arrival)
        }
        let rebuilding = rebuilds.command(engine, &chance)
        // What is repaired in figures that may answer no more within the same commit is anybody's guess.
        if wishes > 0, !(rebuilding?.maySwitch ?? false) {
            asked.commands += try reconciliation(time, &chance)
        }
        if wishes > 0, chance.oneIn(4), let figure = caller.figureWithHolds(model, wall: time.wallNanoseconds, &chance)
        {
            asked.commands.append(figure)
        }
        if wishes > 0, let wish = try letterWish(&chance) { asked.commands.append(wish) }
        if !outcomes.isEmpty { asked.commands.append(.takeErpOutcomes(tenant: engine.tenantNumber, outcomes)) }
        for _ in 0..<wishes { asked.commands.append(caller.command(model, wall: time.wallNanoseconds, &chance)) }
        if let rebuilding { asked.commands.append(rebuilding) }
        // Some answers come twice.
        if !outcomes.isEmpty, chance.oneIn(20) {
            asked.commands.append(.takeErpOutcomes(tenant: engine.tenantNumber, [chance.pick(outcomes)]))
        }
        asked.mayFallApart = model.letters.mayOverflow(by: asked.commands.count)
        return asked
    }

    /// Everything was acknowledged: the model does the same, and must come to the same.
    func accept(_ asked: Asked, _ replies: [EngineReply], time: EngineTime) throws(Violation) {
        model.advance(to: time.ledgerNanoseconds)
        for (command, reply) in zip(asked.commands, replies) {
            forgetIfForgotten(command, reply)
            let prediction = try model.apply(
                command, wall: time.wallNanoseconds, granted: newNumber(command, reply))
            try Comparison.check(reply, prediction, command)
            rebuilds.note(command, reply.outcomes)
            if case .rebuild(let rebuild, _) = reply { noteSwitch(rebuild) }
            if case .reserved(let granted) = reply { caller.hears(of: granted.reservation.number) }
        }
        for arrival in asked.arrivals { conclude(arrival, time.ledgerNanoseconds) }
        tellIssues()
    }

    private func noteSwitch(_ rebuild: Rebuild?) {
        guard let rebuild, rebuild.state == .switched, rebuild.id != answering else { return }
        answering = rebuild.id
        model.forgetRepairs()
    }

    /// Goods that left are out of the ERPs' books as well.
    private func tellIssues() {
        for issue in model.issues {
            guard let index = erps.firstIndex(where: { $0.name == issue.erp }) else { continue }
            erps[index].issue(issue, of: ReservationID.text(number: issue.number, epoch: model.epoch))
        }
        model.issues = []
    }

    /// The process died over it and the commit was made: nobody heard an answer, and all of it must be there.
    func assume(_ asked: Asked, time: EngineTime) throws(Violation) {
        model.advance(to: time.ledgerNanoseconds)
        for command in asked.commands {
            var key: (channel: String, method: RequestMethod, id: String)?
            switch command {
            case .reserve(_, let wish, let identity): key = (wish.channelID, .create, identity.requestID)
            case .change(_, let wish, let identity):
                guard let hold = model.holds[wish.number] else { break }
                guard !model.isForgettable(hold) || reservation(wish.number) != nil else {
                    model.forget(wish.number)
                    break
                }
                key = (hold.channel, wish.kind.requestMethod, identity.requestID)
            default: break
            }
            let number = key.flatMap { remembered($0.channel, $0.method, $0.id)?.number }
            do throws(Violation) {
                let prediction = try model.apply(
                    command, wall: time.wallNanoseconds, granted: number.flatMap { model.holds[$0] == nil ? $0 : nil })
                rebuilds.note(command, prediction.outcomes)
                if case .rebuild = command { noteSwitch(engine.board.state.rebuild) }
            } catch {
                guard number == nil, error.invariant == .recovers else { throw error }
                throw Violation(.idempotent, "the commit is there, and its request is not: \(command.inWords)")
            }
            if let number { caller.hears(of: number) }
        }
        tellIssues()
    }

    private func newNumber(_ command: EngineCommand, _ reply: EngineReply) -> ReservationNumber? {
        guard case .reserved(let granted) = reply, model.holds[granted.reservation.number] == nil else { return nil }
        return granted.reservation.number
    }

    private func forgetIfForgotten(_ command: EngineCommand, _ reply: EngineReply) {
        guard case .change(_, let wish, _) = command, case .failed(.reservationNotFound) = reply,
            wish.epoch == model.epoch,
            let hold = model.holds[wish.number], model.isForgettable(hold)
        else { return }
        model.forget(wish.number)
    }

    private func conclude(_ verdict: ErpTurns.Verdict, _ now: WallNanoseconds) {
        engine.outbox.withState { $0.finish(verdict, nowNanoseconds: now) }
    }

    /// Calls that may be begun now are begun; and now and then a person looks after what was given up.
    func send(now: WallNanoseconds, _ chance: inout Chance) throws(Violation) {
        if chance.oneIn(50) { retryFailed(now: now) }
        for index in erps.indices {
            let sending = engine.outbox.withState { state in erps[index].send(&state, now: now, &chance) }
            if let violation = sending.violation { throw violation }
            waiting += sending.arrivals
        }
    }

    func retryFailed(now: WallNanoseconds) {
        engine.outbox.withState { state in
            for key in state.writes.filter({ $0.value.state == .failed }).keys {
                _ = state.retry(key, nowNanoseconds: now)
            }
        }
    }

    // MARK: Reading

    /// One look at the newest commit.
    func look<Result>(_ body: (StockView) throws(LedgerError) -> Result) throws(Violation) -> Result {
        guard let view = opened?.view else { throw Violation(.recovers, "nothing is open") }
        view.beginTurn()
        defer { view.endTurn() }
        do throws(LedgerError) {
            try view.openSnapshot()
            return try body(view)
        } catch { throw Violation(.acknowledgedIsThere, "a read failed: \(error)") }
    }

    func reservation(_ number: ReservationNumber) -> Reservation? {
        try? look { view throws(LedgerError) in try view.reservation(number: number, epoch: model.epoch) }
    }

    /// What the ledger remembers of a request.
    func remembered(_ channel: String, _ method: RequestMethod, _ id: String) -> RequestRecord? {
        guard let reader, let number = engine.board.state.channelNumbers[channel] else { return nil }
        do throws(LedgerError) {
            try reader.renew()
            defer { reader.release() }
            return try reader.request(tenant: engine.tenantNumber, channel: number, method: method, id: id)
        } catch { return nil }
    }

    func advance(to now: WallNanoseconds) { model.advance(to: now) }

    func forget(_ number: ReservationNumber) { model.forget(number) }
}
