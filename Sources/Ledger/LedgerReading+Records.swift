public import Inventory

extension LedgerReading where Self: ~Copyable {
    // MARK: Event ids

    /// What is remembered of an event; nil when it is new or pruned.
    public borrowing func event(
        tenant: TenantNumber, source: SourceNumber, id: String
    ) throws(LedgerError) -> EventRecord? {
        let key = KeyBuffer.eventID(tenant: tenant, source: source, id: id)
        guard let record = unsafe try record(key.bytes, in: .eventIDs) else { return nil }
        guard let event = unsafe EventRecord(record, key: key.bytes) else {
            throw unsafe damaged(key.bytes, in: .eventIDs)
        }
        return event
    }

    // MARK: Documents

    /// Nil when there is none.
    public borrowing func document<Value: Decodable>(
        _ type: Value.Type = Value.self, tenant: TenantNumber, kind: DocumentKind, id: String
    ) throws(LedgerError) -> Value? {
        let key = KeyBuffer.document(tenant: tenant, kind: kind, id: id)
        guard let record = unsafe try record(key.bytes, in: .documents) else { return nil }
        return unsafe try decode(type, record, key: key.bytes, in: .documents)
    }

    /// All documents of a kind in order of id, or those after one; until `body` says false.
    public borrowing func forEachDocument<Value: Decodable>(
        _ type: Value.Type = Value.self, tenant: TenantNumber, kind: DocumentKind, after: String? = nil,
        startingWith start: String = "", _ body: (_ id: String, Value) throws(LedgerError) -> Bool
    ) throws(LedgerError) {
        let prefix = KeyBuffer.document(tenant: tenant, kind: kind, id: start)
        var first = KeyBuffer.document(tenant: tenant, kind: kind, id: after ?? start)
        if after != nil { first.append(UInt8(0)) }
        unsafe try scan(.documents, from: first.bytes, descending: false) { key, record throws(LedgerError) in
            guard unsafe key.starts(with: prefix.bytes) else { return false }
            let value = unsafe try decode(type, record, key: key, in: .documents)
            return unsafe try body(String(decoding: key.from(3), as: UTF8.self), value)
        }
    }

    // MARK: Names

    /// The number of a name; nil when it has none yet.
    public borrowing func number(
        of name: String, kind: NameKind, tenant: TenantNumber
    ) throws(LedgerError) -> UInt16? {
        guard name.utf8.count <= Schema.keyTextBytesMax else { return nil }
        let key = KeyBuffer.name(name, kind: kind, tenant: tenant)
        guard let record = unsafe try record(key.bytes, in: .names) else { return nil }
        guard unsafe RecordHeader.isIntact(record, key: key.bytes) else { throw unsafe damaged(key.bytes, in: .names) }
        return unsafe record.little(2, UInt16.self)
    }

    /// The name behind a number; nil when it was never given.
    public borrowing func name(
        of number: UInt16, kind: NameKind, tenant: TenantNumber
    ) throws(LedgerError) -> String? {
        let key = KeyBuffer.number(number, kind: kind, tenant: tenant)
        guard let record = unsafe try record(key.bytes, in: .names) else { return nil }
        guard unsafe RecordHeader.isIntact(record, key: key.bytes) else { throw unsafe damaged(key.bytes, in: .names) }
        return unsafe String(decoding: record.from(RecordHeader.bytes), as: UTF8.self)
    }

    /// All names of a kind, in order of number; until `body` says false.
    public borrowing func forEachName(
        kind: NameKind, tenant: TenantNumber, _ body: (_ number: UInt16, _ name: String) throws(LedgerError) -> Bool
    ) throws(LedgerError) {
        let prefix = KeyBuffer.number(nil, kind: kind, tenant: tenant)
        unsafe try scan(.names, from: prefix.bytes, descending: false) { key, record throws(LedgerError) in
            guard unsafe key.starts(with: prefix.bytes) else { return false }
            guard key.count == 6, unsafe RecordHeader.isIntact(record, key: key) else {
                throw unsafe damaged(key, in: .names)
            }
            return unsafe try body(
                key.big(4, UInt16.self), String(decoding: record.from(RecordHeader.bytes), as: UTF8.self))
        }
    }

    // MARK: Pending sequences

    /// A source's sequences beyond its gap in ascending order, those below `from` left out; until `body` says false.
    public borrowing func forEachPendingSequence(
        tenant: TenantNumber, source: SourceNumber, from: UInt64 = 0,
        _ body: (PendingSequence) throws(LedgerError) -> Bool
    ) throws(LedgerError) {
        let prefix = KeyBuffer.pendingSequence(tenant: tenant, source: source, sequence: nil)
        let start = KeyBuffer.pendingSequence(tenant: tenant, source: source, sequence: from)
        unsafe try scan(.pendingSequences, from: start.bytes, descending: false) { key, record throws(LedgerError) in
            guard unsafe key.starts(with: prefix.bytes) else { return false }
            guard let pending = unsafe PendingSequence(record, key: key) else {
                throw unsafe damaged(key, in: .pendingSequences)
            }
            return try body(pending)
        }
    }

    // MARK: Audit log

    /// A tenant's audit entries in ascending order of number, those up to `after` left out; until `body` says false.
    public borrowing func forEachAuditEntry<Value: Decodable>(
        _ type: Value.Type = Value.self, tenant: TenantNumber, after: UInt64 = 0,
        _ body: (_ number: UInt64, Value) throws(LedgerError) -> Bool
    ) throws(LedgerError) {
        let start = KeyBuffer.audit(tenant: tenant, number: after == .max ? after : after + 1)
        try scanAudit(type, tenant: tenant, start: start, descending: false) {
            number, _, entry throws(LedgerError) in try body(number, entry)
        }
    }

    /// A tenant's audit entries from the newest, or from the one before `before`, backwards; until `body` says false. Of
    /// each is told how many bytes it takes in the store.
    public borrowing func forEachAuditEntryBackwards<Value: Decodable>(
        _ type: Value.Type = Value.self, tenant: TenantNumber, before: UInt64 = .max,
        _ body: (_ number: UInt64, _ bytes: Int, Value) throws(LedgerError) -> Bool
    ) throws(LedgerError) {
        let start = KeyBuffer.audit(tenant: tenant, number: before)
        try scanAudit(type, tenant: tenant, start: start, descending: true, body)
    }

    private borrowing func scanAudit<Value: Decodable>(
        _ type: Value.Type, tenant: TenantNumber, start: borrowing KeyBuffer, descending: Bool,
        _ body: (_ number: UInt64, _ bytes: Int, Value) throws(LedgerError) -> Bool
    ) throws(LedgerError) {
        unsafe try scan(.audit, from: start.bytes, descending: descending) { key, record throws(LedgerError) in
            guard key.count == 10, unsafe key.big(0, TenantNumber.self) == tenant else { return false }
            let value = unsafe try decode(type, record, key: key, in: .audit)
            return unsafe try body(key.big(2, UInt64.self), record.count, value)
        }
    }
}

/// JSON behind a header.
func decode<Value: Decodable>(
    _ type: Value.Type, _ record: UnsafeRawBufferPointer, key: UnsafeRawBufferPointer, in tree: Tree
) throws(LedgerError) -> Value {
    guard unsafe RecordHeader.isIntact(record, key: key) else { throw unsafe damaged(key, in: tree) }
    return unsafe try JSONText.decode(type, from: record.from(RecordHeader.bytes))
}
