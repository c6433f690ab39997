import Engine
import Inventory
import Synchronization

/// Takes events as the engine does, as far as an import can tell: once per id, the newest time wins.
final class RecordingStore: Sendable {
    struct State {
        var events: [IncomingEvent] = []
        var ids: Set<String> = []
        var positions: [String: (time: WallNanoseconds, effect: StockEffect)] = [:]
        var commandSizes: [Int] = []
        var underWay = 0
        var mostUnderWay = 0
    }

    struct Refusal: Error {}

    let state = Mutex(State())
    /// Commands after which every further one is refused.
    let commandsMax: Int

    init(commandsMax: Int = .max) {
        self.commandsMax = commandsMax
    }

    func submit(_ events: [IncomingEvent]) throws -> [EventResult] {
        try state.withLock { state in
            guard state.commandSizes.count < commandsMax else { throw Refusal() }
            state.underWay += 1
            state.mostUnderWay = max(state.mostUnderWay, state.underWay)
            state.commandSizes.append(events.count)
        }
        return state.withLock { state in
            defer { state.underWay -= 1 }
            return events.map { take($0, &state) }
        }
    }

    var events: [IncomingEvent] { state.withLock { $0.events } }
    var ids: Set<String> { state.withLock { $0.ids } }

    private func take(_ incoming: IncomingEvent, _ state: inout State) -> EventResult {
        let event = incoming.event
        state.events.append(incoming)
        if event.sku.hasPrefix("REFUSE") {
            return EventResult(id: event.id, outcome: .deadLettered, reason: "UNKNOWN_LOCATION: location")
        }
        guard state.ids.insert(event.id).inserted else { return EventResult(id: event.id, outcome: .duplicate) }
        let key = event.sku + "\u{0}" + event.location
        if let known = state.positions[key], known.time > event.occurredAtNanoseconds {
            return EventResult(id: event.id, outcome: .superseded)
        }
        state.positions[key] = (event.occurredAtNanoseconds, event.snapshot)
        return EventResult(id: event.id, outcome: .applied)
    }
}
