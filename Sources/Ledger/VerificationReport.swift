/// What `Ledger.verify` found.
public struct VerificationReport: Sendable, Equatable {
    /// The ledger sequence of the snapshot that was walked.
    public internal(set) var sequence: UInt64 = 0
    /// Recounted, not taken from the counters.
    public internal(set) var positions: UInt64 = 0
    public internal(set) var journalEntries: UInt64 = 0
    public internal(set) var eventIDs: UInt64 = 0
    public internal(set) var documents: UInt64 = 0
    public internal(set) var names: UInt64 = 0
    public internal(set) var pendingSequences: UInt64 = 0
    public internal(set) var auditEntries: UInt64 = 0
    public internal(set) var deadLetters: UInt64 = 0
    public internal(set) var deadLetterBytes: UInt64 = 0
    public internal(set) var deadLetterIDs: UInt64 = 0
    public internal(set) var reservations: UInt64 = 0
    public internal(set) var openReservations: UInt64 = 0
    public internal(set) var holds: UInt64 = 0
    public internal(set) var requestIDs: UInt64 = 0
    public internal(set) var changes: UInt64 = 0
    public internal(set) var shortPositions: UInt64 = 0
    public internal(set) var references: UInt64 = 0
    public internal(set) var variances: UInt64 = 0
    public internal(set) var supplies: UInt64 = 0
    public internal(set) var lots: UInt64 = 0
    /// The first problems, each with the key it concerns; `problemCount` counts all.
    public internal(set) var problems: [String] = []
    public internal(set) var problemCount = 0

    public static let problemsMax = 1_000

    public var isClean: Bool { problemCount == 0 }

    mutating func note(_ problem: @autoclosure () -> String) {
        problemCount += 1
        if problems.count < Self.problemsMax { problems.append(problem()) }
    }
}
