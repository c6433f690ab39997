public import Inventory

/// Tells a repeat of the same poison: a 128-bit digest, made by the engine.
public struct DeadLetterDigest: Sendable, Hashable {
    public var high: UInt64
    public var low: UInt64

    public init(high: UInt64, low: UInt64) {
        self.high = high
        self.low = low
    }
}

/// An event that could not be applied, with what is needed to list, replay or discard it.
public struct DeadLetter: Sendable, Equatable {
    /// The ledger sequence at which it first came; its place in the list.
    public var sequence: UInt64
    public var digest: DeadLetterDigest
    /// What the original is, in the engine's own code.
    public var contentType: UInt8
    public var firstTimeNanoseconds: WallNanoseconds
    public var lastTimeNanoseconds: WallNanoseconds
    /// How often it came or was replayed, the first time included.
    public var attempts: UInt32
    /// At most 65,535 bytes, as each of the texts below.
    public var reason: String
    public var source: String
    /// The event's id at its source and its sku, as far as they could be read.
    public var eventID: String
    public var sku: String
    /// The feed that brought it, whose map reads it anew; empty: none did.
    public var feed: String
    /// As they were received.
    public var original: [UInt8]

    public init(
        sequence: UInt64, digest: DeadLetterDigest, contentType: UInt8, firstTimeNanoseconds: WallNanoseconds,
        lastTimeNanoseconds: WallNanoseconds, attempts: UInt32, reason: String, source: String, eventID: String,
        sku: String, feed: String = "", original: [UInt8]
    ) {
        self.sequence = sequence
        self.digest = digest
        self.contentType = contentType
        self.firstTimeNanoseconds = firstTimeNanoseconds
        self.lastTimeNanoseconds = lastTimeNanoseconds
        self.attempts = attempts
        self.reason = reason
        self.source = source
        self.eventID = eventID
        self.sku = sku
        self.feed = feed
        self.original = original
    }

    /// What callers call it: its sequence and a part of its digest, so that the id of another time names nothing here.
    public var id: String {
        let check = UInt32(truncatingIfNeeded: digest.high ^ digest.low)
        return "\(String(sequence, radix: 32))-\(String(check, radix: 32))"
    }

    /// The sequence in an id; nil when it is none. The letter found there must still be called so.
    public static func sequence(inID id: String) -> UInt64? {
        id.utf8.count <= 32 ? id.split(separator: "-").first.flatMap { UInt64($0, radix: 32) } : nil
    }

    private static let fixedBytes = RecordHeader.bytes + 46

    private var texts: [String] { [reason, source, eventID, sku, feed] }

    /// What it takes in the store, without its key.
    public var bytes: Int { Self.fixedBytes + texts.reduce(original.count) { $0 + $1.utf8.count } }

    func encode(into record: UnsafeMutableRawBufferPointer, key: UnsafeRawBufferPointer) {
        unsafe record.setLittle(16, digest.high)
        unsafe record.setLittle(24, digest.low)
        unsafe record.setLittle(32, firstTimeNanoseconds)
        unsafe record.setLittle(40, lastTimeNanoseconds)
        unsafe record.setLittle(48, attempts)
        var offset = Self.fixedBytes
        for (index, text) in texts.enumerated() {
            precondition(text.utf8.count <= UInt16.max, "a text of a dead letter is too long")
            unsafe record.setLittle(52 + 2 * index, UInt16(text.utf8.count))
            unsafe text.withBytes { unsafe record.set(offset, $0) }
            offset += text.utf8.count
        }
        unsafe original.withUnsafeBytes { unsafe record.set(offset, $0) }
        unsafe RecordHeader.seal(record, key: key, byte: contentType)
    }

    init?(_ record: UnsafeRawBufferPointer, key: UnsafeRawBufferPointer) {
        guard key.count == 10, record.count >= Self.fixedBytes, unsafe RecordHeader.isIntact(record, key: key) else {
            return nil
        }
        var offset = Self.fixedBytes
        var texts: [String] = []
        for index in 0..<5 {
            let end = offset + Int(unsafe record.little(52 + 2 * index, UInt16.self))
            guard end <= record.count else { return nil }
            unsafe texts.append(String(decoding: record[offset..<end], as: UTF8.self))
            offset = end
        }
        unsafe sequence = key.big(2, UInt64.self)
        unsafe contentType = record[1]
        unsafe digest = DeadLetterDigest(high: record.little(16, UInt64.self), low: record.little(24, UInt64.self))
        unsafe firstTimeNanoseconds = record.little(32, Int64.self)
        unsafe lastTimeNanoseconds = record.little(40, Int64.self)
        unsafe attempts = record.little(48, UInt32.self)
        (reason, source, eventID, sku, feed) = (texts[0], texts[1], texts[2], texts[3], texts[4])
        unsafe original = [UInt8](record[offset...])
    }
}
