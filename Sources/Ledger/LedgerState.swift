public import Inventory

/// What the ledger counts about itself; rewritten by every commit.
public struct LedgerState: Sendable, Equatable {
    /// Of the newest committed change.
    public internal(set) var sequence: UInt64 = 0
    /// Persisted ledger time; never runs back.
    public internal(set) var ledgerTimeNanoseconds: WallNanoseconds = 0
    public internal(set) var positions: UInt64 = 0
    /// Of positions and of lots.
    public internal(set) var journalEntries: UInt64 = 0
    public internal(set) var deadLetters: UInt64 = 0
    /// What they take, without their keys.
    public internal(set) var deadLetterBytes: UInt64 = 0
    /// Also the number of the newest audit entry.
    public internal(set) var auditEntries: UInt64 = 0
    public internal(set) var reservations: UInt64 = 0
    /// ACTIVE or COMMITTED ones.
    public internal(set) var openReservations: UInt64 = 0
    /// Rows of lines that are open or have work left.
    public internal(set) var holds: UInt64 = 0
    public internal(set) var requestIDs: UInt64 = 0
    /// The change log begins after this sequence.
    public internal(set) var changesPrunedThrough: UInt64 = 0
    /// Positions whose stock is below their holds.
    public internal(set) var shortPositions: UInt64 = 0
    /// Transfers and allocations that are kept.
    public internal(set) var references: UInt64 = 0
    /// Supplies that are kept, told of or only received.
    public internal(set) var supplies: UInt64 = 0

    public internal(set) var variances: UInt64 = 0
    /// The number of the newest variance.
    public internal(set) var lastVariance: UInt64 = 0
    /// Lots of all positions.
    public internal(set) var lots: UInt64 = 0

    static let bytes = RecordHeader.bytes + 144

    func encode(into record: UnsafeMutableRawBufferPointer, key: UnsafeRawBufferPointer) {
        unsafe record.setLittle(16, sequence)
        unsafe record.setLittle(24, ledgerTimeNanoseconds)
        unsafe record.setLittle(32, positions)
        unsafe record.setLittle(40, journalEntries)
        unsafe record.setLittle(48, deadLetters)
        unsafe record.setLittle(56, auditEntries)
        unsafe record.setLittle(64, reservations)
        unsafe record.setLittle(72, openReservations)
        unsafe record.setLittle(80, holds)
        unsafe record.setLittle(88, requestIDs)
        unsafe record.setLittle(96, changesPrunedThrough)
        unsafe record.setLittle(104, shortPositions)
        unsafe record.setLittle(112, references)
        unsafe record.setLittle(120, variances)
        unsafe record.setLittle(128, lastVariance)
        unsafe record.setLittle(136, supplies)
        unsafe record.setLittle(144, lots)
        unsafe record.setLittle(152, deadLetterBytes)
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
        unsafe reservations = record.little(64, UInt64.self)
        unsafe openReservations = record.little(72, UInt64.self)
        unsafe holds = record.little(80, UInt64.self)
        unsafe requestIDs = record.little(88, UInt64.self)
        unsafe changesPrunedThrough = record.little(96, UInt64.self)
        unsafe shortPositions = record.little(104, UInt64.self)
        unsafe references = record.little(112, UInt64.self)
        unsafe variances = record.little(120, UInt64.self)
        unsafe lastVariance = record.little(128, UInt64.self)
        unsafe supplies = record.little(136, UInt64.self)
        unsafe lots = record.little(144, UInt64.self)
        unsafe deadLetterBytes = record.little(152, UInt64.self)
    }
}
