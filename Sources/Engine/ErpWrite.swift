public import Inventory

/// One thing that an ERP has yet to be told or asked, and how far that has come.
public struct ErpWrite: Sendable, Equatable {
    public enum State: UInt8, Sendable, Equatable {
        /// Waits for its turn or its next attempt.
        case waiting = 1
        /// Sent; the answer is awaited.
        case sent = 2
        /// Sent; no answer came in time.
        case unknown = 3
        /// Given up; waits for a person.
        case failed = 4
    }

    public var work: ErpWork
    public var state: State
    /// How often the ERP was called for it since the server started.
    public var attempts: UInt32
    /// When it is tried again, at the earliest: ledger time; nil: not by itself.
    public var nextAttemptNanoseconds: WallNanoseconds?
    public var lastError: String
    /// Ledger time, both.
    public var createTimeNanoseconds: WallNanoseconds
    public var updateTimeNanoseconds: WallNanoseconds
    /// When a reserve was last sent that may still take effect; nil: none was, for sure.
    public var sentNanoseconds: WallNanoseconds?
    /// The same before the call under way: what holds when that turns out not to have been sent.
    var sentEarlierNanoseconds: WallNanoseconds?
    /// When the call under way was begun: what it answers was so then at the earliest.
    var askedNanoseconds: WallNanoseconds = 0
    /// The order in which the writes became due, over all ERPs.
    public var order: UInt64
    /// The call under way about it; 0: none.
    var call: UInt64 = 0

    /// The name operators know it by.
    public var id: String { "\(work.reservationID)/\(work.erp)" }
}
