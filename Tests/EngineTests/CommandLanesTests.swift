import Inventory
import Testing

@testable import Engine

/// `#expect` cannot change a value.
private final class Lanes {
    private var lanes: CommandLanes

    init(weightMax: Int) { lanes = CommandLanes(weightMax: weightMax) }

    var isEmpty: Bool { lanes.isEmpty }
    var weight: Int { lanes.weight }
    func put(_ queued: QueuedCommand) -> Bool { lanes.put(queued) }
    func take(groupWeightMax: Int) -> [QueuedCommand] { lanes.take(groupWeightMax: groupWeightMax) }
    func admit() -> [QueuedCommand] { lanes.admit() }
    func leave(_ queued: QueuedCommand) -> Bool { lanes.leave(queued) }
    func endLines() -> [QueuedCommand] { lanes.endLines() }
}

@Suite struct CommandLanesTests {
    private func events(_ count: Int, canWait: Bool = false) -> QueuedCommand {
        let event = TestStore.incoming(Make.adjustment("1", by: 1))
        return queued(.publish(tenant: 1, events: Array(repeating: event, count: count)), canWait: canWait)
    }

    /// Of so many records.
    private func holds(_ lines: Int) -> QueuedCommand {
        let outcome = ErpOutcome(number: 1, erp: "erp", kind: .release, answer: .unknown)
        return queued(.takeErpOutcomes(tenant: 1, Array(repeating: outcome, count: lines)))
    }

    private func queued(_ command: EngineCommand, canWait: Bool = false) -> QueuedCommand {
        var whenQueued: (@Sendable () -> Void)?
        if canWait { whenQueued = {} }
        return QueuedCommand(command: command, answerByNanoseconds: nil, whenQueued: whenQueued) { _ in }
    }

    private func weights(_ group: [QueuedCommand]) -> [Int] { group.map(\.weight) }

    @Test func reservationsGoAheadOfBatchesThatCameBefore() {
        let lanes = Lanes(weightMax: 20_000)
        #expect(lanes.put(events(1_000)) && lanes.put(events(1_000)) && lanes.put(holds(2)))
        #expect(weights(lanes.take(groupWeightMax: 1_500)) == [2])
        #expect(weights(lanes.take(groupWeightMax: 1_500)) == [1_000])
        #expect(weights(lanes.take(groupWeightMax: 1_500)) == [1_000])
        #expect(lanes.isEmpty && lanes.weight == 0)
    }

    @Test func eventsGetEverySecondGroupHoweverManyReservationsCome() {
        let lanes = Lanes(weightMax: 20_000)
        #expect(lanes.put(events(1_000)) && lanes.put(events(1_000)))
        for group in [[3], [3, 1_000], [3], [3, 1_000], [3]] {
            #expect(lanes.put(holds(3)))
            #expect(weights(lanes.take(groupWeightMax: 1_500)) == group)
        }
    }

