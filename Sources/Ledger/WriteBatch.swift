public import Inventory
internal import LMDB

/// One group of changes that become durable together, or not at all. It reads its own writes, belongs to the writer's
/// thread, and is aborted unless committed.
///
/// After any error but `corrupt` and `numbersExhausted` it must be dropped: LMDB refuses to go on with it.
public struct WriteBatch: ~Copyable, LedgerReading {
    // Destroyed in this order: the transaction must end before the ledger, of which this may be the last owner.
    var transaction: WriteTransaction
    let ledger: Ledger
    /// The ledger's counters as this batch leaves them.
    public internal(set) var state: LedgerState
    private let begun: LedgerState
    private var newIdentity: LedgerIdentity?
    /// Whether anything was stored or deleted: a batch without that need not be committed. Pruning does not count: it only
    /// pays for what was stored.
    public private(set) var hasChanged = false

    init(ledger: Ledger) throws(LedgerError) {
        let transaction = try storing { () throws(LMDBError) in try ledger.environment.beginWrite() }
        let key = KeyBuffer.meta(Schema.stateKey)
        let meta = ledger.database(.meta)
        var state = LedgerState()
        let record = unsafe try storing { () throws(LMDBError) in unsafe try transaction.get(key.bytes, from: meta) }
        if let record = unsafe record {
            guard let stored = unsafe LedgerState(record, key: key.bytes) else {
                throw .corrupt("the ledger's counters")
            }
            state = stored
        }
        self.ledger = ledger
        self.transaction = transaction
        self.state = state
        begun = state
    }

    // MARK: Sequence, time, epoch

    /// Takes the next ledger sequence; visible to others once committed.
    public mutating func nextSequence() -> UInt64 {
        state.sequence += 1
        return state.sequence
    }

    /// Moves persisted ledger time forward; an earlier time changes nothing.
    public mutating func advanceLedgerTime(to nanoseconds: WallNanoseconds) {
        state.ledgerTimeNanoseconds = max(state.ledgerTimeNanoseconds, nanoseconds)
    }

    /// The ledger's epoch, as it is before the commit.
    public var epoch: UInt64 { ledger.epoch }

    /// Begins a new epoch with the commit.
    public mutating func setEpoch(_ epoch: UInt64) throws(LedgerError) {
        try setIdentity(LedgerIdentity(epoch: epoch, awaitsErps: ledger.awaitsErps))
    }

    /// What was held at the ERPs when the backup was restored is known again.
    public mutating func endRestoration() throws(LedgerError) {
        guard ledger.awaitsErps else { return }
        try setIdentity(LedgerIdentity(epoch: ledger.epoch))
    }

    private mutating func setIdentity(_ identity: LedgerIdentity) throws(LedgerError) {
        let key = KeyBuffer.meta(Schema.identityKey)
        unsafe try put(key.bytes, reserving: LedgerIdentity.bytes, in: .meta) { record in
            unsafe identity.encode(into: record)
        }
        newIdentity = identity
    }

    // MARK: The end

    /// Makes everything durable; returns the ledger sequence now committed.
    ///
    /// `storageFull`: nothing was written, and the ballast was freed. `fatal`: the sync failed; stop the process.
    public consuming func commit() throws(LedgerError) -> UInt64 {
        if state != begun { try putState() }
        let ledger = ledger
        let sequence = state.sequence
        let newIdentity = newIdentity
        ledger.reached(.beforeCommit)
        do throws(LMDBError) {
            try transaction.commit()
        } catch {
            if error.severity == .storageFull { ledger.spendBallast() }
            throw LedgerError(error)
        }
        if let newIdentity { ledger.publish(newIdentity) }
        ledger.reached(.afterCommit)
        return sequence
    }

    /// Drops every change; returns the ledger sequence that stays the committed one.
    @discardableResult
    public consuming func abort() -> UInt64 { begun.sequence }

    private mutating func putState() throws(LedgerError) {
        let key = KeyBuffer.meta(Schema.stateKey)
        let state = state
        unsafe try put(key.bytes, reserving: LedgerState.bytes, in: .meta) { record in
            unsafe state.encode(into: record, key: key.bytes)
        }
    }

    // MARK: Reads and writes of bytes

    public borrowing func record(
        _ key: UnsafeRawBufferPointer, in tree: Tree
    ) throws(LedgerError) -> UnsafeRawBufferPointer? {
        do throws(LMDBError) {
            return unsafe try transaction.get(key, from: ledger.database(tree))
        } catch { throw LedgerError(error) }
    }

    public borrowing func scan(
        _ tree: Tree, from key: UnsafeRawBufferPointer, descending: Bool,
        _ body: (_ key: UnsafeRawBufferPointer, _ value: UnsafeRawBufferPointer) throws(LedgerError) -> Bool
    ) throws(LedgerError) {
        let database = ledger.database(tree)
        var cursor = try storing { () throws(LMDBError) in try transaction.openCursor(database) }
        unsafe try scanEntries(&cursor, from: key, descending: descending, body)
    }

    mutating func put(
        _ key: UnsafeRawBufferPointer, reserving count: Int, in tree: Tree,
        fill: (UnsafeMutableRawBufferPointer) -> Void
    ) throws(LedgerError) {
        hasChanged = true
        do throws(LMDBError) {
            unsafe try transaction.put(key, reserving: count, into: ledger.database(tree), fill: fill)
        } catch { throw LedgerError(error) }
    }

    /// As `put`, for a key that is expected behind all others of its tree.
    mutating func append(
        _ key: UnsafeRawBufferPointer, reserving count: Int, in tree: Tree,
        fill: (UnsafeMutableRawBufferPointer) -> Void
    ) throws(LedgerError) {
        hasChanged = true
        do throws(LMDBError) {
            unsafe try transaction.append(key, reserving: count, into: ledger.database(tree), fill: fill)
        } catch { throw LedgerError(error) }
    }

    /// Stores and says whether the key is new, at the cost of one search when it is not.
    mutating func upsert(
        _ key: UnsafeRawBufferPointer, reserving count: Int, in tree: Tree,
        fill: (UnsafeMutableRawBufferPointer) -> Void
    ) throws(LedgerError) -> Bool {
        hasChanged = true
        do throws(LMDBError) {
            var cursor = try transaction.openCursor(ledger.database(tree))
            let isNew = unsafe try cursor.seek(key) == nil
            if isNew {
                unsafe try cursor.put(key, reserving: count, fill: fill)
            } else {
                unsafe try cursor.putCurrent(key, reserving: count, fill: fill)
            }
            return isNew
        } catch { throw LedgerError(error) }
    }

    mutating func delete(_ key: UnsafeRawBufferPointer, in tree: Tree) throws(LedgerError) -> Bool {
        hasChanged = true
        do throws(LMDBError) {
            return unsafe try transaction.delete(key, from: ledger.database(tree))
        } catch { throw LedgerError(error) }
    }
}
