internal import Calls
public import Engine
internal import Foundation
internal import Inventory
internal import Proto
internal import SwiftProtobuf
internal import Synchronization

/// Everybody who follows events. One thread reads the writer's tail for all of them after each commit; of a reader that is
/// slow nothing is kept beyond the tail, and what it missed is counted.
public final class EventTails: Sendable {
    /// Streams at a time; each looks at every event.
    static let streamsMax = 100

    private let tail: EventTail
    private let streams = Mutex<[EventTailStream]>([])
    private let isStopping = Atomic(false)
    private let bell = Bell()

    public init(tail: EventTail) {
        self.tail = tail
    }

    /// Starts the thread.
    public func start() {
        tail.onAppend { [self] in notify() }
        Thread.detachNewThread { [self] in run() }
    }

    /// Ends the thread; the streams are ended by the wire.
    public func stop() {
        tail.onAppend {}
        isStopping.store(true, ordering: .releasing)
        notify()
    }

    /// There may be something to tell, or somebody has gone. Any thread; cheap.
    func notify() {
        bell.ring()
    }

    /// Nil when there are too many.
    func add(_ filter: EventTailFilter, _ sink: any ResponseSink) -> EventTailStream? {
        streams.withLock { all in
            guard all.count < Self.streamsMax else { return nil }
            let stream = EventTailStream(filter: filter, sink: sink, place: tail.beginWatching())
            all.append(stream)
            // Empty: the caller knows that from here on nothing is missed.
            sink.send([])
            return stream
        }
    }

    private func run() {
        while !isStopping.load(ordering: .acquiring) {
            bell.wait(deadlineNanoseconds: nil)
            let all = streams.withLock { all in
                let before = all.count
                all.removeAll(where: \.isOver)
                for _ in all.count..<before { tail.endWatching() }
                return all
            }
            var goesOn = false
            for stream in all where stream.advance(tail) { goesOn = true }
            if goesOn { notify() }
        }
    }
}

/// Which events a stream is about.
struct EventTailFilter: Sendable {
    /// Empty: any; so are the next.
    let source: String
    let sku: String
    let location: String
    let kinds: [InventoryEventKind]
    let outcomes: [EventOutcome]

    func takes(_ event: CommittedEvent) -> Bool {
        let told = event.incoming.event
        return (source.isEmpty || told.source == source) && (sku.isEmpty || told.sku == sku)
            && (location.isEmpty || told.location == location || told.toLocation == location)
            && (outcomes.isEmpty || outcomes.contains(event.result.outcome))
            && (kinds.isEmpty || kinds.contains(told.kind))
    }
}

/// One TailEvents stream.
final class EventTailStream: Sendable {
    private static let perMessageMax = 500
    private static let messageBytesMax = 256 << 10

    private struct Progress {
        /// The place of the next event to look at.
        var place: UInt64
        /// Events that matched and were not told, since the last message.
        var missed: UInt64 = 0
    }

    private let filter: EventTailFilter
    private let sink: any ResponseSink
    private let over = Atomic(false)
    // Only the tails' thread touches it; the lock tells the compiler.
    private let progress: Mutex<Progress>

    init(filter: EventTailFilter, sink: any ResponseSink, place: UInt64) {
        self.filter = filter
        self.sink = sink
        progress = Mutex(Progress(place: place))
    }

    var isOver: Bool { over.load(ordering: .acquiring) }

    func end() { over.store(true, ordering: .releasing) }

    /// Tells what there is to tell, as far as the reader keeps up. Returns whether there is more.
    func advance(_ tail: EventTail) -> Bool {
        guard !isOver else { return false }
        return progress.withLock { progress in
            sink.isWritable ? tell(tail, &progress) : skip(tail, &progress)
        }
    }

