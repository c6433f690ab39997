import Inventory
import Testing

@testable import Engine

@Suite struct CommitPaceTests {
    private let aim = CommitPace.aimNanoseconds

    @Test func aFastDiskIsGivenAsMuchAsItWritesInTheTimeAimedAt() {
        var pace = CommitPace(weightMax: 100_000)
        for _ in 0..<50 { pace.note(weight: pace.groupWeightMax, nanoseconds: Int64(pace.groupWeightMax) * 10_000) }
        #expect(2_400...2_600 ~= pace.groupWeightMax)
    }

    @Test func theSettingIsTheMost() {
        var pace = CommitPace(weightMax: 2_000)
        for _ in 0..<50 { pace.note(weight: 2_000, nanoseconds: 2_000) }
        #expect(pace.groupWeightMax == 2_000)
        #expect(CommitPace(weightMax: 100).groupWeightMax == 100)
    }

    @Test func aSlowDiskIsStillGivenEnoughToBeWorthASync() {
        var pace = CommitPace(weightMax: 5_000)
        for _ in 0..<50 { pace.note(weight: 250, nanoseconds: .perSecond) }
        #expect(pace.groupWeightMax == CommitPace.weightMin)
    }

    @Test func oneStutterDoesNotMakeCommitsSmall() {
        var pace = CommitPace(weightMax: 5_000)
        for _ in 0..<50 { pace.note(weight: 1_000, nanoseconds: aim) }
        pace.note(weight: 1_000, nanoseconds: 100 * aim)
        #expect(pace.groupWeightMax >= 350)
        for _ in 0..<20 { pace.note(weight: 1_000, nanoseconds: aim) }
        #expect(pace.groupWeightMax > 900)
    }

    @Test func smallCommitsSayNothing() {
        var pace = CommitPace(weightMax: 5_000)
        let before = pace.groupWeightMax
        for _ in 0..<50 { pace.note(weight: 1, nanoseconds: aim) }
        #expect(pace.groupWeightMax == before)
    }

    @Test func eachCommitIsCountedOnceByTheBoundItKept() {
        var times = CommitTimes()
        for milliseconds in [1, 3, 3_000] { times.add(nanoseconds: Int64(milliseconds) * .perMillisecond) }
        #expect(times.counts == [1, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 1])
        #expect(times.sumNanoseconds == 3_004 * .perMillisecond)
    }
}