    @Test func fewEventsShareTheCommitOfReservations() {
        let lanes = Lanes(weightMax: 20_000)
        for _ in 0..<3 { #expect(lanes.put(events(40))) }
        #expect(lanes.put(holds(2)))
        #expect(weights(lanes.take(groupWeightMax: 1_500)) == [2, 40, 40])
        #expect(weights(lanes.take(groupWeightMax: 1_500)) == [40])
    }

    @Test func aCommandHeavierThanAGroupIsAGroup() {
        let lanes = Lanes(weightMax: 20_000)
        #expect(lanes.put(events(1_000)) && lanes.put(events(1)))
        #expect(weights(lanes.take(groupWeightMax: 250)) == [1_000])
        #expect(weights(lanes.take(groupWeightMax: 250)) == [1])
    }

    @Test func eachLaneHasRoomOfItsOwn() {
        let lanes = Lanes(weightMax: 100)
        #expect(lanes.put(events(100)))
        #expect(!lanes.put(events(1)))
        #expect(lanes.put(holds(100)))
        // An ERP's answer only frees stock: half as much room again.
        #expect(lanes.put(holds(50)) && !lanes.put(holds(1)))
        #expect(lanes.weight == 250)
    }

    @Test func whatIsHeavierThanItsLanePassesWhenNothingElseWaits() {
        let lanes = Lanes(weightMax: 10)
        #expect(lanes.put(events(1_000)) && !lanes.put(events(1)))
        #expect(weights(lanes.take(groupWeightMax: 250)) == [1_000])
    }
    @Test func whoStandsInLineComesInByTurnAndNobodyOvertakes() {
        let lanes = Lanes(weightMax: 100)
        #expect(lanes.put(events(60, canWait: true)) && lanes.put(events(40, canWait: true)))
        let (heavy, light) = (events(80, canWait: true), events(1, canWait: true))
        #expect(!lanes.put(heavy) && !lanes.put(light))
        #expect(lanes.admit().isEmpty)
        #expect(weights(lanes.take(groupWeightMax: 60)) == [60])
        #expect(lanes.admit().isEmpty, "the first needs more room, and the second waits for it")
        #expect(!lanes.put(events(1, canWait: true)))
        #expect(weights(lanes.take(groupWeightMax: 60)) == [40])
        #expect(weights(lanes.admit()) == [80, 1, 1])
        #expect(weights(lanes.take(groupWeightMax: 100)) == [80, 1, 1] && lanes.isEmpty)
    }

    @Test func whoCannotWaitHasRoomApart() {
        let lanes = Lanes(weightMax: 100)
        #expect(lanes.put(events(100, canWait: true)) && !lanes.put(events(1, canWait: true)))
        #expect(lanes.put(events(100)) && !lanes.put(events(1)))
        // In the lane itself everything keeps its order.
        #expect(weights(lanes.take(groupWeightMax: 150)) == [100])
        #expect(weights(lanes.admit()) == [1] && lanes.weight == 101)
    }

    @Test func whoLeavesTheLineHoldsUpNobody() {
        let lanes = Lanes(weightMax: 100)
        #expect(lanes.put(events(100, canWait: true)))
        let (first, second) = (events(90, canWait: true), events(5, canWait: true))
        #expect(!lanes.put(first) && !lanes.put(second))
        #expect(lanes.leave(first) && !lanes.leave(first))
        #expect(weights(lanes.take(groupWeightMax: 100)) == [100])
        #expect(lanes.admit().first === second && !lanes.leave(second))
        #expect(!lanes.put(events(100, canWait: true)))
        #expect(weights(lanes.endLines()) == [100] && lanes.endLines().isEmpty)
    }

    /// Five streams keep 8,000 events each before the writer, which is twice the lane.
    @Test func aFeedGetsItsTurnAmongStreamsThatFillTheLaneForEver() {
        let lanes = Lanes(weightMax: 20_000)
        var unanswered = [Int](repeating: 0, count: 5)
        var isInLine = [Bool](repeating: false, count: 5)
        var streams: [ObjectIdentifier: Int] = [:]
        var kept: [QueuedCommand] = []
        func fill() {
            for stream in 0..<5 {
                while unanswered[stream] < 8, !isInLine[stream] {
                    let batch = events(1_000, canWait: true)
                    kept.append(batch)
                    streams[ObjectIdentifier(batch)] = stream
                    unanswered[stream] += 1
                    isInLine[stream] = !lanes.put(batch)
                }
            }
        }
        fill()
        let feed = events(1_000, canWait: true)
        #expect(!lanes.put(feed))
        var groups = 0
        while groups < 1_000 {
            groups += 1
            let group = lanes.take(groupWeightMax: 1_000)
            for queued in lanes.admit() {
                if let stream = streams[ObjectIdentifier(queued)] { isInLine[stream] = false }
            }
            // The streams hear of it first.
            for queued in group {
                if let stream = streams[ObjectIdentifier(queued)] { unanswered[stream] -= 1 }
            }
            if group.contains(where: { $0 === feed }) { break }
            fill()
        }
        #expect(groups == 24, "behind the 20 that were queued and the 3 that stood in line")
    }
}
