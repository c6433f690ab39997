/// Where in a file a segment stands.
public struct X12Place: Sendable, Equatable, CustomStringConvertible {
    /// The file's line it begins on, from 1. Where segments do not end lines, all stand on the first.
    public var line: Int
    /// Its number in the transaction set, ST being 1, as a 997 counts in AK302; 0 outside of one.
    public var segment: Int
    /// Such as `QTY`; empty: there is none.
    public var id: String

    public init(line: Int, segment: Int = 0, id: String = "") {
        self.line = line
        self.segment = segment
        self.id = id
    }

    /// Such as `line 7, segment 5 (QTY)`.
    public var description: String {
        "line \(line)" + (segment > 0 ? ", segment \(segment)" : "") + (id.isEmpty ? "" : " (\(id))")
    }
}

/// What is wrong with a file as a whole: its envelopes cannot be trusted, so nothing of it may be published.
public struct X12Fault: Error, Sendable, Equatable, CustomStringConvertible {
    public let place: X12Place
    /// For people: the element and what it should be.
    public let reason: String

    public init(_ place: X12Place, _ reason: String) {
        self.place = place
        self.reason = reason
    }

    public var description: String { "\(place): \(reason)" }
}

/// What is wrong with one LIN loop: it is left out, and the others are published.
struct X12Problem: Error, Equatable, CustomStringConvertible {
    let place: X12Place
    let reason: String

    init(_ place: X12Place, _ reason: String) {
        self.place = place
        self.reason = reason
    }

    var description: String { "\(place): \(reason)" }
}

enum X12Text {
    /// As much of what was sent as a message may show: printable, at most 40 bytes of it.
    static func shown(_ bytes: some Collection<UInt8>) -> String {
        guard !bytes.isEmpty else { return "nothing" }
        let printable = bytes.prefix(40).map { (0x21...0x7E).contains($0) || $0 == 0x20 ? $0 : UInt8(ascii: "?") }
        return "\"" + String(decoding: printable, as: UTF8.self) + (bytes.count > 40 ? "…\"" : "\"")
    }

    static func isLetterOrDigit(_ byte: UInt8) -> Bool {
        isDigit(byte) || (UInt8(ascii: "A")...UInt8(ascii: "Z")).contains(byte & 0xDF)
    }

    static func isDigit(_ byte: UInt8) -> Bool {
        (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte)
    }

    /// The number that digits alone make; nil for anything else, nothing, and more than 18 digits.
    static func number(_ bytes: some Collection<UInt8>) -> Int64? {
        guard (1...18).contains(bytes.count), bytes.allSatisfy(isDigit) else { return nil }
        return bytes.reduce(0) { $0 * 10 + Int64($1 - UInt8(ascii: "0")) }
    }
}
