/// One record as it lies in the file, without the line break after it.
public struct RawRecord: Equatable, Sendable {
    /// A longer one cannot be read.
    public static let bytesMax = 65_536

    /// Of its first byte, counted from 1.
    public var line: Int
    /// Where it begins in the stream, in bytes.
    public var offset: UInt64
    public var bytes: [UInt8]
    /// Why it cannot be read; `bytes` is then its beginning.
    public var problem: String?

    public init(line: Int, offset: UInt64, bytes: [UInt8], problem: String? = nil) {
        self.line = line
        self.offset = offset
        self.bytes = bytes
        self.problem = problem
    }
}

/// Cuts a stream of bytes into records, one line each; in CSV a line break inside quotes is part of the record
/// (RFC 4180, section 2.6). Holds one chunk and one record, however long the stream is.
///
/// A record that is too long, or whose quote is never closed, costs its first line only: reading goes on with the next.
public struct RecordReader<Failure: Error> {

    private enum Place {
        case fieldStart, unquoted, quoted, afterQuote
    }

    private let quotesHideBreaks: Bool
    private let readChunk: () throws(Failure) -> [UInt8]
    private var chunk: [UInt8] = []
    private var offset = 0
    private var place = Place.fieldStart
    private var record: [UInt8] = []
    private var line = 1
    /// Where the record under way begins.
    private var recordOffset: UInt64 = 0
    private var lineBreaks = 0
    private var hasBegun = false

    /// - Parameters:
    ///   - isCSV: whether quotes hide line breaks.
    ///   - readChunk: gives the next bytes, and none at the end.
    public init(isCSV: Bool, readChunk: @escaping () throws(Failure) -> [UInt8]) {
        quotesHideBreaks = isCSV
        self.readChunk = readChunk
    }

    /// The next record that is not an empty line; nil at the end.
    public mutating func next() throws(Failure) -> RawRecord? {
        if !hasBegun { try skipByteOrderMark() }
        begin()
        while true {
            if offset == chunk.count {
                chunk = try readChunk()
                offset = 0
                if chunk.isEmpty {
                    if record.isEmpty { return nil }
                    return try place == .quoted ? abandon(reason: "a quote is not closed") : finished()
                }
            }
            let start = offset
            let isEnded = scan()
            record.append(contentsOf: chunk[start..<offset])
            if record.count - (isEnded ? 1 : 0) > RawRecord.bytesMax {
                return try abandon(reason: "longer than \(RawRecord.bytesMax) bytes (or a quote is not closed)")
            }
            guard isEnded else { continue }
            let found = finished()
            if !found.bytes.isEmpty { return found }
            begin()
        }
    }

    private mutating func begin() {
        record.removeAll(keepingCapacity: true)
        place = .fieldStart
        lineBreaks = 0
    }

    /// Moves behind the record's end, or to the end of the chunk when it goes on.
    private mutating func scan() -> Bool {
        var place = place
        var offset = offset
        var lineBreaks = lineBreaks
        var isEnded = false
        while offset < chunk.count && !isEnded {
            let byte = chunk[offset]
            offset += 1
            switch byte {
            case 0x0A:
                lineBreaks += 1
                isEnded = place != .quoted
            case UInt8(ascii: "\"") where quotesHideBreaks:
                switch place {
                case .fieldStart, .afterQuote: place = .quoted
                case .quoted: place = .afterQuote
                case .unquoted: break
                }
            case UInt8(ascii: ",") where place != .quoted: place = .fieldStart
            default:
                if place != .quoted { place = .unquoted }
            }
        }
        (self.place, self.offset, self.lineBreaks) = (place, offset, lineBreaks)
        return isEnded
    }

    private mutating func finished() -> RawRecord {
        let start = (line: line, offset: recordOffset)
        line += lineBreaks
        recordOffset += UInt64(record.count)
        if record.last == 0x0A { record.removeLast() }
        if record.last == 0x0D { record.removeLast() }
        return RawRecord(line: start.line, offset: start.offset, bytes: record, problem: nil)
    }

    /// Gives up the record's first line and puts back what was read beyond it, so that what follows does not depend on
    /// how the stream was cut into chunks.
    private mutating func abandon(reason: String) throws(Failure) -> RawRecord {
        let broken = RawRecord(line: line, offset: recordOffset, bytes: Array(record.prefix(256)), problem: reason)
        line += 1
        if let lineEnd = record.firstIndex(of: 0x0A) {
            recordOffset += UInt64(lineEnd + 1)
            chunk = Array(record[(lineEnd + 1)...]) + chunk[offset...]
            offset = 0
            return broken
        }
        recordOffset += UInt64(record.count)
        while true {
            let lineEnd = chunk[offset...].firstIndex(of: 0x0A)
            let next = lineEnd.map { $0 + 1 } ?? chunk.count
            recordOffset += UInt64(next - offset)
            offset = next
            if lineEnd != nil { return broken }
            chunk = try readChunk()
            offset = 0
            if chunk.isEmpty { return broken }
        }
    }

    private mutating func skipByteOrderMark() throws(Failure) {
        hasBegun = true
        while chunk.count < 3 {
            let more = try readChunk()
            if more.isEmpty { break }
            chunk += more
        }
        if chunk.starts(with: [0xEF, 0xBB, 0xBF]) {
            offset = 3
            recordOffset = 3
        }
    }
}
