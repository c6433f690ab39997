import Engine
@testable import Erp
import Inventory

/// One ERP as this world has it: its book, the calls under way to it, its faults. It does what `ErpDispatcher` does, on
/// one thread and by the clock of the world.
struct ErpSimulation {
    /// What came of an attempt to send.
    struct Sending: Sendable {
        /// What need not be sent at all.
        var arrivals: [ErpTurns.Verdict] = []
        var violation: Violation?
    }

    private struct Call {
        var works: [ErpWork]
        /// When it takes effect at the ERP; nil: it does not any more.
        var effectAt: WallNanoseconds?
        /// When we hear of it; nil: never, we were started anew meanwhile.
        var endsAt: WallNanoseconds?
        var replies: [ErpReply] = []
        var failure: ErpFailure?
    }

    let name: String
    private(set) var book: ErpBook
    private var turns: ErpTurns
    private var calls: [Call] = []
    private var awayUntil: WallNanoseconds = 0

    init(name: String, capabilities: ErpCapabilities) {
        self.name = name
        book = ErpBook(capabilities: capabilities)
        turns = ErpTurns(name: name, capabilities: capabilities, policy: ErpCallPolicy())
    }

    var capabilities: ErpCapabilities { book.capabilities }
    var isAvoided: Bool { turns.breaker.state != .closed }
    /// For people.
    var standing: String { "\(name): breaker \(turns.breaker.state), \(turns.callsInFlight) calls in flight" }

    mutating func issue(_ issue: GoodsIssue, of reservationID: String) { book.issue(issue, of: reservationID) }

    /// Faults stop.
    mutating func becomeKind() {
        book.isKind = true
        awayUntil = 0
    }

    /// Our process died: nobody waits for the answers, but what was sent goes on.
    mutating func restart() {
        turns = ErpTurns(name: name, capabilities: capabilities, policy: turns.policy)
        for index in calls.indices { calls[index].endsAt = nil }
    }

    /// When something next happens by itself; nil: nothing is under way.
    var nextMoment: WallNanoseconds? {
        calls.flatMap { [$0.effectAt, $0.endsAt] }.compactMap(\.self).min()
    }

    /// Lets effects happen in their order, and hands over what was answered by now.
    mutating func proceed(
        to now: WallNanoseconds, _ outbox: ErpOutboxState, _ chance: inout Chance
    ) throws(Violation) -> [ErpTurns.Verdict] {
        while let index = nextEffect, calls[index].effectAt ?? .max <= now {
            calls[index].effectAt = nil
            var replies: [ErpReply] = []
            for work in calls[index].works { replies.append(try book.perform(work, &chance)) }
            calls[index].replies = replies
        }
        var arrivals: [ErpTurns.Verdict] = []
        for call in calls {
            guard let end = call.endsAt, end <= now else { continue }
            arrivals += arrive(call, now, outbox, &chance)
        }
        calls.removeAll { $0.effectAt == nil && ($0.endsAt ?? 0) <= now }
        for index in calls.indices where calls[index].endsAt.map({ $0 <= now }) ?? false { calls[index].endsAt = nil }
        return arrivals
    }

    /// The call that takes effect next.
    private var nextEffect: Int? {
        calls.indices.min { calls[$0].effectAt ?? .max < calls[$1].effectAt ?? .max }
    }

    private mutating func arrive(
        _ call: Call, _ now: WallNanoseconds, _ outbox: ErpOutboxState, _ chance: inout Chance
    ) -> [ErpTurns.Verdict] {
        let jitter = Double(chance.below(100)) / 100
        let result = call.failure.map { .failure($0) } ?? Result<[ErpReply], ErpFailure>.success(call.replies)
        return turns.end(call.works, result, outbox, nowNanoseconds: now, jitter: jitter)
    }

    /// Begins what may be sent now. What need not be sent at all comes back at once.
    mutating func send(
        _ outbox: inout ErpOutboxState, now: WallNanoseconds, _ chance: inout Chance
    ) -> Sending {
        if !book.isKind, chance.oneIn(200) { awayUntil = now + chance.seconds(1...120) }
        var sending = Sending()
        while let call = turns.begin(&outbox, nowNanoseconds: now) {
            guard case .writes(let works) = call else {
                calls.append(fate(of: [], now, &chance))
                continue
            }
            let (sent, unsent) = ErpTurns.parted(works, outbox)
            sending.arrivals += unsent.map(ErpTurns.Verdict.neverAsked)
            sending.violation = sending.violation ?? sent.compactMap { Self.overtakes($0, outbox) ?? meets($0) }.first
            if sent.isEmpty {
                turns.abandon(nowNanoseconds: now)
            } else {
                calls.append(fate(of: sent, now, &chance))
            }
        }
        return sending
    }

    /// What is free at the ERP only once a release was answered must not be asked for before.
    private static func overtakes(_ work: ErpWork, _ outbox: ErpOutboxState) -> Violation? {
        guard work.kind == .reserve,
            let own = outbox.writes[ErpOutboxState.Key(number: work.number, erp: work.erp)]
        else { return nil }
        let places = Set(work.lines.map { Place(sku: $0.sku, location: $0.location) })
        let earlier = outbox.writes.values.first { other in
            other.work.kind == .release && other.work.erp == work.erp && other.order < own.order
                && other.state != .failed
                && other.work.lines.contains { places.contains(Place(sku: $0.sku, location: $0.location)) }
        }
        return earlier.map {
            Violation(.outboxDrains, "\(work.reservationID) was reserved before \($0.id) was released")
        }
    }

    /// Two calls about one position would contend for it at the ERP.
    private func meets(_ work: ErpWork) -> Violation? {
        let places = Set(work.lines.map { Place(sku: $0.sku, location: $0.location) })
        let other = calls.first { call in
            call.endsAt != nil
                && call.works.contains { other in
                    other.lines.contains { places.contains(Place(sku: $0.sku, location: $0.location)) }
                }
        }
        return other.map { _ in
            Violation(.outboxDrains, "\(work.reservationID) was sent while another call was about its position")
        }
    }

    /// What becomes of a call is decided when it is sent.
    private func fate(of works: [ErpWork], _ now: WallNanoseconds, _ chance: inout Chance) -> Call {
        let soon = now + chance.within(1_000_000...300_000_000)
        if book.isKind { return Call(works: works, effectAt: now, endsAt: now) }
        if now < awayUntil { return Call(works: works, endsAt: soon, failure: .notSent("away")) }
        let deadline = now + turns.policy.deadlineNanoseconds
        let latest = Int64(capabilities.latestEffectSeconds) * .perSecond
        switch chance.below(100) {
        case 0..<5: return Call(works: works, endsAt: soon, failure: .notSent("refused at the door"))
        case 5: return Call(works: works, endsAt: soon, failure: .misconfigured("no such user"))
        case 6..<11: return Call(works: works, endsAt: deadline, failure: .noAnswer("hangs"))
        case 11..<17:
            return Call(
                works: works, effectAt: now + chance.within(0...latest), endsAt: deadline, failure: .noAnswer("late"))
        case 17..<22:
            return Call(works: works, effectAt: now, endsAt: soon, failure: .noAnswer("the answer was lost"))
        case 22..<27:
            let effect = now + chance.within(0...min(latest, turns.policy.deadlineNanoseconds))
            return Call(works: works, effectAt: effect, endsAt: chance.within(effect...deadline))
        default:
            let effect = chance.within(now...soon)
            return Call(works: works, effectAt: effect, endsAt: chance.within(effect...soon))
        }
    }
}
