import Engine
import Inventory
import Ledger
import Testing

@Suite struct PublishingTests {
    @Test func aSnapshotMakesItsSKUKnownAndCarriesASequence() throws {
        let store = try TestStore()
        #expect(try store.publish(Make.snapshot("1", onHand: 40)).outcome == .applied)
        let position = try #require(try store.position("S", "WH1"))
        #expect(position.buckets[.onHand] == 40)
        #expect(position.sequence > 0)
        #expect(position.authoritativeTimeNanoseconds == TestStore.now)
    }

    @Test func aRepeatIsADuplicateAndAnotherBodyADeadLetter() throws {
        let store = try TestStore()
        #expect(try store.publish(Make.adjustment("1", by: 5)).outcome == .applied)
        #expect(try store.publish(Make.adjustment("1", by: 5)).outcome == .duplicate)
        let reused = try store.publish(Make.adjustment("1", by: 6))
        #expect(reused.outcome == .deadLettered)
        #expect(reused.reason.hasPrefix("ID_REUSED"))
        #expect(try store.position("S", "WH1")?.buckets[.onHand] == 5)
    }

    @Test func aRepeatOfPoisonCountsUpAndAddsNoDeadLetter() throws {
        let store = try TestStore()
        _ = try store.publish(Make.heartbeat("alive"))
        let poison = Make.snapshot("1", location: "NOWHERE", onHand: 1)
        #expect(try store.publish(poison).reason.hasPrefix("UNKNOWN_LOCATION"))
        #expect(try store.publish(poison).reason.hasPrefix("UNKNOWN_LOCATION"))
        #expect(try store.ledgerState().deadLetters == 1)
        #expect(store.source("a")?.deadLettered == 2)
    }

    @Test func poisonInABatchLeavesItsNeighboursAlone() throws {
        let store = try TestStore()
        let results = try store.publish([
            TestStore.incoming(Make.adjustment("1", by: 1)),
            TestStore.incoming(Make.adjustment("2", location: "NOWHERE", by: 1)),
            TestStore.incoming(Make.adjustment("3", by: 1)),
        ])
        #expect(results.map(\.outcome) == [.applied, .deadLettered, .applied])
        #expect(try store.position("S", "WH1")?.buckets[.onHand] == 2)
    }

    @Test func onlyTheOwnerMayTouchAnOwnedLocation() throws {
        let store = try TestStore()
        #expect(try store.publish(Make.snapshot("1", location: "OWNED", onHand: 1)).reason.hasPrefix("NOT_OWNER"))
        #expect(try store.publish(Make.snapshot("1", source: "wms", location: "OWNED", onHand: 1)).outcome == .applied)
    }

    @Test func tooFarAheadOrTooFarBehindIsADeadLetter() throws {
        let store = try TestStore()
        #expect(try store.publish(Make.snapshot("1", at: 301, onHand: 1)).reason.hasPrefix("CLOCK_SKEW"))
        #expect(try store.publish(Make.snapshot("2", at: 0, onHand: 1)).outcome == .applied)
        let week: Int64 = 7 * 86_400
        #expect(try store.publish(Make.snapshot("3", at: -week - 1, onHand: 1)).reason.hasPrefix("TOO_OLD"))
        #expect(try store.publish(Make.snapshot("4", at: -week + 1, onHand: 1)).outcome == .superseded)
    }

    @Test func aLateSnapshotIsRebasedUnderLaterDeltas() throws {
        let store = try TestStore()
        #expect(try store.publish(Make.adjustment("later", at: -10, by: -3)).outcome == .applied)
        #expect(try store.publish(Make.snapshot("late", at: -20, onHand: 100)).outcome == .applied)
        #expect(try store.position("S", "WH1")?.buckets[.onHand] == 97)
        #expect(try store.publish(Make.adjustment("before", at: -30, by: 50)).outcome == .superseded)
        #expect(try store.position("S", "WH1")?.buckets[.onHand] == 97)
    }

    @Test func aGapHoldsBackTheWatermarkUntilItIsFilled() throws {
        let store = try TestStore()
        _ = try store.publish(Make.heartbeat("1", at: -50, sequence: 1))
        _ = try store.publish(Make.adjustment("3", at: -30, sequence: 3, by: 1))
        #expect(try store.position("S", "WH1")?.buckets[.onHand] == 1)
        #expect(store.source("a")?.watermarkNanoseconds == TestStore.now - 50_000_000_000)
        #expect(store.source("a")?.gapSinceNanoseconds == TestStore.now)
        _ = try store.publish(Make.heartbeat("2", at: -40, sequence: 2))
        #expect(store.source("a")?.watermarkNanoseconds == TestStore.now - 30_000_000_000)
        #expect(store.source("a")?.gapSinceNanoseconds == nil)
    }

    @Test func idsAreForgottenBehindTheHorizonOnly() throws {
        let store = try TestStore()
        _ = try store.publish(Make.adjustment("old", at: -8 * 86_400, by: 1))
        _ = try store.publish(Make.adjustment("recent", at: -86_400, by: 1))
        for index in 0..<20 { _ = try store.publish(Make.heartbeat("h\(index)")) }
        let reader = try store.ledger.makeReader()
        try reader.renew()
        let tenant = store.engine.tenantNumber
        let source = try #require(try reader.number(of: "a", kind: .source, tenant: tenant))
        #expect(try reader.event(tenant: tenant, source: source, id: "old") == nil)
        #expect(try reader.event(tenant: tenant, source: source, id: "recent") != nil)
    }

    @Test func aSourceOfOneEndlessCharacterIsADeadLetterLikeAnyOther() throws {
        let store = try TestStore()
        let endless = "a" + String(repeating: "\u{301}", count: 40_000)
        #expect(try store.publish(Make.adjustment("1", source: endless, by: 1)).reason.hasPrefix("INVALID_FIELD"))
        #expect(try store.ledgerState().deadLetters == 1)
    }

    /// What cannot be applied came all the same: nobody is to wait for it.
    @Test(arguments: [[1, 2, 3], [2, 1, 3], [2, 3, 1], [3, 2, 1]])
    func aSourceIsKnownFromItsFirstEventAlsoWhenThatIsADeadLetter(order: [UInt64]) throws {
        let store = try TestStore()
        for number in order {
            let location = number == 2 ? "NOWHERE" : "WH1"
            let event = Make.adjustment("\(number)", source: "new", location: location, sequence: number, by: 1)
            #expect(try store.publish(event).outcome == (number == 2 ? .deadLettered : .applied))
        }
        let source = try #require(store.source("new"))
        #expect((source.applied, source.deadLettered, source.pendingCount, source.nextSequence) == (2, 1, 0, 4))
    }

    @Test func anUnreadableEventMakesNoSourceKnown() throws {
        let store = try TestStore()
        _ = try store.publish(Make.adjustment("1", source: "junk", location: "", by: 1))
        #expect(store.source("junk") == nil)
    }
}
