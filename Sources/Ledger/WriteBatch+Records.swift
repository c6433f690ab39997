public import Inventory
internal import LMDB
internal import Synchronization

extension WriteBatch {
    // MARK: Event ids

    /// Remembers an event.
    public mutating func setEvent(
        _ event: EventRecord, tenant: TenantNumber, source: SourceNumber, id: String
    ) throws(LedgerError) {
        let key = KeyBuffer.eventID(tenant: tenant, source: source, id: id)
        unsafe try put(key.bytes, reserving: EventRecord.bytes, in: .eventIDs) { record in
            unsafe event.encode(into: record, key: key.bytes)
        }
    }

    /// False when it was not known.
    @discardableResult
    public mutating func deleteEvent(
        tenant: TenantNumber, source: SourceNumber, id: String
    ) throws(LedgerError) -> Bool {
        let key = KeyBuffer.eventID(tenant: tenant, source: source, id: id)
        return unsafe try delete(key.bytes, in: .eventIDs)
    }

    /// Looks at the next `count` event ids from where the last call stopped, wrapping round, and forgets those that
    /// occurred before their source's horizon; nil for a source means to keep all. Returns how many were forgotten.
    ///
    /// Called with every commit and a count above the number of ids a commit adds, it bounds the tree without a second
    /// index. The place is kept in memory: after a restart it begins anew. A damaged record is passed over.
    @discardableResult
    public mutating func pruneEventIDs(
        visiting count: Int, horizonOf: (TenantNumber, SourceNumber) -> WallNanoseconds?
    ) throws(LedgerError) -> Int {
        unsafe try prune(.eventIDs, visiting: count) { key, record in
            guard key.count >= 4, let event = unsafe EventRecord(record, key: key),
                let horizon = unsafe horizonOf(key.big(0, UInt16.self), key.big(2, UInt16.self))
            else { return false }
            return event.occurredAtNanoseconds < horizon
        }
    }

    /// Looks at the next `count` records of a tree from where the last call stopped, wrapping round, and deletes those
    /// that are over. Returns how many.
    mutating func prune(
        _ tree: Tree, visiting count: Int,
        isOver: (_ key: UnsafeRawBufferPointer, _ record: UnsafeRawBufferPointer) -> Bool
    ) throws(LedgerError) -> Int {
        var forgotten = 0
        var start = KeyBuffer()
        let hand = ledger.writer.withLock { $0.pruneHands[tree] ?? [] }
        let moved: [UInt8]
        do throws(LMDBError) {
            var cursor = try transaction.openCursor(ledger.database(tree))
            unsafe hand.withUnsafeBytes { unsafe start.append($0) }
            var entry = unsafe try hand.isEmpty ? cursor.first() : cursor.seek(atOrAfter: start.bytes)
            for _ in 0..<count {
                guard let found = unsafe entry else { break }
                if unsafe isOver(found.key, found.value) {
                    try cursor.delete()
                    forgotten += 1
                }
                unsafe entry = try cursor.next()
            }
            // The key of the next to look at; none: the end was reached, and the next call begins anew.
            moved = unsafe entry.map { unsafe [UInt8]($0.key) } ?? []
        } catch { throw LedgerError(error) }
        ledger.writer.withLock { $0.pruneHands[tree] = moved }
        return forgotten
    }

    // MARK: Documents

    /// Stores a document in place of any other under the id.
    public mutating func setDocument<Value: Encodable>(
        _ value: Value, tenant: TenantNumber, kind: DocumentKind, id: String
    ) throws(LedgerError) {
        let key = KeyBuffer.document(tenant: tenant, kind: kind, id: id)
        unsafe try putJSON(value, key: key.bytes, in: .documents)
    }

    /// False when there was none.
    @discardableResult
    public mutating func deleteDocument(
        tenant: TenantNumber, kind: DocumentKind, id: String
    ) throws(LedgerError) -> Bool {
        let key = KeyBuffer.document(tenant: tenant, kind: kind, id: id)
        return unsafe try delete(key.bytes, in: .documents)
    }

