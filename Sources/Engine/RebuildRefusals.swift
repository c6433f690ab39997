internal import Inventory

/// Events that figures took nothing of, or not all, by reason. Few: the reasons are those of dead letters.
public struct RebuildRefusals: Sendable, Equatable, Codable {
    public struct Reason: Sendable, Equatable, Codable {
        /// As a dead letter's, or `DISCARDED`.
        public var name: String
        public var events: UInt64
        /// One of them, in words.
        public var example: String
    }

    private static let exampleBytesMax = 200
    /// Of an event that was taken in before its dead letter was discarded.
    static let discarded = "DISCARDED"

    public private(set) var reasons: [Reason] = []

    public init() {}

    public var isEmpty: Bool { reasons.isEmpty }
    public var events: UInt64 { reasons.reduce(0) { $0 + $1.events } }

    mutating func add(_ name: String, source: String, id: String, _ text: String = "") {
        guard let index = reasons.firstIndex(where: { $0.name == name }) else {
            let example = "\(source) \(id)" + (text.isEmpty ? "" : ": \(text)")
            return reasons.append(Reason(name: name, events: 1, example: example.cut(toBytes: Self.exampleBytesMax)))
        }
        reasons[index].events += 1
    }

    /// Of an event that a result says is missing, in all or in part.
    mutating func add(_ event: InventoryEvent, _ result: EventResult) {
        guard let name = result.lackReason ?? result.refusalReason else { return }
        add(name, source: event.source, id: event.id, result.reason)
    }

    mutating func add(_ other: RebuildRefusals) {
        for reason in other.reasons {
            if let index = reasons.firstIndex(where: { $0.name == reason.name }) {
                reasons[index].events += reason.events
            } else {
                reasons.append(reason)
            }
        }
    }
}

extension EventResult {
    /// Why nothing of the event is in the figures; nil: something is, or nothing had to be.
    var refusalReason: String? {
        guard outcome == .deadLettered else { return nil }
        return String(reason.prefix { $0 != ":" })
    }

    /// Why part of an event that was taken in is not in the figures, for want of room; nil: it is. What its sender may not
    /// move is not lacking.
    var lackReason: String? {
        guard outcome != .deadLettered else { return nil }
        for remark in reason.split(separator: "; ") {
            for reason in [DeadLetterReason.outOfRange, .tooOld] where remark.hasPrefix("\(reason.rawValue):") {
                return reason.rawValue
            }
        }
        return nil
    }
}
