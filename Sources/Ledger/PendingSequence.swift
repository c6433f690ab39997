public import Inventory

/// A source's sequence received beyond a gap.
public struct PendingSequence: Sendable, Equatable {
    public var sequence: UInt64
    public var occurredAtNanoseconds: WallNanoseconds
    public var receivedAtNanoseconds: WallNanoseconds

    static let bytes = RecordHeader.bytes + 16

    public init(
        sequence: UInt64, occurredAtNanoseconds: WallNanoseconds, receivedAtNanoseconds: WallNanoseconds
    ) {
        self.sequence = sequence
        self.occurredAtNanoseconds = occurredAtNanoseconds
        self.receivedAtNanoseconds = receivedAtNanoseconds
    }

    func encode(into record: UnsafeMutableRawBufferPointer, key: UnsafeRawBufferPointer) {
        unsafe record.setLittle(16, occurredAtNanoseconds)
        unsafe record.setLittle(24, receivedAtNanoseconds)
        unsafe RecordHeader.seal(record, key: key)
    }

    init?(_ record: UnsafeRawBufferPointer, key: UnsafeRawBufferPointer) {
        guard record.count == Self.bytes, key.count == 12, unsafe RecordHeader.isIntact(record, key: key) else {
            return nil
        }
        unsafe sequence = key.big(4, UInt64.self)
        unsafe occurredAtNanoseconds = record.little(16, Int64.self)
        unsafe receivedAtNanoseconds = record.little(24, Int64.self)
    }
}
