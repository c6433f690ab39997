public import Engine
internal import Inventory

/// Reads the 846 (inventory inquiry/advice) transaction sets of a file, line by line: POSITION_SNAPSHOT for each item,
/// location and lot, SUPPLY_UPDATED for what is scheduled.
///
/// The envelopes of the whole file are checked first, so that of a damaged one nothing is given out. Memory: the file, one
/// LIN loop, and the skus, lots and supplies seen in one transaction set.
public struct Inventory846: FileRows, Sendable {
    /// Largest file, in bytes.
    public static let fileBytesMax = 64 * 1_024 * 1_024
    /// Largest heading or LIN loop, in bytes: more could not be kept as a dead letter.
    public static let loopBytesMax = 262_144

    private let file: [UInt8]
    private let terms: Terms
    private var reader: X12Reader
    private var heading: X12Heading?
    private var loop: [X12Segment] = []
    /// What was told in this transaction set.
    private var told: [ToldPlace: BucketSet] = [:]
    private var toldSupplies: Set<ToldSupply> = []

    /// In whose words the file is, and whose figures they are.
    struct Terms: Sendable {
        let source: String
        let partner: PartnerMap
        let mapping: FeedMapping
    }

    private struct ToldPlace: Hashable {
        let sku: String
        let location: String
        let lot: String
    }

    private struct ToldSupply: Hashable {
        let sku: String
        let location: String
        let id: String
    }

    /// Checks the whole file: envelopes, counts, control numbers, CTT01, and whose it is.
    public init(_ file: [UInt8], source: String, partner: PartnerMap, mapping: FeedMapping) throws(X12Fault) {
        try Self.check(file, partner)
        self.file = file
        terms = Terms(source: source, partner: partner, mapping: mapping)
        reader = X12Reader(file)
    }

    /// What the next LIN loop comes to, in the order of the file: an event for each location that it tells of and for each
    /// supply, or one with a rejection that names line and segment. Nil: there are no more.
    public mutating func next() -> FileRow? {
        // The file was checked whole: what is read now was read before.
        while let segment = try? reader.next() {
            var finished: [X12Segment] = []
            switch segment.id {
            case "ISA", "GS", "TA1", "GE", "IEA": continue
            case "ST":
                heading = X12Heading(reader.interchange, reader.group, segment)
                told = [:]
                toldSupplies = []
            case let id where heading?.isInventory != true:
                if id == "SE", let heading {
                    return FileRow(
                        line: heading.transaction.place.line, events: [refusal(of: heading, endingWith: segment)])
                }
            case "SE", "CTT": swap(&finished, &loop)
            case "LIN":
                swap(&finished, &loop)
                loop.append(segment)
            default:
                if loop.isEmpty { heading?.append(segment) } else { loop.append(segment) }
            }
            if !finished.isEmpty, let heading {
                return FileRow(line: finished[0].place.line, events: events(of: finished, under: heading))
            }
        }
        return nil
    }

    private mutating func events(of loop: [X12Segment], under heading: X12Heading) -> [IncomingEvent] {
        let item = X12Item(heading: heading, loop: loop, number: loop[0].place.segment, terms: terms)
        let original = heading.original(
            in: file, [heading.range, loop[0].range.lowerBound..<loop[loop.count - 1].range.upperBound])
        do throws(X12Problem) {
            let events = try item.events()
            try note(events, loop[0])
            return events.map { IncomingEvent(event: $0, original: original, contentType: .x12) }
        } catch {
            return [item.refused(error, original: original)]
        }
    }

    /// Two figures of one time for one bucket or supply: which of them holds nobody knows.
    private mutating func note(_ events: [InventoryEvent], _ segment: X12Segment) throws(X12Problem) {
        var added: [ToldPlace: BucketSet] = [:]
        var addedSupplies: Set<ToldSupply> = []
        for event in events {
            if event.kind == .supplyUpdated {
                let supply = ToldSupply(sku: event.sku, location: event.location, id: event.supply.id)
                guard !toldSupplies.contains(supply), addedSupplies.insert(supply).inserted else {
                    throw segment.problem(0, "the supply \(supply.id) of \(Self.toldBefore(event))")
                }
                continue
            }
            let place = ToldPlace(sku: event.sku, location: event.location, lot: event.lot)
            let before = told[place, default: []].union(added[place, default: []])
            guard before.isDisjoint(with: event.snapshot.touched) else {
                throw segment.problem(0, (event.lot.isEmpty ? "" : "lot \(event.lot) of ") + Self.toldBefore(event))
            }
            added[place] = before.union(event.snapshot.touched)
        }
        told.merge(added) { $1 }
        toldSupplies.formUnion(addedSupplies)
    }

    private static func toldBefore(_ event: InventoryEvent) -> String {
        "\(event.sku) at \(event.location) was told of before in this transaction set"
    }

    /// Of another transaction set the first bytes are kept: it stays in the file.
    private func refusal(of heading: X12Heading, endingWith end: X12Segment) -> IncomingEvent {
        let range = heading.transaction.range.lowerBound..<end.range.upperBound
        let item = X12Item(heading: heading, loop: [heading.transaction], number: 1, terms: terms)
        let code = X12Text.shown(heading.transaction.element(1))
        return item.refused(
            heading.transaction.problem(1, "\(code) is no 846 and is not read"),
            original: heading.original(in: file, [range.prefix(Self.loopBytesMax)]))
    }
}

