import Testing

@testable import Inventory

/// A reservation of two lines that the ERP `e` is told of, granted at ledger time 1,000.
private func makeReservation(
    allowsPartial: Bool = false, erp: String = "e", units: [Int64] = [5, 3]
) -> Reservation {
    var reservation = Reservation(
        number: 7, epoch: 1, channel: "web", customer: "c", orderReference: "", createTimeNanoseconds: 1_000,
        expireTimeNanoseconds: 2_000, expireMaxNanoseconds: 5_000, allowsPartial: allowsPartial, writeMode: .through,
        lines: units.enumerated().map { index, units in
            ReservationLine(
                id: UInt32(index + 1), sku: "S\(index + 1)", location: 1, requested: units, quantity: units, erp: erp)
        })
    reservation.note(.granted, from: nil, at: at(1_000))
    return reservation
}

private func at(_ ledgerNanoseconds: Int64) -> ReservationMoment {
    ReservationMoment(ledgerNanoseconds: ledgerNanoseconds, sequence: 9, correlationID: "request")
}

private let erps = ErpDirectory(
    terms: [
        ErpTerms(name: "e", takesCommits: true, allowsPartialRelease: true),
        ErpTerms(name: "whole", takesCommits: false, allowsPartialRelease: false),
    ])

extension Reservation {
    /// Takes an answer in that says something new.
    fileprivate mutating func hear(_ answer: ErpAnswer, to kind: ErpWriteKind, from erp: String = "e") {
        let isNew = take(answer, to: kind, from: erp, erps: erps, at: at(1_100))
        #expect(isNew)
    }

    /// The ERP holds every line in full.
    fileprivate mutating func confirm(_ erp: String = "e") {
        hear(
            .holds(lines.map { ErpLineAnswer(lineID: $0.id, quantity: $0.open, reference: "R") }), to: .reserve,
            from: erp)
    }
}

@Suite struct ReservationChangeTests {
    @Test func anExtensionReachesAtMostTheLongestAndNeverShortens() throws {
        var reservation = makeReservation()
        try reservation.extend(ttlNanoseconds: 500, at: at(1_200))
        #expect(reservation.expireTimeNanoseconds == 2_000)
        try reservation.extend(ttlNanoseconds: 3_000, at: at(1_200))
        #expect(reservation.expireTimeNanoseconds == 4_200)
        try reservation.extend(ttlNanoseconds: 9_000, at: at(1_300))
        #expect(reservation.expireTimeNanoseconds == 5_000)
        #expect(reservation.version == 4)
    }

    @Test func aWholeCommitKeepsEverythingAndExpiresNoMore() throws {
        var reservation = makeReservation()
        try reservation.commit([], orderReference: "order", erps: erps, at: at(1_100))
        #expect(reservation.state == .committed)
        #expect(reservation.lines.map(\.committed) == [5, 3])
        #expect(reservation.expireTimeNanoseconds == 0)
        #expect(reservation.orderReference == "order")
        #expect(reservation.problem == nil)
    }

    @Test func aPartialCommitGivesBackTheRestAndTheLinesNotNamed() throws {
        var reservation = makeReservation()
        try reservation.commit(
            [LineQuantity(lineID: 1, quantity: 2)], orderReference: "", erps: erps, at: at(1_100))
        #expect(reservation.lines.map(\.open) == [2, 0])
        #expect(reservation.lines.map(\.released) == [3, 3])
        #expect(reservation.lines.map(\.committed) == [2, 0])
        #expect(reservation.problem == nil)
    }

    @Test(arguments: [
        ([LineQuantity(lineID: 3, quantity: 1)], "lines[0].line_id"),
        ([LineQuantity(lineID: 1, quantity: 6)], "lines[0].quantity"),
        ([LineQuantity(lineID: 1, quantity: -1)], "lines[0].quantity"),
        ([LineQuantity(lineID: 1, quantity: 1), LineQuantity(lineID: 1, quantity: 1)], "lines[1].line_id"),
        ([LineQuantity(lineID: 1, quantity: 0)], "lines"),
    ])
    func wrongPartsAreRefusedByTheirField(parts: [LineQuantity], field: String) {
        var reservation = makeReservation()
        let before = reservation
        do throws(ReservationRefusal) {
            try reservation.commit(parts, orderReference: "", erps: erps, at: at(1_100))
            Issue.record("was accepted")
        } catch {
            guard case .invalidField(let path, _) = error else {
                Issue.record("\(error)")
                return
            }
            #expect(path == field)
        }
        #expect(reservation == before)
    }

