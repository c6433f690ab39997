internal import Calls
internal import Engine
internal import Foundation

extension HTTPAnswer {
    /// Of a feed that is paused or begins anew.
    static let feedClosed = HTTPAnswer.later(503, "the feed does not run now", afterSeconds: 10)
    /// Of a feed for which too much waits.
    static let feedFull = HTTPAnswer.later(429, "too many events wait for their commit", afterSeconds: 1)

    /// The results as a `PublishEventsResponse` in proto JSON.
    static func results(_ results: [EventResult]) -> HTTPAnswer {
        struct Row: Encodable {
            var eventID: String
            var outcome: String
            var reason: String

            enum CodingKeys: String, CodingKey {
                case eventID = "event_id"
                case outcome
                case reason
            }
        }
        let rows = results.map { result in
            Row(eventID: result.id, outcome: "EVENT_OUTCOME_" + result.outcome.contractName, reason: result.reason)
        }
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        // Texts always encode.
        let body = (try? encoder.encode(["results": rows])).map { String(decoding: $0, as: UTF8.self) } ?? "{}"
        return HTTPAnswer(
            200,
            fields: [
                HTTPHeaderField("Content-Type", "application/json"),
                HTTPHeaderField("Preference-Applied", "return=representation"),
            ], body: body + "\n")
    }
}

extension HTTPHead {
    /// Whether the sender wants to read what became of each event (RFC 7240, section 4.2).
    var prefersRepresentation: Bool {
        (self["Prefer"] ?? "").split(separator: ",").contains { preference in
            preference.split(separator: ";").first?.filter { $0 != " " && $0 != "\"" }.lowercased()
                == "return=representation"
        }
    }
}

extension EventOutcome {
    fileprivate var contractName: String {
        switch self {
        case .applied: "APPLIED"
        case .duplicate: "DUPLICATE"
        case .superseded: "SUPERSEDED"
        case .buffered: "BUFFERED"
        case .deadLettered: "DEAD_LETTERED"
        }
    }
}