    private func tell(_ tail: EventTail, _ progress: inout Progress) -> Bool {
        let (events, next, lost) = tail.read(from: progress.place, limit: Self.perMessageMax)
        progress.missed += lost
        progress.place = next - UInt64(events.count)
        var response = Availability_V1_TailEventsResponse()
        var bytes = 0
        for event in events where bytes < Self.messageBytesMax {
            progress.place += 1
            guard filter.takes(event) else { continue }
            bytes += event.incoming.original.count
            response.events.append(.init(event))
        }
        response.missed = progress.missed
        if !response.events.isEmpty || response.missed > 0 {
            let message: [UInt8] = (try? response.serializedBytes()) ?? []
            sink.send(message)
            progress.missed = 0
        }
        return progress.place < tail.end
    }

    /// Passes over what would be gone soon, so that what is missed can still be judged by the filter. What is lost because
    /// this thread was late is counted whole.
    private func skip(_ tail: EventTail, _ progress: inout Progress) -> Bool {
        let most = UInt64(EventTail.eventsMax / 2)
        guard tail.end - progress.place > most else { return false }
        let (events, next, lost) = tail.read(from: progress.place, limit: Self.perMessageMax)
        progress.missed += lost + UInt64(events.count(where: filter.takes))
        progress.place = next
        return tail.end - next > most
    }
}

extension Availability_V1_TailedEvent {
    fileprivate init(_ event: CommittedEvent) {
        self.init()
        self.event = .init(asItCame: event.incoming)
        outcome = .init(event.result.outcome)
        reason = event.result.reason
        sequence = event.sequence
        time = .init(wallNanoseconds: event.timeNanoseconds)
    }
}

extension OperationsService {
    var tail: ServiceMethod {
        let descriptor = MethodDescriptor(service: Self.name, name: "TailEvents", kind: .serverStreaming)
        return ServiceMethod(descriptor) { [environment] _, _, sink in
            UnaryReceiver { receiver, bytes in
                do throws(CallStatus) {
                    let request = try decode(Availability_V1_TailEventsRequest.self, from: bytes)
                    guard let stream = environment.tails.add(try EventTailFilter(request), sink) else {
                        throw .failure(
                            .resourceExhausted, .queueFull,
                            "at most \(EventTails.streamsMax) streams are told of events",
                            retryAfterNanoseconds: .perSecond)
                    }
                    receiver.onCancelled = { [tails = environment.tails] _ in
                        stream.end()
                        tails.notify()
                    }
                    receiver.onWritable = { [tails = environment.tails] in tails.notify() }
                } catch {
                    sink.finish(error)
                }
            }
        }
    }
}

extension EventTailFilter {
    init(_ request: Availability_V1_TailEventsRequest) throws(CallStatus) {
        for (field, text, most) in [
            ("source", request.source, Limits.nameBytesMax), ("sku", request.sku, Limits.skuBytesMax),
            ("location", request.location, Limits.nameBytesMax),
        ] {
            if let problem = TextRules.problemUnlessEmpty(text, bytesMax: most) { throw .invalidField(field, problem) }
        }
        if let index = request.types.firstIndex(where: { !Availability_V1_InventoryEventType.allCases.contains($0) }) {
            throw .invalidField("types[\(index)]", "there is no such type")
        }
        let outcomes: [EventOutcome?] = request.outcomes.map { EventOutcome(wire: $0) }
        if let index = outcomes.firstIndex(of: nil) {
            throw .invalidField("outcomes[\(index)]", "there is no such outcome")
        }
        self.init(
            source: request.source, sku: request.sku, location: request.location,
            kinds: request.types.map { InventoryEventKind($0) }, outcomes: outcomes.compactMap(\.self))
    }
}

extension EventOutcome {
    fileprivate init?(wire: Availability_V1_EventOutcome) {
        switch wire {
        case .applied: self = .applied
        case .duplicate: self = .duplicate
        case .superseded: self = .superseded
        case .buffered: self = .buffered
        case .deadLettered: self = .deadLettered
        case .unspecified, .UNRECOGNIZED: return nil
        }
    }
}
