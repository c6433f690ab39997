/// Reads of one consistent state of the ledger: a snapshot, or a batch that sees its own writes.
///
/// Keys and values are lent: valid until the state is released, renewed, written to or ended. Everything typed is built
/// on these two reads; see the extensions.
public protocol LedgerReading: ~Copyable {
    /// The value under a key, unchecked; nil when there is none.
    borrowing func record(
        _ key: UnsafeRawBufferPointer, in tree: Tree
    ) throws(LedgerError) -> UnsafeRawBufferPointer?

    /// Entries in key order from the first at or after `key` or, descending, from the last before it; until `body` says
    /// false.
    borrowing func scan(
        _ tree: Tree, from key: UnsafeRawBufferPointer, descending: Bool,
        _ body: (_ key: UnsafeRawBufferPointer, _ value: UnsafeRawBufferPointer) throws(LedgerError) -> Bool
    ) throws(LedgerError)
}
