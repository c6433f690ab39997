internal import Calls
public import Engine
public import Inventory

/// What a sender's CloudEvents mean here.
public struct CloudEventTerms: Sendable, Equatable {
    /// The source whose events they are, where `sources` is empty.
    public var source: String
    /// Their `source` attribute, and ours. With any, an event of another is a dead letter.
    public var sources: [String: String]
    /// Their `type` attribute, and ours, besides `<prefix>.inventory.<event>.v1`.
    public var types: [String: InventoryEventKind]
    public var mapping: FeedMapping

    public init(
        source: String, sources: [String: String] = [:], types: [String: InventoryEventKind] = [:],
        mapping: FeedMapping = FeedMapping()
    ) {
        self.source = source
        self.sources = sources
        self.types = types
        self.mapping = mapping
    }

    /// Ours: of events, and of what no event could be made of.
    public var allSources: Set<String> { Set(sources.values).union([source]) }
}

/// Makes canonical events of CloudEvents. Pure.
public struct CloudEventReader: Sendable {
    public let terms: CloudEventTerms

    public init(_ terms: CloudEventTerms) {
        self.terms = terms
    }

    /// One event in the JSON format, such as a dead letter's original. What is no CloudEvent is rejected like any other bad
    /// event.
    public func event(_ original: [UInt8]) -> IncomingEvent {
        do throws(NoCloudEvent) {
            return event(try CloudEvent(json: original), original)
        } catch {
            return unread(error, original)
        }
    }

    /// The events of a request, in their order, by the mode that its content type names.
    func events(of head: HTTPHead, _ body: [UInt8]) throws(NoCloudEvent) -> [IncomingEvent] {
        switch CloudEventMode(contentType: head["Content-Type"] ?? "") {
        case .batch: return try elements(of: body).map { event(Array(body[$0])) }
        case .structured:
            let event = try CloudEvent(json: body)
            if let problem = event.problem { throw problem }
            return [self.event(event, body)]
        case .binary:
            let event = try CloudEvent(head: head, body: body)
            if let problem = event.problem { throw problem }
            return [self.event(event, CloudEvent.json(attributes: event.attributes, data: body))]
        case .unknown(let format): throw NoCloudEvent("the format \(format) is not taken, only JSON")
        }
    }

    private func elements(of body: [UInt8]) throws(NoCloudEvent) -> [Range<Int>] {
        do throws(JSONShape.Problem) {
            return try JSONShape.elements(of: body, countMax: Limits.eventsPerBatchMax)
        } catch {
            switch error {
            case .tooDeep: throw NoCloudEvent("values lie more than \(JSONShape.depthMax) deep")
            case .tooMany:
                throw NoCloudEvent("a batch has at most \(Limits.eventsPerBatchMax) events", isTooMuch: true)
            case .notAnArray, .unbalanced: throw NoCloudEvent("a batch is a JSON array")
            }
        }
    }

    private func unread(_ problem: NoCloudEvent, _ original: [UInt8]) -> IncomingEvent {
        .rejected(
            EventRejection(.invalidField, problem.message),
            known: InventoryEvent(
                id: "", source: terms.source, kind: .unsupported(name: ""), occurredAtNanoseconds: 0),
            original: original, contentType: .cloudEvent)
    }

    private func event(_ cloudEvent: CloudEvent, _ original: [UInt8]) -> IncomingEvent {
        let source = terms.sources.isEmpty ? terms.source : terms.sources[cloudEvent["source"]]
        var event = InventoryEvent(
            id: cloudEvent["id"], source: source ?? terms.source, kind: .unsupported(name: ""),
            occurredAtNanoseconds: Timestamp.nanoseconds(cloudEvent["time"]) ?? 0)
        do throws(EventRejection) {
            if let problem = cloudEvent.problem { throw EventRejection(.invalidField, problem.message) }
            if source == nil {
                throw EventRejection(
                    .invalidField, "source: no source is mapped to \(cloudEvent["source"].prefix(64))")
            }
            try fill(&event, from: cloudEvent)
            return IncomingEvent(event: event, original: original, contentType: .cloudEvent)
        } catch {
            return .rejected(error, known: event, original: original, contentType: .cloudEvent)
        }
    }

    /// Merges what the envelope and the data say; each may leave to the other what both could say.
    private func fill(_ event: inout InventoryEvent, from envelope: CloudEvent) throws(EventRejection) {
        let named = event
        let data = try envelope.data.get()
        event = data.event
        event.id = try agreed("id", named.id, data.id)
        event.source = try agreed("source", named.source, data.source)
        event.kind = try kind(envelope["type"], data.kind)
        event.sequence = try sequence(envelope["sequence"], data.sequence)
        event.occurredAtNanoseconds = try time(envelope["time"], data.occurredAtNanoseconds)
        event.correlationID = try agreed("correlation_id", envelope["correlationid"], data.correlationID)
        let subject = try Subject(envelope["subject"])
        event.sku = try agreed("sku", subject.sku, data.sku)
        event.location = try agreed("location", subject.location, data.location)
        try terms.mapping.translate(&event)
    }

