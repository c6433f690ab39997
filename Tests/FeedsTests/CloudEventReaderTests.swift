import Calls
import Engine
import Inventory
import Testing

@testable import Feeds

@Suite struct CloudEventReaderTests {
    private let reader = CloudEventReader(CloudEventTerms(source: "wms-1"))
    private let time: WallNanoseconds = 1_795_230_000_000_000_000

    /// One in the JSON format; nil leaves a member out.
    private func structured(_ changed: [String: String?] = [:], data: String? = #"{"quantity":7}"#) -> [UInt8] {
        var members: [String: String] = [
            "specversion": "\"1.0\"", "id": "\"e-1\"", "source": "\"/wms/eu\"",
            "type": "\"com.example.inventory.cycle_count.v1\"", "time": "\"2026-11-21T03:00:00Z\"",
            "subject": "\"skus/A/locations/WH1\"",
        ]
        if let data { members["data"] = data }
        for (name, value) in changed { members[name] = value }
        return Array(
            "{\(members.sorted { $0.key < $1.key }.map { "\"\($0.key)\":\($0.value)" }.joined(separator: ","))}".utf8)
    }

    private func expectCount(_ incoming: IncomingEvent) {
        let event = incoming.event
        #expect(incoming.refusal == nil)
        #expect(event.id == "e-1" && event.source == "wms-1" && event.kind == .cycleCount)
        #expect(event.occurredAtNanoseconds == time && event.quantity == 7)
        #expect(event.sku == "A" && event.location == "WH1")
        #expect(incoming.contentType == .cloudEvent)
    }

    // MARK: Modes

    @Test(
        arguments: [
            ("application/cloudevents+json", .structured), ("Application/CloudEvents+JSON; charset=UTF-8", .structured),
            ("application/cloudevents-batch+json", .batch),
            ("application/cloudevents-batch+json;charset=utf-8", .batch),
            ("application/json", .binary), ("", .binary), ("text/json", .binary), ("application/vnd.x+json", .binary),
            ("application/cloudevents+avro", .unknown("application/cloudevents+avro")),
            ("application/cloudevents-batch+avro", .unknown("application/cloudevents-batch+avro")),
            ("application/cloudevents", .unknown("application/cloudevents")), ("text/plain", .unknown("text/plain")),
            ("application/json; charset=latin1", .unknown("application/json; charset=latin1")),
        ] as [(String, CloudEventMode)])
    func theModeIsTheContentTypes(_ contentType: String, _ mode: CloudEventMode) {
        #expect(CloudEventMode(contentType: contentType) == mode)
    }

    @Test func oneEventIsTheSameInEveryMode() throws {
        let json = ["Content-Type": "application/cloudevents+json"]
        expectCount(try #require(try reader.events(of: .post("/events", json), structured()).first))
        let batch = ["Content-Type": "application/cloudevents-batch+json"]
        let body = Array("[ ".utf8) + structured() + Array(" ]".utf8)
        let one = try #require(try reader.events(of: .post("/events", batch), body).first)
        expectCount(one)
        let binary = [
            "Content-Type": "application/json", "ce-specversion": "1.0", "ce-id": "e-1", "CE-Source": "/wms/eu",
            "ce-type": "com.example.inventory.cycle_count.v1", "ce-time": "2026-11-21T03:00:00Z",
            "ce-subject": "skus/A/locations/WH1", "ce-unknownextension": "x",
        ]
        let other = try #require(
            try reader.events(of: .post("/events", binary), Array(#"{"quantity":"7"}"#.utf8)).first)
        expectCount(other)
        #expect(one.event.bodyDigest == other.event.bodyDigest, "a repeat in another mode is a repeat")
        #expect(reader.event(other.original).event == other.event, "what is kept reads the same")
        #expect(try reader.events(of: .post("/events", batch), Array("[]".utf8)).isEmpty)
    }

    @Test func aBadEventOfABatchIsRejectedAloneWithItsOwnBytes() throws {
        for poison in ["nonsense", "{}", "[1]", "{\"specversion\":\"1.0\",\"id\":7}"] {
            let body =
                Array("[".utf8) + structured() + Array(",\(poison),".utf8) + structured(["id": "\"e-2\""])
                + Array("]".utf8)
            let head = HTTPHead.post("/events", ["Content-Type": "application/cloudevents-batch+json"])
            let events = try reader.events(of: head, body)
            try #require(events.count == 3)
            #expect(events[0].refusal == nil && events[2].refusal == nil && events[2].event.id == "e-2")
            #expect(events[1].refusal?.isEmpty == false)
            #expect(String(decoding: events[1].original, as: UTF8.self) == poison)
        }
    }

    @Test func whatIsNoCloudEventIsToldToItsSenderAndNotKept() {
        let cases: [([UInt8], String)] = [
            (Array("nonsense".utf8), "is no JSON object"), (Array("[]".utf8), "is no JSON object"),
            (structured(["specversion": nil]), "specversion: must be 1.0, is \"\""),
            (structured(["specversion": "\"0.3\""]), "specversion: must be 1.0, is \"0.3\""),
            (structured(["id": nil]), "id: is required"), (structured(["source": "\"\""]), "source: is required"),
            (structured(["type": "null"]), "type: is required"),
            (structured(["subject": "7"]), "subject: is no string"),
            (structured(["data_base64": "\"e30=\""]), "data: is given twice, as data_base64 too"),
            (structured(["data_base64": "\"*\""], data: nil), "data_base64: is not base64"),
        ]
        for (body, message) in cases {
            #expect(throws: NoCloudEvent(message)) {
                try reader.events(of: .post("/events", ["Content-Type": "application/cloudevents+json"]), body)
            }
        }
        #expect(throws: NoCloudEvent("specversion: must be 1.0, is \"\"")) {
            try reader.events(of: .post("/events", ["Content-Type": "application/json"]), Array("{}".utf8))
        }
        #expect(throws: NoCloudEvent("ce-id: is not percent-encoded UTF-8")) {
            try reader.events(of: .post("/events", ["ce-id": "%C0%A0"]), [])
        }
    }

    // MARK: Headers

    @Test(arguments: [
        ("plain", "plain"), ("Euro%20%E2%82%AC%20%F0%9F%98%80", "Euro € 😀"), ("%e2%82%ac", "€"), ("%41", "A"),
        ("\"with \\\"quotes\\\" and %22\"", "with \"quotes\" and \""), ("%2541", "%41"), ("in\"side", "in\"side"),
        ("", ""), ("100%", nil), ("%4", nil), ("%zz", nil), ("%C0%A0", nil), ("\"open", nil), ("\"a\" b", nil),
        ("\"a\\", nil),
    ])
    func aHeaderIsUnquotedAndThenPercentDecodedOnce(_ value: String, _ expected: String?) {
        #expect(HeaderText.decoded(value) == expected)
    }

    // MARK: Type, subject, source

    @Test(
        arguments: [
            ("com.example.inventory.cycle_count.v1", nil), ("x.inventory.cycle_count.v1", nil),
            ("counted", nil), ("inventory.cycle_count.v1", "type: "), ("x.inventory.cycle_count.v2", "type: "),
            ("x.inventory.CYCLE_COUNT.v1", "type: "), ("x.inventory.weather.v1", "type: "),
            ("x.stock.cycle_count.v1", "type: "),
        ] as [(String, String?)])
    func theTypeNamesTheEvent(_ type: String, _ problem: String?) {
        let reader = CloudEventReader(CloudEventTerms(source: "wms-1", types: ["counted": .cycleCount]))
        let incoming = reader.event(structured(["type": "\"\(type)\""]))
        if let problem {
            #expect(incoming.refusal?.hasPrefix(problem) == true)
        } else {
            expectCount(incoming)
        }
    }

    @Test(arguments: InventoryEventKind.allNamed)
    func everyEventOfTheContractHasAType(_ kind: InventoryEventKind) {
        let incoming = reader.event(
            structured(["type": "\"x.inventory.\(kind.contractName.lowercased()).v1\""], data: "{}"))
        #expect(incoming.event.kind == kind)
    }

    @Test(arguments: [
        ("skus/A/locations/WH1", "A", "WH1"), ("skus/A", "A", ""), ("skus/A%2FB%25/locations/W%20H", "A/B%", "W H"),
        ("something else", "", ""), ("/skus/A", "", ""),
    ])
    func theSubjectNamesSkuAndLocation(_ subject: String, _ sku: String, _ location: String) {
        let event = reader.event(structured(["subject": "\"\(subject)\""])).event
        #expect(event.kind == .cycleCount && event.sku == sku && event.location == location)
    }

    @Test(arguments: [
        "skus", "skus/", "skus/A/places/B", "skus/A/locations", "skus/A/locations/", "skus/%zz", "skus/A/B/C/D",
    ])
    func aSubjectThatIsHalfOneIsRefused(_ subject: String) {
        #expect(reader.event(structured(["subject": "\"\(subject)\""])).refusal?.hasPrefix("subject: ") == true)
    }

    @Test func theSourceIsMappedWhereSourcesAreListed() {
        let reader = CloudEventReader(CloudEventTerms(source: "wms-1", sources: ["/wms/eu": "wms-eu"]))
        #expect(reader.event(structured()).event.source == "wms-eu")
        let other = reader.event(structured(["source": "\"/wms/us\""]))
        #expect(other.refusal == "source: no source is mapped to /wms/us" && other.event.source == "wms-1")
    }

    @Test func namesAreMappedAndWhatIsNotListedIsNamed() {
        var mapping = FeedMapping(skus: ["A": "ours"], locations: ["WH1": "EAST"], reasons: ["7": "BREAKAGE"])
        mapping.passesUnlistedSkus = false
        mapping.passesUnlistedLocations = false
        let reader = CloudEventReader(CloudEventTerms(source: "wms-1", mapping: mapping))
        let event = reader.event(structured(data: #"{"quantity":7,"reason":"7","to_location":"WH1"}"#)).event
        #expect(
            event.sku == "ours" && event.location == "EAST" && event.reason == "BREAKAGE" && event.toLocation == "EAST")
        #expect(
            reader.event(structured(["subject": "\"skus/B/locations/WH1\""])).refusal
                == "sku: B is not in the feed's map")
        #expect(
            reader.event(structured(["subject": "\"skus/A/locations/W\""])).refusal
                == "location: W is not in the feed's map")
    }

    // MARK: Data

    @Test func everyFieldIsReadByEitherOfItsNames() {
        let snake = """
            {"id":"e-1","source":"wms-1","sequence":"18","type":"INVENTORY_EVENT_TYPE_POSITION_SNAPSHOT",
            "occurred_at":"2026-11-21T03:00:00Z","sku":"A","location":"WH1","to_location":"WH2","lot":"L","quantity":"7",
            "status":"STOCK_STATUS_DAMAGED","to_status":2,"reason":"R","reference":"T","reservation_id":"r",
            "reservation_line":3,"erp_reference":"E","order_reference":"O","correlation_id":"C",
            "position":{"on_hand":"5","safety_stock":2,"in_transit":0,"reserved":9},
            "contains":[{"reservation_id":"r","reservation_line":1,"quantity":"4"},{}],
            "supply":{"id":"PO","quantity":9,"expected_at":"2026-12-01T00:00:00Z","backordered":1}}
            """
        let envelope = ["type": "\"x.inventory.position_snapshot.v1\"", "subject": nil, "time": nil]
        let incoming = reader.event(structured(envelope, data: snake))
        let event = incoming.event
        #expect(incoming.refusal == nil)
        #expect(event.sequence == 18 && event.kind == .positionSnapshot && event.occurredAtNanoseconds == time)
        #expect(event.sku == "A" && event.location == "WH1" && event.toLocation == "WH2" && event.lot == "L")
        #expect(event.quantity == 7 && event.status == .damaged && event.toStatus == .quarantined)
        #expect(event.reason == "R" && event.reference == "T" && event.correlationID == "C" && event.supply.id == "PO")
        #expect(event.hold.reservationID == "r" && event.hold.lineID == 3)
        #expect(event.hold.erpReference == "E" && event.hold.orderReference == "O")
        #expect(event.snapshot.touched == [BucketSet(.onHand), BucketSet(.safetyStock), BucketSet(.inTransit)])
        #expect(event.snapshot.values[.onHand] == 5 && event.snapshot.values[.safetyStock] == 2)
        #expect(
            event.contains == [
                ContainedHold(reservationID: "r", lineID: 1, quantity: 4),
                ContainedHold(reservationID: "", lineID: 0, quantity: 0),
            ])
        let words = snake.split(separator: "\"", omittingEmptySubsequences: false)
        let camel = words.map { word in
            guard word.contains("_"), word == word.lowercased() else { return String(word) }
            let parts = word.split(separator: "_")
            return parts.dropFirst().reduce(String(parts[0])) { $0 + $1.prefix(1).uppercased() + $1.dropFirst() }
        }.joined(separator: "\"")
        #expect(camel.contains("\"toLocation\"") && camel.contains("\"reservationLine\""))
        #expect(reader.event(structured(envelope, data: camel)).event == event)
    }

    @Test(arguments: [
        (#"{"quantity":"7x"}"#, "data.quantity: is no 64-bit number"),
        (#"{"quantity":9223372036854775808}"#, "data.quantity: is no 64-bit number"),
        (#"{"quantity":1.5}"#, "data.quantity: is no 64-bit number"),
        (#"{"quantity":true}"#, "data.quantity: is no 64-bit number"),
        (#"{"sequence":-1}"#, "data.sequence: is no unsigned 64-bit number"),
        (#"{"reservation_line":4294967296}"#, "data.reservation_line: is no unsigned 32-bit number"),
        (#"{"sku":7}"#, "data.sku: is no string"), (#"{"quantitty":7}"#, "data.quantitty: there is no such field"),
        (#"{"occurred_at":"yesterday"}"#, "data.occurred_at: is no time of RFC 3339 after 1970"),
        (#"{"status":"LOST"}"#, "data.status: there is no LOST"), (#"{"status":9}"#, "data.status: there is no 9"),
        (#"{"type":"WEATHER"}"#, "data.type: there is no WEATHER"), (#"{"type":18}"#, "data.type: there is no 18"),
        (#"{"position":7}"#, "data.position: is no object"),
        (#"{"position":{"on_hand":"x"}}"#, "data.position.on_hand: is no 64-bit number"),
        (#"{"position":{"onhand":1}}"#, "data.position.onhand: there is no such field"),
        (#"{"contains":{}}"#, "data.contains: is no list"), (#"{"contains":[7]}"#, "data.contains[0]: is no object"),
        (#"{"contains":[{},{"quantity":"x"}]}"#, "data.contains[1].quantity: is no 64-bit number"),
        (#"{"to_location":"A","toLocation":"A"}"#, "data.to_location: is given twice, as toLocation too"),
        (#"{"supply":{"expected_at":"x"}}"#, "data.supply.expected_at: is no time of RFC 3339 after 1970"),
        ("[]", "data: is no object"), ("\"text\"", "data: is no object"), ("7", "data: is no object"),
    ])
    func aBadFieldIsNamed(_ data: String, _ message: String) {
        #expect(reader.event(structured(data: data)).refusal == message)
    }

    @Test(arguments: [
        (["id": "\"e-9\""], "id: is e-9 in the envelope and e-1 in the data"),
        (["type": "\"x.inventory.adjustment.v1\""], "type: is ADJUSTMENT in the envelope and CYCLE_COUNT in the data"),
        (
            ["time": "\"2026-11-21T03:00:01Z\""],
            "occurred_at: is 2026-11-21T03:00:01Z in the envelope and 2026-11-21T03:00:00Z in the data"
        ),
        (["subject": "\"skus/B\""], "sku: is B in the envelope and A in the data"),
        (["subject": "\"skus/A/locations/WH2\""], "location: is WH2 in the envelope and WH1 in the data"),
        (["sequence": "\"3\""], "sequence: is 3 in the envelope and 2 in the data"),
        (["correlationid": "\"d\""], "correlation_id: is d in the envelope and c in the data"),
    ])
    func whatEnvelopeAndDataSayDifferentlyIsNamed(_ envelope: [String: String], _ message: String) {
        let data = """
            {"id":"e-1","source":"wms-1","type":"CYCLE_COUNT","occurredAt":"2026-11-21T03:00:00Z","sku":"A","location":"WH1",
            "sequence":2,"correlationId":"c","quantity":7}
            """
        expectCount(reader.event(structured(data: data)))
        #expect(reader.event(structured(envelope, data: data)).refusal == message)
        #expect(
            reader.event(structured(data: #"{"source":"other"}"#)).refusal
                == "source: is wms-1 in the envelope and other in the data")
    }

    @Test func theEnvelopeAloneMayBeEnough() {
        let beat = reader.event(
            structured(["type": "\"x.inventory.source_heartbeat.v1\"", "sequence": "12"], data: nil))
        #expect(beat.refusal == nil && beat.event.kind == .sourceHeartbeat && beat.event.sequence == 12)
        #expect(
            reader.event(structured(["sequence": "\"ten\""])).refusal == "sequence: ten is no unsigned 64-bit number")
        #expect(reader.event(structured(["time": "\"now\""])).refusal == "time: now is no time of RFC 3339 after 1970")
    }

    @Test func dataMayBeBase64AndMustBeJSON() {
        expectCount(reader.event(structured(["data_base64": "\"eyJxdWFudGl0eSI6N30=\""], data: nil)))
        expectCount(reader.event(structured(["datacontenttype": "\"application/json; charset=utf-8\""])))
        let message = "datacontenttype: application/xml is not JSON"
        #expect(
            reader.event(structured(["datacontenttype": "\"application/xml\""], data: "\"<a/>\"")).refusal == message)
    }
}

extension InventoryEventKind {
    static var allNamed: [InventoryEventKind] { (1...17).compactMap { InventoryEventKind(contractNumber: $0) } }
}
