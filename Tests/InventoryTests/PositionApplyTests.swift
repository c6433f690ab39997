import Testing

@testable import Inventory

@Suite struct PositionApplyTests {
    private func snapshot(_ at: Int64, _ values: [Bucket: Int64], _ id: String = "s") -> PlacedEvent {
        PlacedEvent(at, id, isAbsolute: true, values)
    }

    private func delta(_ at: Int64, _ values: [Bucket: Int64], _ id: String = "d") -> PlacedEvent {
        PlacedEvent(at, id, isAbsolute: false, values)
    }

    @Test func deltasAloneStartFromZero() {
        var placed = PlacedPosition()
        #expect(placed.apply(delta(10, [.onHand: 5])) == .applied)
        #expect(placed.apply(delta(5, [.onHand: -7])) == .applied)
        #expect(placed[.onHand] == -2)
        #expect(placed.position.authoritativeTimeNanoseconds == 10)
    }

    @Test func aLateSnapshotIsRebasedUnderLaterDeltas() {
        var placed = PlacedPosition()
        placed.apply(snapshot(10, [.onHand: 100], "s1"))
        placed.apply(delta(30, [.onHand: -4]))
        #expect(placed.apply(snapshot(20, [.onHand: 50], "s2")) == .applied)
        #expect(placed[.onHand] == 46)
        #expect(placed.position.authoritativeTimeNanoseconds == 30)
    }

    @Test func anOldSnapshotNeverWins() {
        var placed = PlacedPosition()
        placed.apply(snapshot(20, [.onHand: 50], "s2"))
        #expect(placed.apply(snapshot(10, [.onHand: 100], "s1")) == .superseded)
        #expect(placed[.onHand] == 50)
        #expect(placed.position.authoritativeTimeNanoseconds == 20)
        #expect(placed.journal.entries.count == 1)
    }

    @Test func aDeltaBelowASnapshotIsInItsFigureAlready() {
        var placed = PlacedPosition()
        placed.apply(snapshot(20, [.onHand: 50]))
        #expect(placed.apply(delta(19, [.onHand: 5], "a")) == .superseded)
        // At equal times absolute events come after deltas.
        #expect(placed.apply(delta(20, [.onHand: 5], "z")) == .superseded)
        #expect(placed.apply(delta(21, [.onHand: 5], "b")) == .applied)
        #expect(placed[.onHand] == 55)
    }

    @Test func everyBucketIsRebasedOnItsOwn() {
        var placed = PlacedPosition()
        placed.apply(snapshot(20, [.onHand: 50], "s2"))
        #expect(placed.apply(snapshot(10, [.onHand: 1, .damaged: 3], "s1")) == .applied)
        #expect(placed[.onHand] == 50)
        #expect(placed[.damaged] == 3)
        // A receipt in the snapshot's past: on_hand has it, incoming has not.
        #expect(placed.apply(delta(15, [.onHand: 5, .incoming: -5])) == .applied)
        #expect(placed[.onHand] == 50)
        #expect(placed[.incoming] == -5)
    }

    @Test func whatASnapshotLeavesOutIsUntouched() {
        var placed = PlacedPosition()
        placed.apply(snapshot(10, [.onHand: 50, .allocated: 4, .safetyStock: 2], "s1"))
        placed.apply(snapshot(20, [.onHand: 60], "s2"))
        #expect(placed[.allocated] == 4)
        #expect(placed[.safetyStock] == 2)
    }

    @Test func inOrderEventsDoNotScanTheJournal() {
        var placed = PlacedPosition()
        for time in Int64(1)...50 { placed.apply(delta(time, [.onHand: 1], "d\(time)")) }
        placed.apply(snapshot(51, [.onHand: 7]))
        #expect(placed.journal.scans == 0)
        #expect(placed[.onHand] == 7)
    }

