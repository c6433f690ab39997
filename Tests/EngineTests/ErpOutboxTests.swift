import Inventory
import Testing

@testable import Engine

private let now: WallNanoseconds = 1_000_000_000_000
private let second: Int64 = .perSecond

/// A reservation of one line that an ERP is told of.
private func makeReservation(_ number: ReservationNumber, sku: String = "S", erp: String = "e") -> Reservation {
    var reservation = Reservation(
        number: number, epoch: 1, channel: "web", customer: "", orderReference: "", createTimeNanoseconds: now,
        expireTimeNanoseconds: now + 60 * second, expireMaxNanoseconds: now + 600 * second, allowsPartial: false,
        writeMode: .through,
        lines: [ReservationLine(id: 1, sku: sku, location: 1, requested: 5, quantity: 5, erp: erp)])
    reservation.note(.granted, from: nil, at: moment)
    return reservation
}

private let moment = ReservationMoment(ledgerNanoseconds: now, sequence: 1, correlationID: "")
private let erps = ErpDirectory(terms: [ErpTerms(name: "e", takesCommits: false, allowsPartialRelease: true)])

extension ErpOutboxState {
    fileprivate mutating func take(_ limit: Int = 10, isIdempotent: Bool = false, at time: Int64 = now) -> [ErpWork] {
        take(erp: "e", limit: limit, isIdempotent: isIdempotent, nowNanoseconds: time)
    }
}

@Suite struct ErpOutboxTests {
    @Test func aWriteIsThereFromItsCauseToItsAnswer() {
        var outbox = ErpOutboxState()
        var reservation = makeReservation(1)
        outbox.update(reservation, nowNanoseconds: now)
        let works = outbox.take()
        #expect(works.map(\.kind) == [.reserve])
        #expect(outbox.take().isEmpty)
        #expect(outbox.writes.values.first?.state == .sent)
        _ = reservation.take(.holds([.init(lineID: 1, quantity: 5)]), to: .reserve, from: "e", erps: erps, at: moment)
        outbox.update(reservation, nowNanoseconds: now)
        #expect(outbox.count == 0)
        outbox.finish(works[0], .answered, nowNanoseconds: now)
        #expect(outbox.count == 0)
    }

    @Test func aWriteWithoutAnAnswerIsLookedUpFirst() {
        var outbox = ErpOutboxState()
        var reservation = makeReservation(1)
        outbox.update(reservation, nowNanoseconds: now)
        let work = outbox.take()[0]
        _ = reservation.take(.unknown, to: .reserve, from: "e", erps: erps, at: moment)
        outbox.update(reservation, nowNanoseconds: now)
        outbox.finish(work, .unknown, error: "lost", retryAtNanoseconds: now + second, nowNanoseconds: now)
        #expect(outbox.take().isEmpty)
        #expect(outbox.take(at: now + second).map(\.kind) == [.lookUp])
    }

    @Test func whatMayHaveBeenAskedBeforeARestartIsLookedForUnlessAskingTwiceIsHarmless() {
        for (isIdempotent, expected) in [(false, ErpWriteKind.lookUp), (true, .reserve)] {
            var outbox = ErpOutboxState()
            outbox.update(makeReservation(1), isRestart: true, nowNanoseconds: now)
            #expect(outbox.take(isIdempotent: isIdempotent).map(\.kind) == [expected])
        }
    }

    @Test func notFoundIsBelievedOnlyOnceNothingSentCanStillTakeEffect() {
        var outbox = ErpOutboxState()
        outbox.update(makeReservation(1), nowNanoseconds: now)
        let latest = 10 * second
        // What a call answers was so when it was begun, however late the answer comes.
        let reserve = outbox.take()[0]
        #expect(outbox.settlesAtNanoseconds(reserve, latestEffectNanoseconds: latest) == now + latest)
        outbox.finish(reserve, .unknown, retryAtNanoseconds: now + latest, nowNanoseconds: now)
        let lookUp = outbox.take(at: now + latest)[0]
        #expect(outbox.settlesAtNanoseconds(lookUp, latestEffectNanoseconds: latest) == nil)
        outbox.finish(lookUp, .notThere, nowNanoseconds: now + latest)
        #expect(outbox.take(at: now + latest).map(\.kind) == [.reserve])
    }

    @Test func whatWasSentBeforeARestartStaysSentWhenTheNextCallIsNot() {
        var outbox = ErpOutboxState()
        outbox.update(makeReservation(1), isRestart: true, nowNanoseconds: now)
        let work = outbox.take(isIdempotent: true)[0]
        outbox.finish(work, .neverSent, nowNanoseconds: now)
        #expect(!outbox.isNeverSent(work))
    }

