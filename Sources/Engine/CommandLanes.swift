/// What waits for the writer, in two lanes: reservations with what the ERPs say of them, and the rest, which is mostly
/// batches of events. A shopper must not stand behind a warehouse's count, so the first lane goes ahead; each lane keeps its
/// order, and has room of its own.
struct CommandLanes {
    enum Lane { case reservations, events }

    private struct Waiting {
        var commands: [QueuedCommand] = []
        var weight = 0

        mutating func add(_ queued: QueuedCommand, weightMax: Int) -> Bool {
            guard weight == 0 || weight + queued.weight <= weightMax else { return false }
            commands.append(queued)
            weight += queued.weight
            return true
        }

        mutating func take(weightMax: Int, atLeastOne: Bool) -> [QueuedCommand] {
            var taken = 0
            var takenWeight = 0
            while taken < commands.count {
                let next = commands[taken].weight
                if takenWeight + next > weightMax, taken > 0 || !atLeastOne { break }
                takenWeight += next
                taken += 1
            }
            defer {
                commands.removeFirst(taken)
                weight -= takenWeight
            }
            return Array(commands[..<taken])
        }
    }

    /// A group with reservations takes events beside them only up to this weight: a commit of that size takes little longer
    /// than one without.
    static let besideReservationsMax = 100

    private let weightMax: Int
    private var reservations = Waiting()
    private var events = Waiting()
    /// The last group left all events behind: the next takes some, whoever else waits.
    private var owesEvents = false

    init(weightMax: Int) {
        self.weightMax = weightMax
    }

    var isEmpty: Bool { reservations.commands.isEmpty && events.commands.isEmpty }
    var weight: Int { reservations.weight + events.weight }

    /// False when its lane has no room. What gives stock back or brings an ERP's answer has room of its own: a flood of wishes
    /// does not hold it up. A command heavier than the whole lane still passes when nothing else waits there.
    mutating func put(_ queued: QueuedCommand) -> Bool {
        let most = queued.command.isGrowing ? weightMax : weightMax + weightMax / 2
        return switch queued.lane {
        case .reservations: reservations.add(queued, weightMax: most)
        case .events: events.add(queued, weightMax: most)
        }
    }

    /// The next group: at least one command when there is any, and no more than `groupWeightMax` but for one that is heavier.
    mutating func take(groupWeightMax: Int) -> [QueuedCommand] {
        var group = reservations.take(weightMax: groupWeightMax, atLeastOne: true)
        let mayWait = !group.isEmpty && !owesEvents
        let room = groupWeightMax - group.reduce(0) { $0 + $1.weight }
        let beside = events.take(
            weightMax: mayWait ? min(room, Self.besideReservationsMax) : max(0, room), atLeastOne: !mayWait)
        owesEvents = beside.isEmpty && !events.commands.isEmpty
        group += beside
        return group
    }
}

extension QueuedCommand {
    fileprivate var lane: CommandLanes.Lane {
        switch command {
        case .reserve, .change, .takeErpOutcomes: .reservations
        default: .events
        }
    }
}
