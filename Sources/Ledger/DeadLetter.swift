public import Inventory

/// Names a dead letter: a 128-bit digest of its tenant's bytes, made by the caller.
public struct DeadLetterID: Sendable, Hashable, Comparable, CustomStringConvertible {
    public var high: UInt64
    public var low: UInt64

    public init(high: UInt64, low: UInt64) {
        self.high = high
        self.low = low
    }

    /// From 32 hexadecimal digits, as `description` gives them; nil for anything else.
    public init?(_ text: String) {
        guard text.utf8.count == 32, let high = UInt64(text.prefix(16), radix: 16),
            let low = UInt64(text.suffix(16), radix: 16)
        else { return nil }
        self.init(high: high, low: low)
        guard description == text.lowercased() else { return nil }
    }

    public var description: String { Self.hexadecimal(high) + Self.hexadecimal(low) }

    public static func < (left: DeadLetterID, right: DeadLetterID) -> Bool {
        left.high != right.high ? left.high < right.high : left.low < right.low
    }

    private static func hexadecimal(_ value: UInt64) -> String {
        let digits = String(value, radix: 16)
        return String(repeating: "0", count: 16 - digits.count) + digits
    }
}

/// An event that could not be applied, with what is needed to list, replay or discard it.
public struct DeadLetter: Sendable, Equatable {
    /// The ledger sequence at which it first came.
    public var firstSequence: UInt64
    public var firstTimeNanoseconds: WallNanoseconds
    public var lastTimeNanoseconds: WallNanoseconds
    public var attempts: UInt32
    /// At most 65,535 bytes, as the source.
    public var reason: String
    public var source: String
    /// As they were received.
    public var original: [UInt8]

    public init(
        firstSequence: UInt64, firstTimeNanoseconds: WallNanoseconds, lastTimeNanoseconds: WallNanoseconds,
        attempts: UInt32, reason: String, source: String, original: [UInt8]
    ) {
        self.firstSequence = firstSequence
        self.firstTimeNanoseconds = firstTimeNanoseconds
        self.lastTimeNanoseconds = lastTimeNanoseconds
        self.attempts = attempts
        self.reason = reason
        self.source = source
        self.original = original
    }

    private static let fixedBytes = RecordHeader.bytes + 32

    var bytes: Int { Self.fixedBytes + reason.utf8.count + source.utf8.count + original.count }

    func encode(into record: UnsafeMutableRawBufferPointer, key: UnsafeRawBufferPointer) {
        precondition(reason.utf8.count <= UInt16.max && source.utf8.count <= UInt16.max, "reason or source too long")
        unsafe record.setLittle(16, firstSequence)
        unsafe record.setLittle(24, firstTimeNanoseconds)
        unsafe record.setLittle(32, lastTimeNanoseconds)
        unsafe record.setLittle(40, attempts)
        unsafe record.setLittle(44, UInt16(reason.utf8.count))
        unsafe record.setLittle(46, UInt16(source.utf8.count))
        var offset = Self.fixedBytes
        for text in [reason, source] {
            unsafe text.withBytes { unsafe record.set(offset, $0) }
            offset += text.utf8.count
        }
        unsafe original.withUnsafeBytes { unsafe record.set(offset, $0) }
        unsafe RecordHeader.seal(record, key: key)
    }

    init?(_ record: UnsafeRawBufferPointer, key: UnsafeRawBufferPointer) {
        guard record.count >= Self.fixedBytes, unsafe RecordHeader.isIntact(record, key: key) else { return nil }
        let reasonEnd = Self.fixedBytes + Int(unsafe record.little(44, UInt16.self))
        let sourceEnd = reasonEnd + Int(unsafe record.little(46, UInt16.self))
        guard sourceEnd <= record.count else { return nil }
        unsafe firstSequence = record.little(16, UInt64.self)
        unsafe firstTimeNanoseconds = record.little(24, Int64.self)
        unsafe lastTimeNanoseconds = record.little(32, Int64.self)
        unsafe attempts = record.little(40, UInt32.self)
        unsafe reason = String(decoding: record[Self.fixedBytes..<reasonEnd], as: UTF8.self)
        unsafe source = String(decoding: record[reasonEnd..<sourceEnd], as: UTF8.self)
        unsafe original = [UInt8](record[sourceEnd...])
    }
}