    @Test func aSnapshotDropsOnlyWhatNoLateArrivalCanNeed() {
        var placed = PlacedPosition()
        placed.apply(delta(1, [.onHand: 1], "d1"))
        placed.apply(snapshot(2, [.onHand: 10, .damaged: 1], "s1"))
        placed.apply(delta(3, [.damaged: 2], "d2"))
        placed.apply(delta(4, [.onHand: 2], "d3"))
        placed.apply(snapshot(5, [.onHand: 20], "s2"))
        // s1 still carries damaged; d2 comes after it.
        #expect(placed.journal.entries.map(\.key.id) == ["s1", "d2", "s2"])
        placed.apply(snapshot(6, [.damaged: 0], "s3"))
        #expect(placed.journal.entries.map(\.key.id) == ["s2", "s3"])
    }

    @Test func droppingIsBoundedPerEvent() {
        var placed = PlacedPosition()
        for time in Int64(1)...200 { placed.apply(delta(time, [.onHand: 1], "d\(time)")) }
        placed.apply(snapshot(500, [.onHand: 7]))
        #expect(placed.journal.entries.count == 201 - Limits.journalDropsPerEventMax)
    }

    @Test func anEventAtAPrunedPlaceIsNeverGuessed() {
        var placed = PlacedPosition()
        for time in Int64(1)...10 { placed.apply(delta(time * 10, [.onHand: 1], "d\(time)")) }
        #expect(placed.position.prune(through: 55, limit: 3, journal: &placed.journal) == 3)
        #expect(placed.position.prunedThroughPrimary == 30)
        #expect(placed.position.prune(through: 55, limit: 100, journal: &placed.journal) == 2)
        #expect(placed.position.prune(through: 55, limit: 100, journal: &placed.journal) == 0)
        #expect(placed.position.prunedThroughPrimary == 50)
        let before = placed.position
        #expect(placed.apply(snapshot(50, [.onHand: 100])) == .tooOld)
        #expect(placed.apply(delta(7, [.onHand: 100])) == .tooOld)
        #expect(placed.position == before)
        #expect(placed.apply(snapshot(51, [.onHand: 100])) == .applied)
        #expect(placed[.onHand] == 105)
    }

    @Test func aBucketOutOfRangeLeavesEverythingAsItWas() {
        var placed = PlacedPosition()
        placed.apply(snapshot(1, [.onHand: Limits.bucketMax, .damaged: 0]))
        let before = placed.position
        #expect(placed.apply(delta(2, [.onHand: 1, .damaged: 1])) == .outOfRange)
        #expect(placed.position == before)
        #expect(placed.journal.entries.count == 1)
        #expect(placed.apply(delta(2, [.onHand: -1])) == .applied)
        placed = PlacedPosition()
        placed.apply(snapshot(1, [.onHand: -Limits.bucketMax]))
        #expect(placed.apply(delta(2, [.onHand: -1])) == .outOfRange)
    }

    @Test func theGreatestTimeOfAllEventsIsAuthoritative() {
        var placed = PlacedPosition()
        // Ordered by sequence: times need not rise with it.
        placed.apply(PlacedEvent(2, "b", isAbsolute: true, [.onHand: 5], occurredAt: 100))
        placed.apply(PlacedEvent(1, "a", isAbsolute: true, [.onHand: 4], occurredAt: 200))
        #expect(placed[.onHand] == 5)
        #expect(placed.position.authoritativeTimeNanoseconds == 200)
        placed.apply(PlacedEvent(3, "c", isAbsolute: true, [.onHand: 4], source: 2, occurredAt: 200))
        #expect(placed.position.authoritativeSource == 0)
        placed.apply(PlacedEvent(4, "d", isAbsolute: true, [.onHand: 4], source: 2, occurredAt: 201))
        #expect(placed.position.authoritativeSource == 2)
        placed.apply(delta(9, [.onHand: 1]))
        #expect(placed.position.authoritativeTimeNanoseconds == 201)
    }

    @Test func ourOwnAccountOfHoldsIsUntouched() {
        var placed = PlacedPosition()
        placed.position.buckets[.reserved] = 7
        placed.position.buckets[.releasing] = 3
        placed.apply(snapshot(1, [.onHand: 100]))
        #expect(placed[.reserved] == 7)
        #expect(placed[.releasing] == 3)
        #expect(placed.position.sellable == 90)
    }
}
