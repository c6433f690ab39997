import Engine
import Foundation
import Inventory
import Testing

@testable import Feeds

struct RowFormatTests {
    private func events(
        _ text: String, isCSV: Bool, mapping: FeedMapping = FeedMapping(), names: RowNames = RowNames()
    ) throws -> [IncomingEvent] {
        let folder = try TestFolder()
        try folder.drop("f", text)
        guard let file = try FeedFile(folder: folder.path, name: "f") else { return [] }
        var rows = try RowFormat(source: "wms", mapping: mapping, isCSV: isCSV, names: names).open(file)
        var events: [IncomingEvent] = []
        while let row = try rows.next() { events += row.events }
        return events
    }

    private var everyField: InventoryEvent {
        var snapshot = StockEffect(isAbsolute: true)
        for (bucket, value) in [(Bucket.onHand, Int64(10)), (.allocated, 2)] {
            snapshot.touched.insert(BucketSet(bucket))
            snapshot.values[bucket] = value
        }
        var event = InventoryEvent(
            id: "e1", source: "wms", kind: .positionSnapshot, sequence: 7,
            occurredAtNanoseconds: 1_795_230_000_000_000_000, sku: "S", location: "WH1", lot: "L", quantity: -5,
            reason: "R", snapshot: snapshot, supply: NamedSupply(id: "PO"))
        event.status = .damaged
        event.toStatus = .sellable
        event.toLocation = "WH2"
        event.reference = "T"
        event.hold.reservationID = "r-1-1"
        event.hold.lineID = 3
        event.hold.erpReference = "E"
        event.hold.orderReference = "O"
        event.correlationID = "C"
        return event
    }

    private static let everyCSV = """
        id,source,sequence,type,occurred_at,sku,location,to_location,lot,quantity,status,to_status,reason,reference,\
        reservation_id,reservation_line,erp_reference,order_reference,correlation_id,supply.id,position.on_hand,\
        position.allocated,position.reserved
        e1,wms,7,POSITION_SNAPSHOT,2026-11-21T03:00:00Z,S,WH1,WH2,L,-5,DAMAGED,STOCK_STATUS_SELLABLE,R,T,r-1-1,3,E,O,C,PO,\
        10, 2 ,4
        """

    @Test func columnsAndTypesOfAPartnerAreReadAsOurs() throws {
        let names = RowNames(
            columns: [
                "Art": "sku", "Lager": "location", "Wann": "occurred_at", "Was": "type", "Bestand": "position.on_hand",
                "Bemerkung": RowNames.ignored, "Seite": RowNames.ignored,
            ], types: ["Inventur": .positionSnapshot])
        let csv = """
            Art,Lager,Wann,Bemerkung,Was,Bestand,Seite,id
            S,WH1,2026-11-21T03:00:00Z,"x, y",Inventur,7,1,e1
            S,WH1,2026-11-21T03:00:00Z,,CYCLE_COUNT,7,,e2
            """
        let json = """
            {"Art":"S","Lager":"WH1","Wann":"2026-11-21T03:00:00Z","Seite":1,"Was":"Inventur","Bestand":7,"id":"e1"}
            {"Art":"S","location":"WH1","occurredAt":"2026-11-21T03:00:00Z","Was":"CYCLE_COUNT","Bestand":"7","id":"e2"}
            """
        for rows in [try events(csv, isCSV: true, names: names), try events(json, isCSV: false, names: names)] {
            #expect(rows.map(\.event.kind) == [.positionSnapshot, .cycleCount])
            #expect(rows.allSatisfy { $0.rejection == nil })
            #expect(rows.allSatisfy { $0.event.sku == "S" && $0.event.snapshot.values[.onHand] == 7 })
        }
        let poison = csv.replacingOccurrences(of: ",7,1", with: ",viele,1")
        let letter = try #require(try events(poison, isCSV: true, names: names).first)
        let format = RowFormat(source: "wms", mapping: FeedMapping(), isCSV: true, names: names)
        #expect(letter.rejection != nil && format.event(of: letter.original, id: "x").rejection == letter.rejection)
        let twice = try events(#"{"Art":"S","sku":"S"}"#, isCSV: false, names: names)
        #expect(twice.first?.rejection?.message.contains("occurs twice") == true)
        // What is not listed must be ours: `ignored` is no word of a file.
        #expect(try events(#"{"ignored":1}"#, isCSV: false, names: names).first?.rejection != nil)
    }

    @Test func rowsOfBothFormatsAndTheContractSayTheSame() throws {
        let json = """
            {"id":"e1","sequence":"7","type":"INVENTORY_EVENT_TYPE_POSITION_SNAPSHOT","occurredAt":"2026-11-21T03:00:00Z",\
            "sku":"S","location":"WH1","toLocation":"WH2","lot":"L","quantity":-5,"status":"DAMAGED","to_status":"SELLABLE",\
            "reason":"R","reference":"T","reservationId":"r-1-1","reservationLine":3,"erpReference":"E","orderReference":"O",\
            "correlationId":"C","supply":{"id":"PO"},"position":{"onHand":"10","allocated":2,"safetyStock":null}}
            """
        let wanted = IncomingEvent(event: everyField, original: []).event
        for event in try [events(Self.everyCSV, isCSV: true), events(json, isCSV: false)] {
            #expect(event.map(\.event) == [wanted] && event.allSatisfy { $0.rejection == nil })
        }
    }

    @Test func jsonNamesTheHoldsThatFiguresInclude() throws {
        let event = try events(
            """
            {"contains":[{"reservationId":"r","reservation_line":2,"quantity":"3"},{"reservation_id":"q","quantity":1}],\
            "type":"POSITION_SNAPSHOT"}
            {"contains":[]}
            """, isCSV: false)
        #expect(
            event.first?.event.contains == [
                ContainedHold(reservationID: "r", lineID: 2, quantity: 3),
                ContainedHold(reservationID: "q", lineID: 0, quantity: 1),
            ])
        #expect(event.map(\.event.id).map { $0.suffix(2) } == ["-1", "-2"])
    }

