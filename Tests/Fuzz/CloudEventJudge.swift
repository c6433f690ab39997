import Calls
import Engine
import Foundation
import Inventory

@testable import Feeds

/// CloudEvents in every mode: any bytes become events, dead letters or a refusal; what is kept of each reads the same, and
/// JSON that Foundation does not read becomes no event.
enum CloudEventJudge {
    private static let reader = CloudEventReader(
        CloudEventTerms(
            source: "wms", sources: ["/wms": "wms", "/other": "other"], types: ["counted": .cycleCount],
            mapping: FeedMapping(skus: ["A": "ours"], passesUnlistedLocations: false)))

    /// The first byte says the mode. In the binary one, lines of headers and an empty line come before the data.
    static func judge(_ input: [UInt8]) {
        var source = ByteSource(input)
        let mode = source.byte()
        let rest = source.remaining()
        switch mode % 3 {
        case 0: judge(HTTPHead(method: "POST", path: "/", fields: [type("application/cloudevents+json")]), rest)
        case 1:
            judgeBatch(HTTPHead(method: "POST", path: "/", fields: [type("application/cloudevents-batch+json")]), rest)
        default:
            var fields = [type("application/json")]
            var body = rest[...]
            while let end = body.firstIndex(of: UInt8(ascii: "\n")) {
                let line = String(decoding: body[..<end], as: UTF8.self)
                body = body[(end + 1)...]
                guard let colon = line.firstIndex(of: ":") else { break }
                fields.append(HTTPHeaderField("ce-" + line[..<colon], String(line[line.index(after: colon)...])))
            }
            judge(HTTPHead(method: "POST", path: "/", fields: fields), Array(body))
        }
    }

    private static func type(_ name: String) -> HTTPHeaderField { HTTPHeaderField("Content-Type", name) }

    private static func judge(_ head: HTTPHead, _ body: [UInt8]) {
        do throws(NoCloudEvent) {
            let events = try reader.events(of: head, body)
            expect(events.count == 1, "one event became \(events.count)")
            for event in events { check(event) }
        } catch {
            expect(!error.message.isEmpty, "a refusal without a reason")
        }
    }

    private static func judgeBatch(_ head: HTTPHead, _ body: [UInt8]) {
        let reference = (try? JSONSerialization.jsonObject(with: Data(body))) as? [Any]
        do throws(NoCloudEvent) {
            let events = try reader.events(of: head, body)
            if let reference { expect(events.count == reference.count, "an array is cut otherwise") }
            for event in events { check(event) }
        } catch {
            expect(!error.message.isEmpty, "a refusal without a reason")
        }
    }

    private static func check(_ incoming: IncomingEvent) {
        let again = reader.event(incoming.original)
        expect(again.rejection == incoming.rejection, "what is kept is judged otherwise")
        if let rejection = incoming.rejection {
            expect(!rejection.message.isEmpty, "a rejection without a reason")
            expect(again.event.id == incoming.event.id, "what is kept has another id")
        } else {
            expect(again.event == incoming.event, "what is kept reads otherwise")
            expect(["wms", "other"].contains(incoming.event.source), "a source that is not listed")
        }
    }
}

/// Shopify's webhooks, with the headers before the body.
enum ShopifyJudge {
    private static let reader = ShopifyReader(
        ShopifyTerms(source: "shop", mapping: FeedMapping(skus: ["1": "A", "2": "B"], locations: ["1": "WH1"])))

    static func judge(_ input: [UInt8]) {
        guard let incoming = reader.event(input) else { return }
        guard let again = reader.event(incoming.original) else { fatalError("what is kept is no webhook") }
        expect(again.rejection == incoming.rejection, "what is kept is judged otherwise")
        guard incoming.rejection == nil else { return }
        expect(again.event == incoming.event, "what is kept reads otherwise")
        expect(again.original == incoming.original, "what is kept changes")
        expect(incoming.event.occurredAtNanoseconds > 0, "an event without a time")
        switch incoming.event.kind {
        case .positionSnapshot:
            expect(
                ["A", "B"].contains(incoming.event.sku) && incoming.event.location == "WH1", "a name that is not listed"
            )
        case .orderCancelled: expect(!incoming.event.hold.orderReference.isEmpty, "no order")
        default: fatalError("another event")
        }
    }
}