    @Test func aPartialReleaseKeepsTheStateUntilNothingIsOpen() throws {
        var reservation = makeReservation()
        try reservation.release([LineQuantity(lineID: 1, quantity: 4)], erps: erps, at: at(1_100))
        #expect(reservation.state == .active)
        #expect(reservation.lines.map(\.open) == [1, 3])
        try reservation.release([], erps: erps, at: at(1_200))
        #expect(reservation.state == .released)
        #expect(reservation.problem == nil)
    }

    @Test func whatIsOverStaysSo() throws {
        var reservation = makeReservation()
        reservation.expire(erps: erps, at: at(2_000))
        #expect(reservation.state == .expired)
        #expect(throws: ReservationRefusal.state(.expired)) {
            try reservation.commit([], orderReference: "", erps: erps, at: at(2_100))
        }
        #expect(throws: ReservationRefusal.state(.expired)) { try reservation.release([], erps: erps, at: at(2_100)) }
        #expect(throws: ReservationRefusal.state(.expired)) {
            try reservation.extend(ttlNanoseconds: 1, at: at(2_100))
        }
    }

    @Test func whatRanOutCanBeAskedForAgainOnce() throws {
        var reservation = makeReservation()
        try reservation.release([LineQuantity(lineID: 1, quantity: 4)], erps: erps, at: at(1_100))
        reservation.expire(erps: erps, at: at(2_000))
        #expect(try reservation.linesToReacquire([]).map(\.quantity) == [1, 3])
        #expect(try reservation.linesToReacquire([LineQuantity(lineID: 2, quantity: 2)]).map(\.quantity) == [2])
        reservation.link(to: makeReservation(), at: at(2_100))
        #expect(throws: ReservationRefusal.state(.expired)) { try reservation.linesToReacquire([]) }
    }

    @Test func theGrantStaysInALongHistory() throws {
        var reservation = makeReservation()
        for _ in 0..<300 { try reservation.extend(ttlNanoseconds: 1, at: at(1_100)) }
        #expect(reservation.history.count == Limits.reservationHistoryMax)
        #expect(reservation.history.first?.cause == .granted)
        #expect(reservation.version == 301)
    }

    @Test(arguments: [UInt64](arrayLiteral: 0, 1, 31, 32, .max))
    func anIdReadsBack(number: UInt64) throws {
        let text = ReservationID.text(number: number, epoch: .max)
        let parsed = try #require(ReservationID.parse(text))
        #expect(parsed.number == number && parsed.epoch == .max)
    }

    @Test(arguments: ["", "r", "r-1", "r-1-2-3", "x-1-2", "r-01-2", "r-1-+2", "r--2", "R-1-2", "r-1-W"])
    func whatIsNoIdIsRefused(text: String) {
        #expect(ReservationID.parse(text) == nil)
    }
}

@Suite struct ReservationErpTests {
    @Test func aConfirmedHoldHasNothingLeftToAsk() {
        var reservation = makeReservation()
        #expect(reservation.erpWork(for: "e")?.kind == .reserve)
        reservation.confirm()
        #expect(reservation.erpState == .confirmed)
        #expect(reservation.erpsWithWork.isEmpty)
        #expect(reservation.lines.map(\.erpReference) == ["R", "R"])
    }

    @Test func aRefusedLineLetsGoOfAllOthers() {
        var reservation = makeReservation()
        let answer = ErpAnswer.holds([
            ErpLineAnswer(lineID: 1, quantity: 5), ErpLineAnswer(lineID: 2, quantity: 0, reason: "NO"),
        ])
        reservation.hear(answer, to: .reserve)
        #expect(reservation.state == .rejected)
        #expect(reservation.lines.map(\.erpState) == [.releasePending, .rejected])
        var letGo = makeReservation()
        letGo.hear(.holds([.init(lineID: 1, quantity: 0), .init(lineID: 2, quantity: 0, reason: "NO")]), to: .reserve)
        #expect(letGo.lines.map(\.erpState) == [.released, .rejected])
        #expect(letGo.lines.map(\.reason) == ["", "NO"])
        #expect(reservation.lines[1].reason == "NO")
        #expect(reservation.erpWork(for: "e")?.lines.map(\.quantity) == [0])
        #expect(reservation.problem == nil)
    }

    @Test func whereAPartIsWelcomeTheRestGoesOn() {
        var reservation = makeReservation(allowsPartial: true)
        let answer = ErpAnswer.holds([
            ErpLineAnswer(lineID: 1, quantity: 2, reason: "SOME"), ErpLineAnswer(lineID: 2, quantity: 0, reason: "NO"),
        ])
        reservation.hear(answer, to: .reserve)
        #expect(reservation.state == .active)
        #expect(reservation.lines.map(\.open) == [2, 0])
        #expect(reservation.lines.map(\.erpState) == [.confirmed, .rejected])
    }

