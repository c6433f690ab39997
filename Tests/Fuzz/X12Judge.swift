import Engine
import Feeds
import Inventory

/// X12 files: any bytes are refused whole, or every LIN loop of them comes to events within the rules or to a reason.
enum X12Judge {
    private static let partners: [PartnerMap] = {
        var scheduled = PartnerMap(
            skuQualifiers: ["SK", "VP", "UP", "VN"], quantityQualifiers: [.onHand: ["33", "QA"], .damaged: ["74"]],
            location: .named(.init(kind: .party, qualifier: "WH", order: .before)))
        scheduled.timeQualifiers = ["405", "007"]
        scheduled.expectedQualifiers = ["018", "002"]
        scheduled.takesTests = true
        var behind = scheduled
        behind.location = .named(.init(kind: .reference, qualifier: "ZZ", order: .after))
        behind.utcOffsetMinutes = -300
        behind.units = ["EA", "PC"]
        var fixed = behind
        fixed.location = .fixed("WH")
        fixed.lot = .line(qualifier: "LT")
        var lotted = scheduled
        lotted.lot = .reference(qualifier: "LT", order: .after)
        var nested = scheduled
        nested.lot = .reference(qualifier: "LT", order: .before)
        return [scheduled, behind, fixed, lotted, nested]
    }()

    /// The first byte chooses the map, and whether the counts are mended first: no mutation alone gets them right.
    static func judge(_ input: [UInt8]) {
        var source = ByteSource(input)
        let choice = source.byte()
        let rest = source.remaining()
        let file = choice & 0x80 == 0 ? rest : mended(rest)
        let partner = partners[Int(choice & 0x7F) % partners.count]
        do throws(X12Fault) {
            var inventory = try Inventory846(file, source: "partner", partner: partner, mapping: FeedMapping())
            var count = 0
            var line = 1
            while let row = inventory.next() {
                expect(row.line >= line, "a line goes back")
                line = row.line
                check(row.events)
                count += 1
            }
            expect(count == lines(of: file), "a line is told twice or not at all")
        } catch {
            let most = file.count { $0 == 0x0A } + 1
            expect(!error.reason.isEmpty && (1...most).contains(error.place.line), "a fault nowhere: \(error)")
        }
    }

    private static func check(_ events: [IncomingEvent]) {
        expect(!events.isEmpty, "a line that comes to nothing")
        expect(Set(events.map(\.event.id)).count == events.count, "one id for two events of a line")
        for incoming in events {
            expect(incoming.original.starts(with: "ISA".utf8), "the original is without its headings")
            expect(incoming.original.count <= 3 * Inventory846.loopBytesMax, "an original beyond its limit")
            if let rejection = incoming.rejection {
                expect(rejection.message.hasPrefix("line "), "a refusal that does not say where")
                expect((1...Limits.idBytesMax).contains(incoming.event.id.utf8.count), "an id beyond its limit")
            } else {
                do throws(EventRejection) {
                    try EventRules.checkFields(incoming.event)
                } catch {
                    fatalError("an event against the rules: \(error)")
                }
            }
        }
    }

    /// LIN loops of transaction sets 846, and the other transaction sets.
    private static func lines(of file: [UInt8]) -> Int {
        var reader = X12Reader(file)
        var count = 0
        var isInventory = false
        while let segment = try? reader.next() {
            if segment.id == "ST" {
                let elements = file[segment.range].split(
                    separator: file[segment.range.lowerBound + 2], omittingEmptySubsequences: false)
                let code = elements[1].reversed().drop { $0 == 0x20 }.reversed()
                isInventory = code.elementsEqual("846".utf8)
                if !isInventory { count += 1 }
            } else if segment.id == "LIN", isInventory {
                count += 1
            }
        }
        return count
    }

    /// The file with counts and control numbers as they should be.
    private static func mended(_ file: [UInt8]) -> [UInt8] {
        guard file.count > 106, let end = file.indices.dropFirst(105).first else { return file }
        let (element, terminator) = (file[3], file[end])
        guard element != terminator else { return file }
        var (segments, sets, groups, items) = (0, 0, 0, 0)
        var numbers: [String: ArraySlice<UInt8>] = [:]
        var mended: [UInt8] = []
        for segment in file.split(separator: terminator, omittingEmptySubsequences: false) {
            let body = segment.drop { $0 == 0x0A || $0 == 0x0D }
            var elements = body.split(separator: element, omittingEmptySubsequences: false)
            let id = String(decoding: elements.first ?? [], as: UTF8.self)
            segments += 1
            func trailer(_ count: Int, _ number: String) {
                elements = [Array(id.utf8)[...], Array(String(count).utf8)[...], numbers[number] ?? []]
            }
            switch id {
            case "ISA":
                groups = 0
                numbers["ISA"] = elements.count > 13 ? elements[13] : []
            case "GS":
                (groups, sets) = (groups + 1, 0)
                numbers["GS"] = elements.count > 6 ? elements[6] : []
            case "ST":
                (sets, segments, items) = (sets + 1, 1, 0)
                numbers["ST"] = elements.count > 2 ? elements[2] : []
            case "LIN": items += 1
            case "CTT": elements = [Array("CTT".utf8)[...], Array(String(items).utf8)[...]]
            case "SE": trailer(segments, "ST")
            case "GE": trailer(sets, "GS")
            case "IEA": trailer(groups, "ISA")
            default: break
            }
            mended += Array(elements.joined(separator: [element])) + [terminator]
        }
        mended.removeLast()
        return mended
    }
}
