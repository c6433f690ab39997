import Inventory

/// One seed's set of events and holds, delivered twice: once in order, one by one, to a process that lives; and once in any
/// order, some of it again and again, in groups, to one that is killed, loses its power and begins anew. Everything that they
/// leave behind must be the same, and each store whole at every start.
final class DeliveryWorld: SimulatedWorld {
    let seed: UInt64
    let bug: PlantedBug?
    private let machine: Machine
    private var chance: Chance
    private(set) var recent: [String] = []
    private(set) var steps = 0
    private(set) var operations = 0
    private(set) var crashes = 0

    init(seed: UInt64, bug: PlantedBug?, directory: String) {
        self.seed = seed
        self.bug = bug
        machine = Machine(directory: directory)
        chance = Chance(seed: seed)
    }

    func run(steps: Int) throws(Violation) {
        let set = DeliverySet(count: 20 + chance.below(max(1, steps / chance.pick([1, 2, 4]))), &chance)
        let ordered = try run(Delivery(set, machine: machine, faults: nil), set.events)
        var again = chance.shuffled(set.events).prefix(chance.below(set.events.count)).map { $0 }
        if bug == .doubleDelivery {
            for index in again.indices { again[index].event.id += "~" }
        }
        let disordered = try run(
            Delivery(set, machine: machine, faults: Delivery.Faults(bug: bug)), chance.shuffled(set.events + again))
        for name in Set(ordered.keys).union(disordered.keys).sorted() {
            let (one, other) = (ordered[name] ?? "nothing", disordered[name] ?? "nothing")
            try require(one == other, .feedInAnyOrder, "\(name): in order \(one); in any order \(other)")
        }
    }

    private func run(
        _ delivery: Delivery, _ events: [DeliverySet.Told]
    ) throws(Violation) -> [String: String] {
        defer {
            recent += ["a delivery:"] + delivery.recent
            steps += delivery.steps
            operations += delivery.operations
            crashes += delivery.crashes
        }
        return try delivery.run(events, &chance)
    }
}
