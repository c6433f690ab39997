/// What waits for the writer, in two lanes: reservations with what the ERPs say of them, and the rest, which is mostly
/// batches of events. A shopper must not stand behind a warehouse's count, so the first lane goes ahead; each lane keeps its
/// order, and has room of its own.
///
/// Who can wait stands in line before a lane without room, first come first served. Who cannot is refused there, and has room
/// apart: so neither a crowd of streams nor one of single calls keeps out the others, or our own feeds.
struct CommandLanes {
    enum Lane { case reservations, events }

    /// What a command needs room of, and so whom it waits for. What gives stock back or brings an ERP's answer has more of it: a
    /// flood of wishes does not hold it up.
    struct Room: Hashable {
        var lane: Lane
        var isGrowing: Bool

        static let all = [Lane.reservations, .events].flatMap { lane in
            [false, true].map { Room(lane: lane, isGrowing: $0) }
        }
    }

    private struct Waiting {
        var commands: [QueuedCommand] = []
        var weight = 0
        /// The part of those that can wait for room.
        var patientWeight = 0

        mutating func add(_ queued: QueuedCommand, weightMax: Int) -> Bool {
            let taken = queued.canWait ? patientWeight : weight - patientWeight
            guard taken == 0 || taken + queued.weight <= weightMax else { return false }
            commands.append(queued)
            count(queued, 1)
            return true
        }

        private mutating func count(_ queued: QueuedCommand, _ sign: Int) {
            weight += sign * queued.weight
            if queued.canWait { patientWeight += sign * queued.weight }
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
            let group = Array(commands[..<taken])
            commands.removeFirst(taken)
            for queued in group { count(queued, -1) }
            return group
        }
    }

    /// A group with reservations takes events beside them only up to this weight: a commit of that size takes little longer
    /// than one without.
    static let besideReservationsMax = 100

    private let weightMax: Int
    private var reservations = Waiting()
    private var events = Waiting()
    private var lines: [Room: [QueuedCommand]] = [:]
    /// The last group left all events behind: the next takes some, whoever else waits.
    private var owesEvents = false

    init(weightMax: Int) {
        self.weightMax = weightMax
    }

    var isEmpty: Bool { reservations.commands.isEmpty && events.commands.isEmpty }
    var weight: Int { reservations.weight + events.weight }

    /// False when its lane has no room, or others stand in line for it: then a command that can wait stands in line as well. One
    /// heavier than the whole lane still passes when nothing else waits there.
    mutating func put(_ queued: QueuedCommand) -> Bool {
        guard queued.canWait else { return add(queued) }
        if lines[queued.room]?.isEmpty ?? true, add(queued) { return true }
        lines[queued.room, default: []].append(queued)
        return false
    }

    private mutating func add(_ queued: QueuedCommand) -> Bool {
        let most = queued.room.isGrowing ? weightMax : weightMax + weightMax / 2
        return switch queued.room.lane {
        case .reservations: reservations.add(queued, weightMax: most)
        case .events: events.add(queued, weightMax: most)
        }
    }

    /// Lets in who stands in line and has room now, the first first, and returns them.
    mutating func admit() -> [QueuedCommand] {
        var admitted: [QueuedCommand] = []
        for room in Room.all {
            guard let line = lines[room], !line.isEmpty else { continue }
            let count = line.prefix { add($0) }.count
            admitted += line[..<count]
            lines[room]?.removeFirst(count)
        }
        return admitted
    }

    /// False when it stands in no line.
    mutating func leave(_ queued: QueuedCommand) -> Bool {
        guard let place = lines[queued.room]?.firstIndex(where: { $0 === queued }) else { return false }
        lines[queued.room]?.remove(at: place)
        return true
    }

    /// Everybody leaves.
    mutating func endLines() -> [QueuedCommand] {
        defer { lines = [:] }
        return Room.all.flatMap { lines[$0] ?? [] }
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
    fileprivate var room: CommandLanes.Room {
        let lane: CommandLanes.Lane
        switch command {
        case .reserve, .change, .takeErpOutcomes: lane = .reservations
        default: lane = .events
        }
        return CommandLanes.Room(lane: lane, isGrowing: command.isGrowing)
    }
}