    private func agreed(_ field: String, _ envelope: String, _ data: String) throws(EventRejection) -> String {
        guard envelope.isEmpty || data.isEmpty || envelope == data else {
            throw EventRejection(
                .invalidField, "\(field): is \(envelope.prefix(64)) in the envelope and \(data.prefix(64)) in the data")
        }
        return envelope.isEmpty ? data : envelope
    }

    private func kind(
        _ type: String, _ data: InventoryEventKind?
    ) throws(EventRejection) -> InventoryEventKind {
        guard let kind = terms.types[type] ?? Self.kind(ofType: type) else {
            throw EventRejection(
                .typeNotSupported, "type: \(type.prefix(128)) is neither <prefix>.inventory.<event>.v1 nor mapped")
        }
        if let data, data != kind {
            throw EventRejection(
                .invalidField, "type: is \(kind.contractName) in the envelope and \(data.contractName) in the data")
        }
        return kind
    }

    /// From `<prefix>.inventory.<event>.v1`, the event in snake case.
    private static func kind(ofType type: String) -> InventoryEventKind? {
        let parts = type.split(separator: ".", omittingEmptySubsequences: false)
        guard parts.count >= 4, parts[parts.count - 1] == "v1", parts[parts.count - 3] == "inventory" else {
            return nil
        }
        let name = parts[parts.count - 2]
        guard name == name.lowercased() else { return nil }
        return InventoryEventKind(contractName: name.uppercased())
    }

    private func sequence(_ text: String, _ data: UInt64?) throws(EventRejection) -> UInt64? {
        if text.isEmpty { return data }
        guard let sequence = UInt64(text) else {
            throw EventRejection(.invalidField, "sequence: \(text.prefix(64)) is no unsigned 64-bit number")
        }
        if let data, data != sequence {
            throw EventRejection(.invalidField, "sequence: is \(sequence) in the envelope and \(data) in the data")
        }
        return sequence
    }

    private func time(_ text: String, _ data: WallNanoseconds?) throws(EventRejection) -> WallNanoseconds {
        if text.isEmpty { return data ?? 0 }
        guard let time = Timestamp.nanoseconds(text) else {
            throw EventRejection(.invalidField, "time: \(text.prefix(64)) is no time of RFC 3339 after 1970")
        }
        if let data, data != time {
            throw EventRejection(
                .invalidField, "occurred_at: is \(text) in the envelope and \(Timestamp.text(data)) in the data")
        }
        return time
    }
}

/// How a request carries events (CloudEvents HTTP binding 1.0.2, section 3).
enum CloudEventMode: Equatable {
    case binary
    case structured
    case batch
    /// CloudEvents in a format that is not read.
    case unknown(String)

    init(contentType: String) {
        let type = contentType.prefix { $0 != ";" }.trimmed.lowercased()
        let isUTF8 = contentType.split(separator: ";").dropFirst().allSatisfy { parameter in
            let pair = parameter.split(separator: "=", maxSplits: 1).map(\.trimmed)
            return pair.first?.lowercased() != "charset"
                || ["utf-8", "\"utf-8\"", "us-ascii"].contains(pair.last?.lowercased())
        }
        // The batch's name begins with the single event's.
        if type.hasPrefix("application/cloudevents-batch") {
            self = type == "application/cloudevents-batch+json" && isUTF8 ? .batch : .unknown(contentType)
        } else if type.hasPrefix("application/cloudevents") {
            self = type == "application/cloudevents+json" && isUTF8 ? .structured : .unknown(contentType)
        } else {
            self = CloudEvent.isJSON(contentType) && isUTF8 ? .binary : .unknown(contentType)
        }
    }
}

/// The subject `skus/{sku}/locations/{location}` or `skus/{sku}`, percent-encoded where a name has a `/` or a `%`. Any other
/// subject says nothing to us.
private struct Subject {
    var sku = ""
    var location = ""

    init(_ text: String) throws(EventRejection) {
        let parts = text.split(separator: "/", omittingEmptySubsequences: false)
        guard parts.first == "skus" else { return }
        guard parts.count == 2 || (parts.count == 4 && parts[2] == "locations") else { throw Self.problem }
        sku = try Self.name(parts[1])
        if parts.count == 4 { location = try Self.name(parts[3]) }
    }

    private static func name(_ part: Substring) throws(EventRejection) -> String {
        guard let bytes = HeaderText.percentDecoded(Array(part.utf8)), !bytes.isEmpty,
            let name = String(validating: bytes, as: UTF8.self)
        else { throw problem }
        return name
    }

    private static let problem = EventRejection(
        .invalidField, "subject: must be skus/{sku} or skus/{sku}/locations/{location}, percent-encoded")
}
