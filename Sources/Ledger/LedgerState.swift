public import Inventory

/// What the ledger counts about itself; rewritten by every commit.
public struct LedgerState: Sendable, Equatable {
    /// Of the newest committed change.
    public internal(set) var sequence: UInt64 = 0
    /// Persisted ledger time; never runs back.
    public internal(set) var ledgerTimeNanoseconds: WallNanoseconds = 0
    public internal(set) var positions: UInt64 = 0
    public internal(set) var journalEntries: UInt64 = 0
    public internal(set) var deadLetters: UInt64 = 0
    /// Also the number of the newest audit entry.
    public internal(set) var auditEntries: UInt64 = 0

    static let bytes = RecordHeader.bytes + 48

    func encode(into record: UnsafeMutableRawBufferPointer, key: UnsafeRawBufferPointer) {
        unsafe record.setLittle(16, sequence)
        unsafe record.setLittle(24, ledgerTimeNanoseconds)
        unsafe record.setLittle(32, positions)
        unsafe record.setLittle(40, journalEntries)
        unsafe record.setLittle(48, deadLetters)
        unsafe record.setLittle(56, auditEntries)
        unsafe RecordHeader.seal(record, key: key)
    }

    init() {}

    init?(_ record: UnsafeRawBufferPointer, key: UnsafeRawBufferPointer) {
        guard record.count == Self.bytes, unsafe RecordHeader.isIntact(record, key: key) else { return nil }
        unsafe sequence = record.little(16, UInt64.self)
        unsafe ledgerTimeNanoseconds = record.little(24, Int64.self)
        unsafe positions = record.little(32, UInt64.self)
        unsafe journalEntries = record.little(40, UInt64.self)
        unsafe deadLetters = record.little(48, UInt64.self)
        unsafe auditEntries = record.little(56, UInt64.self)
    }
}