    @Test func aRefusalAfterTheCommitSaysSo() throws {
        var reservation = makeReservation()
        try reservation.commit([], orderReference: "", erps: erps, at: at(1_050))
        reservation.hear(.holds([.init(lineID: 1, quantity: 0), .init(lineID: 2, quantity: 0)]), to: .reserve)
        #expect(reservation.state == .rejected)
        #expect(reservation.history.last?.cause == .erpRefusedAfterCommit)
        #expect(reservation.isSettled)
    }

    @Test func anUnknownOutcomeIsLookedUpBeforeItIsAskedAgain() {
        var reservation = makeReservation()
        reservation.hear(.unknown, to: .reserve)
        #expect(reservation.erpState == .unknown)
        #expect(reservation.state == .active)
        #expect(reservation.erpWork(for: "e")?.kind == .lookUp)
        reservation.hear(.notFound, to: .lookUp)
        #expect(reservation.erpWork(for: "e")?.kind == .reserve)
    }

    @Test func anAnswerThatComesAfterTheExpiryIsReleased() {
        var reservation = makeReservation()
        reservation.expire(erps: erps, at: at(2_000))
        #expect(reservation.lines.map(\.erpState) == [.releasePending, .releasePending])
        reservation.hear(.holds([.init(lineID: 1, quantity: 5), .init(lineID: 2, quantity: 3)]), to: .reserve)
        #expect(reservation.erpWork(for: "e")?.kind == .release)
        reservation.hear(.holds([]), to: .release)
        #expect(reservation.erpState == .released)
        #expect(reservation.isSettled)
    }

    @Test func aPartGivenBackIsReleasedWhereTheErpCanDoThat() throws {
        var reservation = makeReservation()
        reservation.confirm()
        try reservation.release([LineQuantity(lineID: 1, quantity: 2)], erps: erps, at: at(1_200))
        #expect(reservation.erpWork(for: "e")?.lines.map(\.quantity) == [3, 3])
        reservation.hear(.holds([.init(lineID: 1, quantity: 3), .init(lineID: 2, quantity: 3)]), to: .release)
        #expect(reservation.erpState == .confirmed)
    }

    @Test func anErpThatCannotReleasePartsKeepsTheWholeUntilTheEnd() throws {
        var reservation = makeReservation(erp: "whole")
        reservation.confirm("whole")
        try reservation.release([LineQuantity(lineID: 1, quantity: 2)], erps: erps, at: at(1_200))
        #expect(reservation.erpsWithWork.isEmpty)
        try reservation.release([], erps: erps, at: at(1_300))
        #expect(reservation.erpWork(for: "whole")?.kind == .release)
    }

    @Test func theOrderIsToldOnceTheErpHolds() throws {
        var reservation = makeReservation()
        try reservation.commit([], orderReference: "", erps: erps, at: at(1_050))
        #expect(reservation.erpWork(for: "e")?.kind == .reserve)
        reservation.confirm()
        #expect(reservation.erpWork(for: "e")?.kind == .commit)
        reservation.hear(.holds([.init(lineID: 1, quantity: 5), .init(lineID: 2, quantity: 3)]), to: .commit)
        #expect(reservation.erpsWithWork.isEmpty)
        #expect(reservation.history.last?.cause == .erpCommitted)
    }

    @Test func whatTheErpCancelledIsReleasedAndWhatItShippedIsFulfilled() {
        var cancelled = makeReservation()
        cancelled.confirm()
        cancelled.hear(.cancelled, to: .lookUp)
        #expect(cancelled.state == .released && cancelled.history.last?.cause == .erpCancelled)
        var shipped = makeReservation()
        shipped.confirm()
        shipped.hear(.shipped, to: .lookUp)
        #expect(shipped.state == .fulfilled && shipped.lines.map(\.fulfilled) == [5, 3])
        // Until the gross stock has heard of it, it is still subtracted.
        #expect(shipped.lines.map(\.releasing) == [5, 3])
    }