    @Test func aReserveThatWasNeverSentNeedsNoRelease() {
        var outbox = ErpOutboxState()
        var reservation = makeReservation(1)
        outbox.update(reservation, nowNanoseconds: now)
        reservation.expire(
            erps: erps,
            at: ReservationMoment(ledgerNanoseconds: now + 60 * second, sequence: 2, correlationID: ""))
        outbox.update(reservation, nowNanoseconds: now)
        let work = outbox.take()[0]
        #expect(work.kind == .release)
        #expect(outbox.isNeverSent(work))
    }

    @Test func aReserveWaitsForTheReleasesQueuedBeforeItAtItsPosition() throws {
        var outbox = ErpOutboxState()
        var first = makeReservation(1)
        outbox.update(first, nowNanoseconds: now)
        let reserve = outbox.take()[0]
        _ = first.take(.holds([.init(lineID: 1, quantity: 5)]), to: .reserve, from: "e", erps: erps, at: moment)
        outbox.update(first, nowNanoseconds: now)
        outbox.finish(reserve, .answered, nowNanoseconds: now)
        try first.release([], erps: erps, at: moment)
        outbox.update(first, nowNanoseconds: now)
        outbox.update(makeReservation(2), nowNanoseconds: now)
        outbox.update(makeReservation(3, sku: "other"), nowNanoseconds: now)
        let release = outbox.take(1)[0]
        #expect(release.kind == .release)
        #expect(outbox.take().map(\.number) == [3])
        _ = first.take(.holds([]), to: .release, from: "e", erps: erps, at: moment)
        outbox.update(first, nowNanoseconds: now)
        #expect(outbox.take().isEmpty)
        outbox.finish(release, .answered, nowNanoseconds: now)
        #expect(outbox.take().map(\.number) == [2])
    }

    @Test func aFailedWriteWaitsForAPersonAndHoldsNobodyBack() {
        var outbox = ErpOutboxState()
        outbox.update(makeReservation(1), nowNanoseconds: now)
        let work = outbox.take()[0]
        outbox.finish(work, .failed, error: "no such sku", nowNanoseconds: now)
        #expect(outbox.take(at: now + 1_000 * second).isEmpty)
        let key = ErpOutboxState.Key(number: 1, erp: "e")
        let isRetried = outbox.retry(key, nowNanoseconds: now)
        #expect(isRetried)
        #expect(outbox.take().count == 1)
        let isRetriedWhileSent = outbox.retry(key, nowNanoseconds: now)
        #expect(!isRetriedWhileSent)
    }

    @Test func noTwoCallsAreAboutOnePosition() {
        var outbox = ErpOutboxState()
        for number in 1...3 as ClosedRange<UInt64> { outbox.update(makeReservation(number), nowNanoseconds: now) }
        outbox.update(makeReservation(4, sku: "other"), nowNanoseconds: now)
        let first = outbox.take(1)[0]
        #expect(outbox.take().map(\.number) == [4])
        #expect(outbox.nextAttemptNanoseconds(of: "e", nowNanoseconds: now) == nil)
        outbox.finish(first, .unknown, retryAtNanoseconds: now + second, nowNanoseconds: now)
        #expect(outbox.take().map(\.number) == [2, 3])
    }

    @Test func aCallThatEndsLateLeavesTheNextOneAlone() {
        var outbox = ErpOutboxState()
        var reservation = makeReservation(1)
        outbox.update(reservation, nowNanoseconds: now)
        let reserve = outbox.take()[0]
        _ = reservation.take(.holds([.init(lineID: 1, quantity: 5)]), to: .reserve, from: "e", erps: erps, at: moment)
        outbox.update(reservation, nowNanoseconds: now)
        try? reservation.release([], erps: erps, at: moment)
        outbox.update(reservation, nowNanoseconds: now)
        outbox.finish(reserve, .answered, nowNanoseconds: now)
        let release = outbox.take()[0]
        #expect(release.kind == .release)
        outbox.finish(reserve, .answered, nowNanoseconds: now)
        #expect(outbox.take().isEmpty)
    }

    @Test func pagesGoThroughEveryWriteOnceInOrder() {
        var outbox = ErpOutboxState()
        for number in 1...7 as ClosedRange<UInt64> {
            outbox.update(makeReservation(number, erp: number.isMultiple(of: 3) ? "f" : "e"), nowNanoseconds: now)
        }
        var seen: [ReservationNumber] = []
        var after: UInt64? = 0
        while let order = after {
            let page = outbox.page(after: order, erp: nil, limit: 2) { _ in true }
            seen += page.writes.map(\.work.number)
            after = page.next
        }
        #expect(seen == [1, 2, 3, 4, 5, 6, 7])
        #expect(outbox.page(after: 0, erp: "f", limit: 9) { $0.work.number > 3 }.writes.map(\.work.number) == [6])
    }
}
