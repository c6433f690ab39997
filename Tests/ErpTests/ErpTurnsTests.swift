import Engine
import Inventory
import Testing

@testable import Erp

private let now: WallNanoseconds = 1_000_000_000_000
private let second: Int64 = .perSecond

/// Holds of one unit of a sku each, which wait for the ERP `e`.
private func makeOutbox(_ count: Int) -> ErpOutboxState {
    var outbox = ErpOutboxState()
    for number in 1...UInt64(count) {
        var reservation = Reservation(
            number: number, epoch: 1, channel: "web", customer: "", orderReference: "", createTimeNanoseconds: now,
            expireTimeNanoseconds: now + 600 * second, expireMaxNanoseconds: now + 600 * second, allowsPartial: false,
            writeMode: .through,
            lines: [ReservationLine(id: 1, sku: "S\(number)", location: 1, requested: 1, quantity: 1, erp: "e")])
        reservation.note(
            .granted, from: nil, at: ReservationMoment(ledgerNanoseconds: now, sequence: number, correlationID: ""))
        outbox.update(reservation, nowNanoseconds: now)
    }
    return outbox
}

private func makeTurns(
    batchMax: Int = 4, isIdempotent: Bool = true, _ change: (inout ErpCallPolicy) -> Void = { _ in }
) -> ErpTurns {
    var policy = ErpCallPolicy()
    change(&policy)
    return ErpTurns(
        name: "e",
        capabilities: ErpCapabilities(
            isIdempotent: isIdempotent, isAtomic: true, allowsPartial: true, takesCommits: false, batchMax: batchMax,
            latestEffectSeconds: 10), policy: policy)
}

extension ErpTurns {
    /// The works of the next call; nil: none may be begun. A probe has none.
    fileprivate mutating func works(_ outbox: inout ErpOutboxState, at time: Int64 = now) -> [ErpWork]? {
        switch begin(&outbox, nowNanoseconds: time) {
        case nil: nil
        case .probe: []
        case .writes(let works): works
        }
    }

    /// The call failed, and each write waits for what the verdict says.
    fileprivate mutating func fail(
        _ works: [ErpWork], _ failure: ErpFailure, _ outbox: inout ErpOutboxState, at time: Int64 = now
    ) -> [Verdict] {
        let verdicts = end(works, .failure(failure), outbox, nowNanoseconds: time, jitter: 0)
        for verdict in verdicts { outbox.finish(verdict, nowNanoseconds: time) }
        return verdicts
    }
}

@Suite struct ErpTurnsTests {
    @Test func callsInFlightAndTheirRateAreBounded() {
        var outbox = makeOutbox(12)
        var turns = makeTurns {
            $0.callsInFlightMax = 2
            $0.callsPerSecond = 10
        }
        #expect(turns.works(&outbox)?.count == 4)
        #expect(turns.works(&outbox) == nil, "a tenth of a second apart")
        #expect(turns.nextCallNanoseconds(outbox, nowNanoseconds: now) == now + second / 10)
        #expect(turns.works(&outbox, at: now + second / 10)?.count == 4)
        #expect(turns.works(&outbox, at: now + second) == nil, "two at a time")
        #expect(turns.nextCallNanoseconds(outbox, nowNanoseconds: now + second) == nil, "an end wakes it")
    }

    @Test func aBatchWithoutAnAnswerIsHalvedAndGrowsAgainOneByOne() {
        var outbox = makeOutbox(20)
        var turns = makeTurns(batchMax: 8)
        let first = turns.works(&outbox) ?? []
        #expect(first.count == 8)
        _ = turns.fail(first, .noAnswer("hangs"), &outbox)
        let second = turns.works(&outbox) ?? []
        #expect(second.count == 4)
        _ = turns.end(second, .success([]), outbox, nowNanoseconds: now, jitter: 0)
        #expect(turns.works(&outbox)?.count == 5)
    }

    @Test func afterFailuresInARowOneCallTriesWhetherItIsBack() {
        var outbox = makeOutbox(12)
        var turns = makeTurns(batchMax: 2) { $0.failuresMax = 2 }
        for _ in 0..<2 {
            let works = turns.works(&outbox) ?? []
            _ = turns.fail(works, .notSent("refused"), &outbox)
        }
        #expect(turns.works(&outbox) == nil)
        let probe = turns.nextCallNanoseconds(outbox, nowNanoseconds: now) ?? 0
        #expect(probe == now + turns.policy.probeMinNanoseconds)
        let tried = turns.works(&outbox, at: probe) ?? []
        #expect(tried.count == 1, "one write, not a batch")
        #expect(turns.works(&outbox, at: probe) == nil)
        _ = turns.end(tried, .success([.answer(.notFound)]), outbox, nowNanoseconds: probe, jitter: 0)
        #expect(turns.works(&outbox, at: probe)?.count == 2)
    }

    @Test func whatBecameOfACallIsToldAsFarAsItIsKnown() {
        let table: [(Result<[ErpReply], ErpFailure>, ErpAnswer?, ErpOutboxState.Ending)] = [
            (.success([.answer(.cancelled)]), .cancelled, .answered),
            (.success([.retry("a lock")]), nil, .neverSent),
            (.success([.failed("no such sku")]), nil, .failed),
            (.success([]), nil, .neverSent),
            // What was sent may still take effect.
            (.success([.answer(.notFound)]), nil, .unknown),
            (.failure(.notSent("away")), nil, .neverSent),
            (.failure(.misconfigured("no such user")), nil, .neverSent),
            (.failure(.noAnswer("hangs")), .unknown, .unknown),
        ]
        for (result, answer, ending) in table {
            var outbox = makeOutbox(1)
            var turns = makeTurns()
            let works = turns.works(&outbox) ?? []
            let verdict = turns.end(works, result, outbox, nowNanoseconds: now, jitter: 0).first
            #expect(verdict?.answer == answer && verdict?.ending == ending, "\(result)")
        }
    }

    @Test func anAnswerThatCouldNotBeStoredIsAskedForAgain() {
        var outbox = makeOutbox(1)
        var turns = makeTurns(isIdempotent: false)
        let works = turns.works(&outbox) ?? []
        var verdict = turns.end(
            works, .success([.answer(.holds([]))]), outbox, nowNanoseconds: now, jitter: 0)[0]
        verdict.lose("the disk is full", nowNanoseconds: now)
        outbox.finish(verdict, nowNanoseconds: now)
        #expect(turns.works(&outbox) == nil)
        #expect(turns.works(&outbox, at: now + second)?.map(\.kind) == [.lookUp])
    }

    @Test func pausesDoubleUpToTheirLongest() {
        let policy = ErpCallPolicy()
        let pauses = [1, 2, 3, 30].map { policy.pauseNanoseconds(attempts: $0, jitter: 0) }
        #expect(pauses == [second / 10, second / 5, second * 2 / 5, 60 * second])
        #expect(policy.pauseNanoseconds(attempts: 1, jitter: 1) == second / 20)
    }

    @Test func maintenanceMayGoOverMidnight() {
        let window = MaintenanceWindow(startSeconds: 23 * 3_600, endSeconds: 3_600)
        let inside = [23 * 3_600, 86_399, 0, 3_599].map { window.contains($0 * second) }
        let outside = [3_600, 22 * 3_600].map { window.contains($0 * second) }
        #expect(inside.allSatisfy { $0 } && outside.allSatisfy { !$0 })
    }
}