    mutating func putJSON<Value: Encodable>(
        _ value: Value, key: UnsafeRawBufferPointer, in tree: Tree
    ) throws(LedgerError) {
        let text = try JSONText.encode(value)
        unsafe try put(key, reserving: RecordHeader.bytes + text.count, in: tree) { record in
            unsafe text.withUnsafeBytes { unsafe record.set(RecordHeader.bytes, $0) }
            unsafe RecordHeader.seal(record, key: key)
        }
    }

    // MARK: Names

    /// The number of a name, a new one if it has none. Numbers count from 1 and are never given twice.
    public mutating func intern(
        _ name: String, kind: NameKind, tenant: TenantNumber
    ) throws(LedgerError) -> UInt16 {
        precondition(!name.isEmpty && name.utf8.count <= Schema.keyTextBytesMax, "a name is 1 to 64 bytes")
        if let number = try number(of: name, kind: kind, tenant: tenant) { return number }
        let last = try lastNumber(kind: kind, tenant: tenant)
        guard last < .max else { throw .numbersExhausted(kind) }
        let number = last + 1
        let nameKey = KeyBuffer.name(name, kind: kind, tenant: tenant)
        unsafe try put(nameKey.bytes, reserving: RecordHeader.bytes, in: .names) { record in
            unsafe RecordHeader.seal(record, key: nameKey.bytes, word: number)
        }
        let numberKey = KeyBuffer.number(number, kind: kind, tenant: tenant)
        unsafe try put(numberKey.bytes, reserving: RecordHeader.bytes + name.utf8.count, in: .names) { record in
            unsafe name.withBytes { unsafe record.set(RecordHeader.bytes, $0) }
            unsafe RecordHeader.seal(record, key: numberKey.bytes)
        }
        return number
    }

    /// 0 when none was given.
    private borrowing func lastNumber(kind: NameKind, tenant: TenantNumber) throws(LedgerError) -> UInt16 {
        let prefix = KeyBuffer.number(nil, kind: kind, tenant: tenant)
        var end = KeyBuffer.number(.max, kind: kind, tenant: tenant)
        end.append(UInt8(0))
        var last: UInt16 = 0
        unsafe try scan(.names, from: end.bytes, descending: true) { key, _ throws(LedgerError) in
            if key.count == 6, unsafe key.starts(with: prefix.bytes) { unsafe last = key.big(4, UInt16.self) }
            return false
        }
        return last
    }

    // MARK: Pending sequences

    public mutating func setPendingSequence(
        _ pending: PendingSequence, tenant: TenantNumber, source: SourceNumber
    ) throws(LedgerError) {
        let key = KeyBuffer.pendingSequence(tenant: tenant, source: source, sequence: pending.sequence)
        unsafe try put(key.bytes, reserving: PendingSequence.bytes, in: .pendingSequences) { record in
            unsafe pending.encode(into: record, key: key.bytes)
        }
    }

    /// False when it was not there.
    @discardableResult
    public mutating func deletePendingSequence(
        _ sequence: UInt64, tenant: TenantNumber, source: SourceNumber
    ) throws(LedgerError) -> Bool {
        let key = KeyBuffer.pendingSequence(tenant: tenant, source: source, sequence: sequence)
        return unsafe try delete(key.bytes, in: .pendingSequences)
    }

    // MARK: Audit log

    /// Appends to the audit log for ever; returns the entry's number.
    @discardableResult
    public mutating func appendAudit<Value: Encodable>(
        _ entry: Value, tenant: TenantNumber
    ) throws(LedgerError) -> UInt64 {
        let number = state.auditEntries + 1
        let key = KeyBuffer.audit(tenant: tenant, number: number)
        unsafe try putJSON(entry, key: key.bytes, in: .audit)
        state.auditEntries = number
        return number
    }
}
