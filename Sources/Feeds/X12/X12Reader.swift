/// Reads the segments of a file of interchanges, one by one, and checks their envelopes: ISA to IEA, GS to GE, ST to SE,
/// with their counts and control numbers. Several of each may follow each other; each interchange has its own separators.
///
/// Memory: the file and one segment.
public struct X12Reader: Sendable {
    /// Longest segment, in bytes: beyond, the terminator is not the one that ISA shows.
    public static let segmentBytesMax = 16_384

    /// The ISA, GS and ST that the last segment is within; also of the IEA, GE or SE that ends them.
    public private(set) var interchange: X12Segment?
    public private(set) var group: X12Segment?
    public private(set) var transactionSet: X12Segment?

    private let bytes: [UInt8]
    private var offset = 0
    private var line = 1
    private var level = Level.file
    private var separators: X12Separators?
    private var groups: Int64 = 0
    private var sets: Int64 = 0
    private var segments = 0

    private enum Level {
        case file
        case interchange
        case group
        case transactionSet
    }

    public init(_ file: [UInt8]) {
        bytes = file
        if file.starts(with: [0xEF, 0xBB, 0xBF]) { offset = 3 }
    }

    /// The next segment; nil at the file's end, when everything that was begun is ended.
    public mutating func next() throws(X12Fault) -> X12Segment? {
        skipBlanks()
        guard offset < bytes.count else {
            if level == .file { return nil }
            throw X12Fault(X12Place(line: line), "the file ends within \(openEnvelope)")
        }
        let segment = try read()
        try take(segment)
        return segment
    }

    private var openEnvelope: String {
        switch level {
        case .file: "nothing"
        case .interchange: "an interchange: IEA is missing"
        case .group: "a functional group: GE is missing"
        case .transactionSet: "a transaction set: SE is missing"
        }
    }

    /// Between segments stand line ends and what editors and transfers leave behind, at the end also padding.
    private mutating func skipBlanks() {
        while offset < bytes.count {
            switch bytes[offset] {
            case 0x0A: line += 1
            case 0x20, 0x09, 0x0D: break
            case let byte where level == .file && (byte == 0x00 || byte == 0x1A): break
            default: return
            }
            offset += 1
        }
    }

    private mutating func read() throws(X12Fault) -> X12Segment {
        let start = offset
        var place = X12Place(line: line)
        let separators: X12Separators
        let end: Int
        if let known = self.separators {
            separators = known
            let most = min(bytes.count, start + Self.segmentBytesMax)
            guard let terminator = bytes[start..<most].firstIndex(of: known.segment) ?? unterminatedEnd(most) else {
                throw X12Fault(
                    place, "a segment of more than \(Self.segmentBytesMax) bytes, or its terminator is missing")
            }
            end = min(terminator + 1, bytes.count)
        } else {
            (separators, end) = try X12Separators.read(bytes, at: start, place: place)
            self.separators = separators
        }
        let isTerminated = bytes[end - 1] == separators.segment
        let elements = bytes[start..<(isTerminated ? end - 1 : end)].split(
            separator: separators.element, omittingEmptySubsequences: false)
        let id = elements.first ?? []
        guard (2...3).contains(id.count), id.allSatisfy(X12Text.isLetterOrDigit) else {
            throw X12Fault(place, "\(X12Text.shown(id)) is no segment's name")
        }
        place.id = String(decoding: id, as: UTF8.self)
        place.segment = level == .transactionSet ? segments + 1 : place.id == "ST" ? 1 : 0
        offset = end
        for byte in bytes[start..<end] where byte == 0x0A { line += 1 }
        return X12Segment(place: place, range: start..<end, elements: elements, separators: separators)
    }

    /// The last segment of a file may lack its terminator: its control number tells whether it is whole.
    private func unterminatedEnd(_ most: Int) -> Int? {
        guard most == bytes.count, level == .interchange, bytes[offset...].starts(with: "IEA".utf8) else { return nil }
        return bytes.lastIndex { $0 != 0x0A && $0 != 0x0D && $0 != 0x20 }.map { $0 + 1 }
    }
}

/// The envelopes.
extension X12Reader {
    private mutating func take(_ segment: X12Segment) throws(X12Fault) {
        switch (level, segment.id) {
        case (.file, _): try begin(segment)
        case (.interchange, "GS"):
            try checkPrintable(segment, 6)
            group = segment
            groups += 1
            sets = 0
            level = .group
        case (.interchange, "IEA"):
            try expect(segment, 1, groups, "functional groups")
            try expect(segment, 2, "ISA13", interchange?.element(13))
            level = .file
            separators = nil
        // Acknowledgements of interchanges, between the groups.
        case (.interchange, "TA1"): break
        case (.group, "ST"):
            try checkPrintable(segment, 2)
            transactionSet = segment
            sets += 1
            segments = 1
            level = .transactionSet
        case (.group, "GE"):
            try expect(segment, 1, sets, "transaction sets")
            try expect(segment, 2, "GS06", group?.element(6))
            level = .interchange
        case (.transactionSet, "SE"):
            segments += 1
            try expect(segment, 1, Int64(segments), "segments")
            try expect(segment, 2, "ST02", transactionSet?.element(2))
            level = .group
        case (.transactionSet, let id) where !Self.envelopes.contains(id): segments += 1
        default: throw segment.fault(0, "does not belong here, within \(openEnvelope)")
        }
    }

    private static let envelopes: Set<String> = ["ISA", "IEA", "GS", "GE", "ST", "SE", "TA1"]

    private mutating func begin(_ segment: X12Segment) throws(X12Fault) {
        try checkPrintable(segment, 6)
        try checkPrintable(segment, 13)
        interchange = segment
        group = nil
        transactionSet = nil
        groups = 0
        level = .interchange
    }

    /// What events are named by.
    private func checkPrintable(_ segment: X12Segment, _ number: Int) throws(X12Fault) {
        let element = segment.element(number)
        guard !element.isEmpty, element.allSatisfy({ (0x20...0x7E).contains($0) }) else {
            throw segment.fault(number, "must be printable ASCII, is \(X12Text.shown(element))")
        }
    }

    private func expect(
        _ segment: X12Segment, _ number: Int, _ count: Int64, _ what: String
    ) throws(X12Fault) {
        let told = segment.element(number)
        guard X12Text.number(told) == count else {
            throw segment.fault(number, "\(X12Text.shown(told)) \(what), but they are \(count)")
        }
    }

    /// Control numbers are compared as numbers where they are: senders drop leading zeros on one side.
    private func expect(
        _ segment: X12Segment, _ number: Int, _ name: String, _ begun: ArraySlice<UInt8>?
    ) throws(X12Fault) {
        let (told, begun) = (segment.element(number), begun ?? [])
        guard !told.isEmpty else { throw segment.fault(number, "is missing; \(name) is \(X12Text.shown(begun))") }
        let areEqual = told == begun || X12Text.number(told).map { $0 == X12Text.number(begun) } ?? false
        guard areEqual else {
            throw segment.fault(number, "\(X12Text.shown(told)), but \(name) is \(X12Text.shown(begun))")
        }
    }
}