    @Test func aShipmentOfWhatTheErpShippedIsWhatTheStockHadYetToHearOf() {
        var reservation = makeReservation()
        reservation.confirm()
        reservation.fulfil([LineQuantity(lineID: 1, quantity: 2)], at: at(1_150))
        reservation.hear(.shipped, to: .lookUp)
        #expect(reservation.lines.map(\.shippedByErp) == [3, 3])
        let version = reservation.version
        // One more than the ERP shipped: no hold covers that.
        let four = ShippedUnits(sku: reservation.lines[0].sku, location: 1, lineID: 1, units: 4)
        let covered = four.covered(by: [reservation])[0]
        #expect(covered == [LineQuantity(lineID: 1, quantity: 3)])
        reservation.fulfil(covered, at: at(1_300))
        #expect(reservation.lines[0].fulfilled == 5 && reservation.lines[0].isSettled)
        #expect(reservation.lines[1].releasing == 3 && !reservation.isSettled)
        #expect(reservation.version == version && reservation.state == .fulfilled)
        // A read told of it first.
        reservation.lines[1].contained = 0
        reservation.fulfil([LineQuantity(lineID: 2, quantity: 3)], at: at(1_400))
        #expect(reservation.lines[1].contained == 0 && reservation.lines[1].shippedByErp == 0)
        let more = ShippedUnits(sku: reservation.lines[0].sku, location: 1, units: 1)
        #expect(more.covered(by: [reservation]) == [[]])
    }

    @Test func whatAReadLacksIsLookedForUnlessItChangedMeanwhile() {
        var reservation = makeReservation()
        let isMissedBefore = reservation.miss([1], at: "e", askedNanoseconds: 1_050)
        #expect(!isMissedBefore, "not confirmed yet")
        reservation.confirm()
        let isMissedWhileChanging = reservation.miss([1], at: "e", askedNanoseconds: 1_100)
        #expect(!isMissedWhileChanging)
        let before = reservation
        let isMissed = reservation.miss([1], at: "e", askedNanoseconds: 1_101)
        #expect(isMissed && reservation.erpWork(for: "e")?.kind == .lookUp)
        let isMissedTwice = reservation.miss([1], at: "e", askedNanoseconds: 1_101)
        #expect(!isMissedTwice, "it is being looked for")
        // There all the same: nothing that anybody sees has changed.
        let isNew = reservation.take(
            .holds([.init(lineID: 1, quantity: 5), .init(lineID: 2, quantity: 3)]), to: .lookUp, from: "e", erps: erps,
            at: at(1_200))
        #expect(!isNew && reservation == before)
    }

    @Test(arguments: [
        ErpAnswer.notFound,
        .holds([.init(lineID: 1, quantity: 0, reason: "ERP_NOT_FOUND"), .init(lineID: 2, quantity: 3)]),
    ])
    func aConfirmedHoldThatIsNotFoundStaysSubtractedForAPersonToSee(answer: ErpAnswer) {
        var reservation = makeReservation()
        reservation.confirm()
        let isMissed = reservation.miss([1, 2], at: "e", askedNanoseconds: 1_150)
        #expect(isMissed)
        reservation.hear(answer, to: .lookUp)
        #expect(reservation.state == .active && reservation.lines.map(\.open) == [5, 3])
        #expect(reservation.lines[0].reason == "ERP_NOT_FOUND" && reservation.erpsWithWork.isEmpty)
        let isMissedAgain = reservation.miss([1], at: "e", askedNanoseconds: 1_300)
        #expect(!isMissedAgain, "it was looked for once")
    }

    @Test func anAnswerToWhatWasAskedBeforeGoodsLeftIsLookedUpAnew() {
        var reservation = makeReservation(units: [5])
        reservation.fulfil([LineQuantity(lineID: 1, quantity: 2)], at: at(1_050))
        let isNew = reservation.take(
            .holds([.init(lineID: 1, quantity: 4)]), to: .reserve, from: "e", shippedWhenAsked: [1: 0], erps: erps,
            at: at(1_100))
        #expect(isNew && reservation.lines[0].open == 3)
        #expect(reservation.erpWork(for: "e")?.kind == .lookUp)
        #expect(reservation.history.last?.cause == .erpUnknown)
    }

    @Test func aContainedHoldThatClosesIsStillSubtracted() throws {
        var reservation = makeReservation(units: [5])
        reservation.confirm()
        reservation.lines[0].contained = 5
        try reservation.release([LineQuantity(lineID: 1, quantity: 2)], erps: erps, at: at(1_200))
        #expect(reservation.lines[0].open == 3 && reservation.lines[0].releasing == 2)
        reservation.hear(.holds([.init(lineID: 1, quantity: 3)]), to: .release)
        #expect(reservation.lines[0].releasing == 0)
    }

    @Test func theWorstLineIsShown() {
        var reservation = makeReservation(units: [1, 1, 1])
        let worst: [([ErpState], ErpState)] = [
            ([.notRequired, .released, .confirmed], .confirmed), ([.confirmed, .pending, .releasePending], .pending),
            ([.unknown, .pending, .confirmed], .unknown), ([.rejected, .unknown, .confirmed], .rejected),
        ]
        for (states, expected) in worst {
            for (index, state) in states.enumerated() { reservation.lines[index].erpState = state }
            #expect(reservation.erpState == expected)
        }
    }
}