/// Dead letters.
extension Inventory846 {
    /// Reads a dead letter's bytes again, with the partner's map of today.
    ///
    /// - Parameters:
    ///   - original: the LIN loop under its headings, as it was given out.
    ///   - eventID: the id that it was given out with.
    ///   - wasRefused: whether the whole loop was refused, and not one of its events by the server.
    /// - Returns: nil when the event cannot be told by the id, and when the loop now comes to several: then the file must
    ///   be read again, which does no event twice.
    public static func reread(
        _ original: [UInt8], eventID: String, wasRefused: Bool, source: String, partner: PartnerMap,
        mapping: FeedMapping
    ) -> IncomingEvent? {
        var reader = X12Reader(original)
        var heading: X12Heading?
        var loop: [X12Segment] = []
        // The bytes end within the transaction set, with a fault.
        while let segment = try? reader.next() {
            switch segment.id {
            case "ISA", "GS": continue
            case "ST": heading = X12Heading(reader.interchange, reader.group, segment)
            case "LIN": loop.append(segment)
            default:
                if loop.isEmpty { heading?.append(segment) } else { loop.append(segment) }
            }
        }
        guard let heading, heading.isInventory, !loop.isEmpty else { return nil }
        let terms = Terms(source: source, partner: partner, mapping: mapping)
        guard let number = X12Item(heading: heading, loop: loop, number: 0, terms: terms).number(in: eventID) else {
            return nil
        }
        let item = X12Item(heading: heading, loop: loop, number: number, terms: terms)
        do throws(X12Problem) {
            let events = try item.events()
            guard events.count == 1 || !wasRefused, let event = events.first(where: { $0.id == eventID }) else {
                return nil
            }
            return IncomingEvent(event: event, original: original, contentType: .x12)
        } catch {
            return item.refused(error, original: original)
        }
    }
}

/// What is checked of the whole file before anything is given out.
extension Inventory846 {
    private static func check(_ file: [UInt8], _ partner: PartnerMap) throws(X12Fault) {
        guard file.count <= fileBytesMax else {
            throw X12Fault(X12Place(line: 1), "a file of at most \(fileBytesMax) bytes, has \(file.count)")
        }
        var reader = X12Reader(file)
        var inventories = 0
        var lines: Int64 = 0
        var totals: X12Segment?
        // Where the heading or the LIN loop began that is being read.
        var start = 0
        while let segment = try reader.next() {
            switch segment.id {
            case "ISA": try check(segment, partner)
            case "ST":
                start = segment.range.lowerBound
                lines = 0
                totals = nil
                if segment.has(1, "846") { inventories += 1 }
            case "GS", "TA1", "GE", "IEA": continue
            case _ where reader.transactionSet?.has(1, "846") != true: continue
            case "SE":
                if let totals { try check(totals, lines) }
                continue
            case "CTT": totals = segment
            case "LIN":
                if totals != nil { throw segment.fault(0, "stands behind CTT") }
                lines += 1
                start = segment.range.lowerBound
            default: break
            }
            if segment.range.upperBound - start > loopBytesMax {
                throw segment.fault(0, "a heading or LIN loop of more than \(loopBytesMax) bytes")
            }
        }
        if inventories == 0 { throw X12Fault(X12Place(line: 1), "the file has no transaction set 846") }
    }

    /// CTT02, the hash total, is not checked: partners add up different quantities.
    private static func check(_ totals: X12Segment, _ lines: Int64) throws(X12Fault) {
        let told = totals.element(1)
        guard told.isEmpty || X12Text.number(told) == lines else {
            throw totals.fault(1, "\(X12Text.shown(told)) line items, but they are \(lines)")
        }
    }

    private static func check(_ interchange: X12Segment, _ partner: PartnerMap) throws(X12Fault) {
        for (number, expected, name) in [(6, partner.sender, "sender"), (8, partner.receiver, "receiver")]
        where !expected.isEmpty && !interchange.has(number, expected) {
            throw interchange.fault(
                number, "the \(name) is \(X12Text.shown(interchange.element(number))), expected \(expected)")
        }
        if interchange.has(15, "T") && !partner.takesTests {
            throw interchange.fault(15, "T marks a test; set takes_tests to take it for stock")
        }
    }
}

/// What stands before a transaction set's first LIN.
struct X12Heading: Sendable {
    let interchange: X12Segment
    let group: X12Segment
    let transaction: X12Segment
    /// Between ST and the first LIN.
    private(set) var segments: [X12Segment] = []
    init?(_ interchange: X12Segment?, _ group: X12Segment?, _ transaction: X12Segment) {
        guard let interchange, let group else { return nil }
        self.interchange = interchange
        self.group = group
        self.transaction = transaction
    }

    mutating func append(_ segment: X12Segment) { segments.append(segment) }

    var isInventory: Bool { transaction.has(1, "846") }

    /// From ST up to the first LIN.
    var range: Range<Int> { transaction.range.lowerBound..<(segments.last ?? transaction).range.upperBound }

    func segment(_ id: String) -> X12Segment? { segments.first { $0.id == id } }

    /// Parts of the file under the ISA and GS that are needed to read them.
    func original(in file: [UInt8], _ parts: [Range<Int>]) -> [UInt8] {
        var original: [UInt8] = []
        for range in [interchange.range, group.range] + parts {
            if original.last.map({ $0 != 0x0A }) ?? false { original.append(0x0A) }
            original += file[range]
        }
        return original
    }
}
