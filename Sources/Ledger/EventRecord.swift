public import Inventory

/// What is remembered of an event for as long as it could come again.
public struct EventRecord: Sendable, Equatable {
    public var occurredAtNanoseconds: WallNanoseconds
    /// Tells a repeat from another body under the same id.
    public var bodyDigest: UInt64
    /// The outcome first answered, in the engine's own code.
    public var outcome: UInt8
    /// The ledger sequence of its effect.
    public var sequence: UInt64

    static let bytes = RecordHeader.bytes + 24

    public init(occurredAtNanoseconds: WallNanoseconds, bodyDigest: UInt64, outcome: UInt8, sequence: UInt64) {
        self.occurredAtNanoseconds = occurredAtNanoseconds
        self.bodyDigest = bodyDigest
        self.outcome = outcome
        self.sequence = sequence
    }

    func encode(into record: UnsafeMutableRawBufferPointer, key: UnsafeRawBufferPointer) {
        unsafe record.setLittle(16, occurredAtNanoseconds)
        unsafe record.setLittle(24, bodyDigest)
        unsafe record.setLittle(32, sequence)
        unsafe RecordHeader.seal(record, key: key, byte: outcome)
    }

    init?(_ record: UnsafeRawBufferPointer, key: UnsafeRawBufferPointer) {
        guard record.count == Self.bytes, unsafe RecordHeader.isIntact(record, key: key) else { return nil }
        unsafe outcome = record[1]
        unsafe occurredAtNanoseconds = record.little(16, Int64.self)
        unsafe bodyDigest = record.little(24, UInt64.self)
        unsafe sequence = record.little(32, UInt64.self)
    }
}
