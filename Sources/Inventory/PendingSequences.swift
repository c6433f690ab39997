/// A source's sequences received beyond a gap. Implemented by the ledger; used by one thread.
public protocol PendingSequences: ~Copyable {
    associatedtype Failure: Error

    /// Keeps a sequence with its times. Returns false, and changes nothing, when it is kept already.
    mutating func insert(
        _ sequence: UInt64, occurredAtNanoseconds: WallNanoseconds, receivedAtNanoseconds: WallNanoseconds
    ) throws(Failure) -> Bool
    /// Takes a sequence out; nil when it is not kept.
    mutating func remove(_ sequence: UInt64) throws(Failure) -> (
        occurredAtNanoseconds: WallNanoseconds, receivedAtNanoseconds: WallNanoseconds
    )?
    mutating func removeAll() throws(Failure)
}
