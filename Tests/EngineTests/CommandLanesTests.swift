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
}

@Suite struct CommandLanesTests {
    private func events(_ count: Int) -> QueuedCommand {
        let event = TestStore.incoming(Make.adjustment("1", by: 1))
        return queued(.publish(tenant: 1, events: Array(repeating: event, count: count)))
    }

    /// Of so many records.
    private func holds(_ lines: Int) -> QueuedCommand {
        let outcome = ErpOutcome(number: 1, erp: "erp", kind: .release, answer: .unknown)
        return queued(.takeErpOutcomes(tenant: 1, Array(repeating: outcome, count: lines)))
    }

    private func queued(_ command: EngineCommand) -> QueuedCommand {
        QueuedCommand(command: command, answerByNanoseconds: nil) { _ in }
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
}