    @Test(arguments: [
        ("1", "line 2: has 1 fields, the header 4"),
        ("ADJUSTMENT,yesterday,S,1", "occurred_at: line 2: \"yesterday\" is not a time such as 2026-11-21T03:00:00Z"),
        ("ADJUSTMENT,,S,1.5", "quantity: line 2: \"1.5\" is not a whole number"),
        ("ADJUSTMENT,,\"S,1", "line 2: a quote is not closed"),
    ])
    func badCSVRowNamesLineAndColumn(row: String, reason: String) throws {
        let event = try events("type,occurred_at,sku,quantity\n\(row)\n", isCSV: true)
        #expect(event.first?.rejection == EventRejection(.invalidField, reason))
    }

    @Test(arguments: [
        ("{", "line 1: position 2: expected a string"), ("[]", "line 1: position 1: expected a JSON object"),
        ("{\"quantity\":true}", "quantity: line 1: is true or false"),
        ("{\"sku\":{}}", "sku: line 1: is an object or a list, expected one value"),
        ("{\"id\":\"a\",\"id\":\"b\"}", "id: line 1: occurs twice"),
        ("{\"position\":{\"on_hand\":1,\"onHand\":2}}", "position.on_hand: line 1: occurs twice"),
        ("{\"source\":\"other\"}", "source: line 1: is \"other\", and the feed tells for wms"),
        ("{\"status\":\"BROKEN\"}", "status: line 1: is not SELLABLE, QUARANTINED or DAMAGED"),
        ("{\"contains\":[{\"x\":1}]}", "contains.x: line 1: is not known"),
        ("{\"contains\":[{\"quantity\":1,\"quantity\":2}]}", "contains.quantity: line 1: occurs twice"),
        ("{\"sequence\":-1}", "sequence: line 1: \"-1\" is not a whole number, 0 or more"),
    ])
    func badJSONLineNamesLineAndField(line: String, reason: String) throws {
        #expect(try events(line, isCSV: false).first?.rejection == EventRejection(.invalidField, reason))
    }

    @Test func typeThatTheContractLacksIsLeftToTheEngine() throws {
        let event = try events("{\"type\":\"LOST\"}", isCSV: false)
        #expect(event.first?.event.kind == .unsupported(name: "LOST") && event.first?.rejection == nil)
    }

    @Test func namesAreOursAndWhatTheMapLacksIsRefused() throws {
        let mapping = FeedMapping(
            skus: ["A": "B"], passesUnlistedSkus: false, locations: ["HAM": "WH1", "LEJ": "WH2"],
            passesUnlistedLocations: false, reasons: ["07": "BREAKAGE"])
        let event = try events(
            """
            sku,location,to_location,reason,type,occurred_at
            A,HAM,LEJ,07,ADJUSTMENT,
            X,HAM,,,ADJUSTMENT,
            A,BER,,,ADJUSTMENT,
            A,HAM,BER,,ADJUSTMENT,
            """, isCSV: true, mapping: mapping)
        #expect(event.first?.event.sku == "B" && event.first?.event.location == "WH1")
        #expect(event.first?.event.toLocation == "WH2" && event.first?.event.reason == "BREAKAGE")
        #expect(
            event.map(\.rejection?.message) == [
                nil, "sku: X is not in the feed's map", "location: BER is not in the feed's map",
                "to_location: BER is not in the feed's map",
            ])
    }

    /// What fits is a row by itself, and says something else than the whole.
    @Test func beginningOfARowThatIsTooLongIsNeverReadAnew() throws {
        let padding = String(repeating: " ", count: 70_000)
        for (isCSV, text) in [
            (true, "type,occurred_at,sku,quantity,reason\nADJUSTMENT,2026-11-21T03:00:00Z,S,-1,LOST\(padding)\n"),
            (false, "{\"type\":\"ADJUSTMENT\",\"sku\":\"S\"}\(padding)\n"),
        ] {
            let letter = try #require(try events(text, isCSV: isCSV).first)
            #expect(letter.rejection?.message.contains("longer than 65536 bytes") == true)
            let again = RowFormat(source: "wms", mapping: FeedMapping(), isCSV: isCSV)
                .event(of: letter.original, id: letter.event.id)
            #expect(again.rejection != nil)
        }
    }

    @Test func deadLetterIsReadAgainFromItsBytesByTodaysMapping() throws {
        for (isCSV, text) in [
            (true, "sku,type,occurred_at\nA,ADJUSTMENT,\n"), (false, "{\"sku\":\"A\",\"type\":\"ADJUSTMENT\"}\n"),
        ] {
            let letter = try #require(
                try events(text, isCSV: isCSV, mapping: FeedMapping(passesUnlistedSkus: false)).first)
            #expect(letter.rejection != nil)
            let mended = RowFormat(source: "wms", mapping: FeedMapping(skus: ["A": "B"]), isCSV: isCSV)
                .event(of: letter.original, id: letter.event.id)
            #expect(mended.rejection == nil && mended.event.sku == "B" && mended.event.id == letter.event.id)
        }
    }
}
