internal import Calls
internal import Engine
internal import Inventory
internal import Proto
internal import SwiftProtobuf
internal import Synchronization

/// availability.v1.InventoryFeedService: events in, one durable answer for each batch.
struct InventoryFeedService {
    static let name = "availability.v1.InventoryFeedService"

    let engine: EngineThread
    let tenant: TenantNumber
    let epoch: UInt64

    var methods: [ServiceMethod] {
        [
            .unary(Self.name, "PublishEvents", Availability_V1_PublishEventsRequest.self) {
                request, _, sink throws(CallStatus) in
                try publish(request, sink)
            },
            ServiceMethod(MethodDescriptor(service: Self.name, name: "StreamEvents", kind: .bidirectional)) {
                _, _, sink in
                EventStream(service: self, sink: sink)
            },
        ]
    }

    private func publish(
        _ request: Availability_V1_PublishEventsRequest, _ sink: any ResponseSink
    ) throws(CallStatus) {
        guard !request.events.isEmpty else { throw .invalidField("events", "at least 1 is required") }
        let command = try command(for: request.events)
        let refusal = engine.submit(command) { reply in
            switch reply {
            case .published(let results, let sequence):
                var response = Availability_V1_PublishEventsResponse()
                response.results = results.map { Availability_V1_EventResult($0) }
                response.sequence = sequence
                response.epoch = epoch
                sink.succeed(with: response)
            case .failed(let error): sink.finish(error.callStatus)
            default:
                sink.finish(EngineError.invariantBroken("wrong reply").callStatus)
            }
        }
        if let refusal { throw refusal.callStatus }
    }

    func command(for events: [Availability_V1_InventoryEvent]) throws(CallStatus) -> EngineCommand {
        guard events.count <= Limits.eventsPerBatchMax else {
            throw .invalidField("events", "at most \(Limits.eventsPerBatchMax), are \(events.count)")
        }
        return .publish(tenant: tenant, events: events.map { IncomingEvent($0) })
    }
}

/// One StreamEvents call. Batches are submitted as they come, so far ahead of their answers as `batchesMax` and `eventsMax`
/// allow: who sends single events shares commits too. Beyond that, and while a batch stands in line for the writer's queue, the
/// stream is not read.
///
/// Answers keep the order of the batches because the writer takes them in the order they were submitted.
private final class EventStream: CallReceiver, Sendable {
    private static let batchesMax = 1_000
    private static let eventsMax = 8_000

    private struct State {
        /// Batches without an answer.
        var unanswered = 0
        var unansweredEvents = 0
        /// A batch stands in line, or has yet to be queued.
        var isInLine = false
        /// Where it stands.
        var place: PlaceInLine?
        var isPaused = false
        var isEnding = false
        var isOver = false

        var isFull: Bool { unanswered >= batchesMax || unansweredEvents >= eventsMax }
    }

    private let service: InventoryFeedService
    private let sink: any ResponseSink
    private let state = Mutex(State())

    init(service: InventoryFeedService, sink: any ResponseSink) {
        self.service = service
        self.sink = sink
    }

    func receive(_ message: [UInt8]) -> ReadDecision {
        do throws(CallStatus) {
            let request = try decode(Availability_V1_StreamEventsRequest.self, from: message)
            submit(try service.command(for: request.events), events: request.events.count)
        } catch {
            end(with: error)
        }
        return state.withLock { state in
            state.isPaused = state.isInLine || state.isFull || !sink.isWritable
            return state.isPaused ? .pause : .more
        }
    }

    func endOfMessages() {
        let isDone = state.withLock { state in
            state.isEnding = true
            return state.unanswered == 0
        }
        if isDone { end(with: .ok) }
    }

    func writable() { resumeIfPossible() }

    func cancelled(_ reason: CancelReason) {
        state.withLock { $0.isOver = true }
        leaveLine()
    }

    private func submit(_ command: EngineCommand, events: Int) {
        // Said before it is offered: it may come in before this thread knows that it stood in line.
        state.withLock { state in
            state.unanswered += 1
            state.unansweredEvents += events
            state.isInLine = true
        }
        let place = service.engine.submitInLine(command, whenQueued: { self.queued() }) {
            self.answered($0, events: events)
        }
        state.withLock { state in
            if place == nil { state.isInLine = false }
            state.place = state.isInLine ? place : nil
        }
    }

    /// On the writer's thread: what stood in line has come in.
    private func queued() {
        state.withLock { state in
            state.isInLine = false
            state.place = nil
        }
        resumeIfPossible()
    }

    /// Nobody waits for what stands in line any more.
    private func leaveLine() {
        let place = state.withLock { $0.place }
        if let place { service.engine.leave(place) }
    }

    /// On the writer's thread, after the commit, or as the server stops.
    private func answered(_ reply: EngineReply, events: Int) {
        switch reply {
        case .published(let results, let sequence):
            var response = Availability_V1_StreamEventsResponse()
            response.results = results.map { Availability_V1_EventResult($0) }
            response.sequence = sequence
            response.epoch = service.epoch
            let bytes: [UInt8] = (try? response.serializedBytes()) ?? []
            sink.send(bytes)
        case .failed(let error):
            end(with: error.callStatus)
        default:
            end(with: EngineError.invariantBroken("wrong reply").callStatus)
        }
        let isDone = state.withLock { state in
            state.unanswered -= 1
            state.unansweredEvents -= events
            return state.isEnding && state.unanswered == 0
        }
        if isDone { end(with: .ok) } else { resumeIfPossible() }
    }

    private func resumeIfPossible() {
        let resumes = state.withLock { state in
            guard state.isPaused, !state.isInLine, !state.isFull, sink.isWritable, !state.isOver else {
                return false
            }
            state.isPaused = false
            return true
        }
        if resumes { sink.resumeReading() }
    }

    private func end(with status: CallStatus) {
        let ends = state.withLock { state in
            defer { state.isOver = true }
            return !state.isOver
        }
        guard ends else { return }
        leaveLine()
        sink.finish(status)
    }
}
