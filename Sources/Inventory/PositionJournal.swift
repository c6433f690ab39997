/// The journal of one position: the events within the horizon that may still matter to a later arrival, by `OrderKey`.
///
/// Implemented by the ledger over the transaction that also stores the position; used by one thread.
public protocol PositionJournal: ~Copyable {
    associatedtype Failure: Error

    /// Calls `body` with the entries beyond `key`, in ascending order, until it returns false. It changes nothing.
    mutating func forEachEntry(after key: OrderKey, _ body: (JournalEntry) -> Bool) throws(Failure)
    /// Calls `body` with the entries below `key`, in descending order, until it returns false. It changes nothing.
    mutating func forEachEntry(before key: OrderKey, _ body: (JournalEntry) -> Bool) throws(Failure)
    /// The entry with that key; nil when there is none.
    mutating func entry(_ key: OrderKey) throws(Failure) -> JournalEntry?
    /// Adds an entry, or puts it in the place of the one with its key.
    mutating func put(_ entry: JournalEntry) throws(Failure)
    /// Adds an entry; its key is new.
    mutating func insert(_ entry: JournalEntry) throws(Failure)
    /// Removes the entry with that key, which is there.
    mutating func remove(_ key: OrderKey) throws(Failure)
}

extension OrderKey {
    /// Below every event's key: event ids are not empty.
    public static var lowest: OrderKey { OrderKey(primary: .min, isAbsolute: false, source: 0, id: "") }
}
