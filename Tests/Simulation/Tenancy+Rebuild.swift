import Engine
import Inventory

/// Rebuilds from everything that ever took effect, in any order, while the world goes on: nothing that the model tells may
/// change by one.
struct RebuildSimulation {
    /// What took effect so far.
    private var history: [IncomingEvent] = []
    /// What the rebuild under way has not been told again yet.
    private var left: [IncomingEvent] = []
    private var id = ""

    /// The process died: what was told again may not have been committed.
    mutating func restart() { id = "" }

    mutating func note(_ command: EngineCommand, _ outcomes: [EventOutcome?]) {
        switch command {
        case .publish(_, let events, _, _):
            for (event, outcome) in zip(events, outcomes) where outcome.hasEffect { history.append(event) }
        case .dealWithDeadLetters(_, let wish):
            for (letter, outcome) in zip(wish.letters, outcomes) where outcome.hasEffect {
                if let incoming = letter.incoming { history.append(incoming) }
            }
        default: return
        }
    }

    /// The next command of the rebuild's life, now and then.
    mutating func command(_ engine: Engine, _ chance: inout Chance) -> EngineCommand? {
        guard let rebuild = engine.board.state.rebuild, rebuild.state.isOpen || rebuild.hasRowsLeft else {
            guard chance.oneIn(30) else { return nil }
            let wish = RebuildWish(
                fromTimeNanoseconds: 0, steps: [RebuildStep(id: "all", kind: .feed)],
                switchesWhenReady: chance.oneIn(3), decision: decision)
            return .rebuild(tenant: engine.tenantNumber, .start(wish))
        }
        guard chance.oneIn(2) else { return nil }
        return .rebuild(tenant: engine.tenantNumber, next(rebuild, &chance))
    }

    private let decision = RebuildDecision(reason: "", actor: "simulator", requestID: "")

    private mutating func next(_ rebuild: Rebuild, _ chance: inout Chance) -> RebuildCommand {
        if rebuild.id != id {
            id = rebuild.id
            left = chance.shuffled(history)
        }
        switch rebuild.state {
        case .filling:
            if chance.oneIn(200) { return .abandon(id: id, decision) }
            if !rebuild.hasAllHolds, left.isEmpty || chance.oneIn(4) { return .copyHolds(id: id) }
            guard left.isEmpty else {
                let batch = Array(left.prefix(1 + chance.below(1 + history.count / 8)))
                left.removeFirst(batch.count)
                return .take(id: id, step: 0, batch)
            }
            guard let step = rebuild.steps.first, !step.isDone else {
                if rebuild.repairsWaiting > 0 { return .repair(id: id) }
                return .becomeReady(id: id, RebuildDifferences())
            }
            var done = step
            done.isDone = true
            return .note(id: id, step: 0, done)
        case .ready:
            return chance.oneIn(10) ? .abandon(id: id, decision) : .switchTo(id: id, decision, acceptsDifferences: true)
        case .switched, .abandoned, .failed: return .deleteRows(id: id)
        }
    }
}

extension EventOutcome? {
    /// Of an event that came or was tried again; nil: it was not.
    fileprivate var hasEffect: Bool { self.map { $0 != .deadLettered } ?? false }
}

extension EngineReply {
    /// Of events; none otherwise.
    var outcomes: [EventOutcome?] {
        switch self {
        case .published(let results, _): results.map(\.outcome)
        case .deadLetters(let results, _): results.map(\.outcome)
        default: []
        }
    }
}

extension Model.Prediction {
    /// Of events; none otherwise.
    var outcomes: [EventOutcome?] {
        switch self {
        case .events(let outcomes): outcomes
        case .letters(let outcomes): outcomes
        default: []
        }
    }
}
