import Engine
import Feeds
import Foundation
import Inventory
import Testing

@Suite struct Inventory846Tests {
    @Test(arguments: Sample846.all) func sampleBecomesTheEventsItTellsOf(sample: Sample846) throws {
        #expect(try told(sample.bytes, sample.partner) == sample.expected)
    }

    @Test(arguments: Sample846.all) func whatStandsBetweenSegmentsChangesNoEvent(sample: Sample846) throws {
        let terminator = sample.text.contains("'\n") || sample.text.contains("?GS") || sample.text.contains("|\nGS")
        guard !terminator else { return }
        let bare = sample.text.replacing("\r\n", with: "").replacing("\n", with: "")
        let events = try events(sample.bytes, sample.partner)
        let again = try self.events(Array(bare.utf8), sample.partner)
        #expect(again.map(\.event) == events.map(\.event))
    }

    @Test(arguments: Sample846.all) func fileCutAnywhereIsRefusedWhole(sample: Sample846) throws {
        let bytes = sample.bytes
        let whole = bytes.lastIndex { ![0x0A, 0x0D, 0x1A].contains($0) } ?? 0
        // Where an interchange ends, a file may end as well.
        let ends = bytes.indices.filter { bytes[$0...].starts(with: "\nISA".utf8) }
        for count in 0..<whole where !ends.contains(where: { abs($0 - count) <= 1 }) {
            let cut = Array(bytes[..<count])
            #expect(throws: X12Fault.self, "cut at \(count)") {
                try Inventory846(cut, source: "s", partner: sample.partner, mapping: FeedMapping())
            }
        }
    }

    @Test(arguments: Sample846.all) func anyByteChangedIsReadOrRefusedButNeverStopsTheReader(sample: Sample846) throws {
        for offset in sample.bytes.indices {
            for byte: UInt8 in [0x00, 0x0A, 0x20, 0x2A, 0x30, 0x7E, 0xFF] {
                var bytes = sample.bytes
                bytes[offset] = byte
                guard
                    var reader = try? Inventory846(
                        bytes, source: "s", partner: sample.partner, mapping: FeedMapping())
                else { continue }
                while let row = reader.next() { row.events.forEach(checkFields) }
            }
        }
    }

    @Test func mapOfTheFeedTranslatesSkusAndLocations() throws {
        let sample = Sample846.tildesAndQuestionMarks
        var mapping = FeedMapping(skus: ["111": "ours"], locations: ["03": "WH3"])
        #expect(
            try told(sample.bytes, sample.partner, mapping) == [
                "555919486MX-000000016-16-0001-000004 ours@WH3 on_hand=1 at 2026-09-03T00:00:00Z"
            ])
        mapping = FeedMapping(passesUnlistedSkus: false)
        #expect(
            try told(sample.bytes, sample.partner, mapping) == [
                "refused: line 1, segment 4 (LIN): LIN05: the feed's map has no sku for \"111\""
            ])
        mapping = FeedMapping(passesUnlistedLocations: false)
        #expect(
            try told(sample.bytes, sample.partner, mapping) == [
                "refused: line 1, segment 3 (N1): the feed's map has no location for \"03\""
            ])
    }

    @Test func refusedLineIsKeptWithTheHeadingsItStandsUnder() throws {
        let sample = Sample846.plain5010
        var reader = try Inventory846(
            sample.bytes, source: "s", partner: sample.partner, mapping: FeedMapping())
        var originals: [String] = []
        while let row = reader.next() {
            for incoming in row.events where incoming.rejection != nil {
                originals.append(String(decoding: incoming.original, as: UTF8.self))
                #expect(incoming.event.id == "MEDICAL-000005101-5101-0001-000005" && incoming.event.sku == "MC-CF-24")
                #expect(incoming.rejection?.reason == .invalidField)
            }
        }
        let lines = sample.text.components(separatedBy: "\r\n")
        let heading = lines[0...1].joined(separator: "\n") + "\n" + lines[2...3].joined(separator: "\r\n")
        #expect(originals == [heading + "\n" + lines[6...7].joined(separator: "\r\n")])
    }

    @Test(arguments: Sample846.all) func deadLetterIsReadAgainAsItWasGivenOut(sample: Sample846) throws {
        var reader = try Inventory846(sample.bytes, source: "s", partner: sample.partner, mapping: FeedMapping())
        while let row = reader.next() {
            for incoming in row.events {
                let told = incoming.rejection?.message ?? ""
                let again = Inventory846.reread(
                    incoming.original, eventID: incoming.event.id, wasRefused: incoming.rejection != nil, source: "s",
                    partner: sample.partner, mapping: FeedMapping())
                // That a sku was told of twice can be seen in the whole message alone.
                if told.contains("told of before") { continue }
                if told.contains("is no 846") {
                    #expect(again?.event == nil)
                    continue
                }
                #expect(again?.event == incoming.event)
                #expect((again?.rejection == nil) == (incoming.rejection == nil))
            }
        }
    }

    @Test func mendedMapMendsTheDeadLetterOfALine() throws {
        let sample = Sample846.tildesAndQuestionMarks
        let narrow = FeedMapping(passesUnlistedSkus: false)
        var reader = try Inventory846(sample.bytes, source: "s", partner: sample.partner, mapping: narrow)
        let refused = try #require(reader.next()?.events.first)
        let again = Inventory846.reread(
            refused.original, eventID: refused.event.id, wasRefused: true, source: "s", partner: sample.partner,
            mapping: FeedMapping(skus: ["111": "ours"]))
        #expect(again?.rejection == nil && again?.event.sku == "ours" && again?.event.id == refused.event.id)
        let elsewhere = Inventory846.reread(
            refused.original, eventID: "another-1", wasRefused: true, source: "s", partner: sample.partner,
            mapping: FeedMapping())
        #expect(elsewhere == nil)
    }

    @Test(arguments: [
        // What stands where, what instead, and what is said of it.
        ("SE*9*0001", "SE*10*0001", "line 11, segment 9 (SE): SE01: \"10\" segments, but they are 9"),
        ("SE*9*0001", "SE*9*0002", "line 11, segment 9 (SE): SE02: \"0002\", but ST02 is \"0001\""),
        ("SE*9*0001", "CTT*4~SE*10*0001", "line 11, segment 9 (CTT): CTT01: \"4\" line items, but they are 3"),
        ("LIN**VP*MC-CF-25", "CTT*2~LIN**VP*MC-CF-25", "line 9, segment 8 (LIN): stands behind CTT"),
        ("GE*1*5101", "GE*2*5101", "line 12 (GE): GE01: \"2\" transaction sets, but they are 1"),
        ("GE*1*5101", "GE*1*5102", "line 12 (GE): GE02: \"5102\", but GS06 is \"5101\""),
        ("GE*1*5101", "GE*1", "line 12 (GE): GE02: is missing; GS06 is \"5101\""),
        ("IEA*1*000005101", "IEA*0*000005101", "line 13 (IEA): IEA01: \"0\" functional groups, but they are 1"),
        ("IEA*1*000005101", "IEA*1*000005102", "line 13 (IEA): IEA02: \"000005102\", but ISA13 is \"000005101\""),
        ("SE*9*0001~", "", "line 12, segment 9 (GE): does not belong here, within a transaction set: SE is missing"),
        ("GE*1*5101~", "", "line 13 (IEA): does not belong here, within a functional group: GE is missing"),
        ("ST*846*0001", "ST*850*0001", "line 1: the file has no transaction set 846"),
        ("GS*IB", "GSX*IB", "line 2 (GSX): does not belong here, within an interchange: IEA is missing"),
        ("QTY*33*2400", "*33*2400", "line 6: nothing is no segment's name"),
        ("*0*P*:~", "*0*T*:~", "line 1 (ISA): ISA15: T marks a test; set takes_tests to take it for stock"),
        ("*P*:~", "*P*:A", "line 1: ISA16: one component separator and the segment terminator must follow, not \":A\""),
        ("ISA*", "XSA*", "line 1: an interchange begins with ISA, not with \"XSA\""),
        ("ISA*", "ISA0", "line 1: the element separator cannot be \"0\""),
        (
            "*000005101*0*P*:~\r\n", "~\r\n",
            "line 1: ISA16: one component separator and the segment terminator must follow, not \"20\""
        ),
    ])
    func faultOfAnEnvelopeRefusesTheWholeFile(was: String, becomes: String, says: String) throws {
        let text = Sample846.plain5010.text.replacing(was, with: becomes, maxReplacements: 1)
        let fault = #expect(throws: X12Fault.self) {
            try Inventory846(
                Array(text.utf8), source: "s", partner: Sample846.plain5010.partner, mapping: FeedMapping())
        }
        #expect(fault?.description == says)
    }

    @Test func fileOfAnotherSenderIsRefused() throws {
        let sample = Sample846.plain5010
        var partner = sample.partner
        partner.sender = "SOMEONE"
        let fault = #expect(throws: X12Fault.self) {
            try Inventory846(sample.bytes, source: "s", partner: partner, mapping: FeedMapping())
        }
        #expect(fault?.description == "line 1 (ISA): ISA06: the sender is \"MEDICAL\", expected SOMEONE")
    }

    @Test(arguments: [
        ("QTY*33*2400", "QTY*33*1e3", "\"1e3\" is no number of units"),
        ("QTY*33*2400", "QTY*33*.", "\".\" is no number of units"),
        ("QTY*33*2400", "QTY*33*", "nothing is no number of units"),
        ("QTY*33*2400", "QTY*33*1000000000001", "within ±1000000000000, is \"1000000000001\""),
        ("QTY*33*2400", "QTY*33*00000000000000000000000000001*EA~QTY*33*2", "33 is told twice for one location"),
        ("QTY*33*2400", "QTY*99*2400", "has no QTY of 33, so that nothing is told"),
        ("LIN**VP*MC-IBU-200-100", "LIN**SK*MC", "has no VP to take the sku from"),
        ("LIN**VP*MC-IBU-200-100", "LIN**VP*", "has no VP to take the sku from"),
        ("LIN**VP*MC-IBU-200-100", "LIN**VP*\u{7}", "sku: must be printable UTF-8 without control characters"),
        ("*20260315*0800~\r\nLIN", "*20260315*2460~\r\nLIN", "\"2460\" is no time of day"),
        ("*20260315*0800~\r\nLIN", "*20260230*0800~\r\nLIN", "\"20260230\" is no date between 1970 and 2262"),
    ])
    func badLineIsLeftOutAndTheOthersAreTold(was: String, becomes: String, says: String) throws {
        var text = Sample846.plain5010.text.replacing(was, with: becomes, maxReplacements: 1)
        let added = becomes.count { $0 == "~" } - was.count { $0 == "~" }
        text = text.replacing("SE*9*", with: "SE*\(9 + added)*")
        let told = try told(Array(text.utf8), Sample846.plain5010.partner)
        #expect(told.count == 3 && told[0].hasPrefix("refused: ") && told[0].hasSuffix(says), "\(told)")
        #expect(was.contains("0800") || !told[2].hasPrefix("refused"), "\(told)")
    }

    @Test func longControlNumbersAreShortenedByADigestThatKeepsThemApart() throws {
        let long = String(repeating: "7", count: 60)
        let text = Sample846.plain5010.text.replacing("0001~", with: "\(long)~")
        let ids = try events(Array(text.utf8), Sample846.plain5010.partner).map(\.event.id)
        #expect(Set(ids).count == 2)
        for id in ids { #expect(id.utf8.count == 64 && id.hasPrefix("MEDICAL-000005101-5101-777")) }
    }

    private func events(
        _ bytes: [UInt8], _ partner: PartnerMap, _ mapping: FeedMapping = FeedMapping()
    ) throws -> [IncomingEvent] {
        var reader = try Inventory846(bytes, source: "s", partner: partner, mapping: mapping)
        var events: [IncomingEvent] = []
        while let row = reader.next() { events += row.events.filter { $0.rejection == nil } }
        return events
    }

    private func told(
        _ bytes: [UInt8], _ partner: PartnerMap, _ mapping: FeedMapping = FeedMapping()
    ) throws -> [String] {
        var reader = try Inventory846(bytes, source: "s", partner: partner, mapping: mapping)
        var told: [String] = []
        while let row = reader.next() {
            row.events.forEach(checkFields)
            told += row.events.map { incoming in
                incoming.rejection.map { "refused: \($0.message)" } ?? words(for: incoming.event)
            }
        }
        return told
    }

    /// What is given out passes the rules that need no state.
    private func checkFields(_ incoming: IncomingEvent) {
        #expect(incoming.contentType == .x12 && incoming.original.starts(with: "ISA".utf8))
        guard incoming.rejection == nil else { return }
        #expect(throws: Never.self) { try EventRules.checkFields(incoming.event) }
    }

    private func words(for event: InventoryEvent) -> String {
        var words = "\(event.id) \(event.sku)@\(event.location)"
        if !event.lot.isEmpty { words += " lot \(event.lot)" }
        for bucket in Bucket.allCases where event.snapshot.touched.contains(bucket) {
            words += " \(bucket.name)=\(event.snapshot.values[bucket])"
        }
        if !event.supply.id.isEmpty { words += " supply \(event.supply.id) \(event.supply.quantity)" }
        let seconds = Double(event.occurredAtNanoseconds / .perSecond)
        return words + " at " + Date(timeIntervalSince1970: seconds).formatted(.iso8601)
    }
}
