public import Inventory

extension WriteBatch {
    /// Stores a dead letter in place of the one with its sequence, which had its digest.
    public mutating func setDeadLetter(_ letter: DeadLetter, tenant: TenantNumber) throws(LedgerError) {
        let key = KeyBuffer.deadLetter(tenant: tenant, sequence: letter.sequence)
        let former = unsafe try record(key.bytes, in: .deadLetters)?.count
        unsafe try put(key.bytes, reserving: letter.bytes, in: .deadLetters) { record in
            unsafe letter.encode(into: record, key: key.bytes)
        }
        state.deadLetterBytes = state.deadLetterBytes - UInt64(former ?? 0) + UInt64(letter.bytes)
        guard former == nil else { return }
        state.deadLetters += 1
        let idKey = KeyBuffer.deadLetterID(tenant: tenant, digest: letter.digest)
        unsafe try put(idKey.bytes, reserving: RecordHeader.bytes + 8, in: .deadLetterIDs) { record in
            unsafe record.setLittle(16, letter.sequence)
            unsafe RecordHeader.seal(record, key: idKey.bytes)
        }
    }

    /// False when it was not there.
    @discardableResult
    public mutating func deleteDeadLetter(_ letter: DeadLetter, tenant: TenantNumber) throws(LedgerError) -> Bool {
        let key = KeyBuffer.deadLetter(tenant: tenant, sequence: letter.sequence)
        guard let bytes = unsafe try record(key.bytes, in: .deadLetters)?.count else { return false }
        _ = unsafe try delete(key.bytes, in: .deadLetters)
        state.deadLetters -= 1
        state.deadLetterBytes -= UInt64(bytes)
        let idKey = KeyBuffer.deadLetterID(tenant: tenant, digest: letter.digest)
        _ = unsafe try delete(idKey.bytes, in: .deadLetterIDs)
        return true
    }
}

extension LedgerReading where Self: ~Copyable {
    /// Nil when there is none.
    public borrowing func deadLetter(tenant: TenantNumber, sequence: UInt64) throws(LedgerError) -> DeadLetter? {
        let key = KeyBuffer.deadLetter(tenant: tenant, sequence: sequence)
        guard let record = unsafe try record(key.bytes, in: .deadLetters) else { return nil }
        guard let letter = unsafe DeadLetter(record, key: key.bytes) else {
            throw unsafe damaged(key.bytes, in: .deadLetters)
        }
        return letter
    }

    /// The letter that callers call so; nil when there is none.
    public borrowing func deadLetter(tenant: TenantNumber, id: String) throws(LedgerError) -> DeadLetter? {
        guard let sequence = DeadLetter.sequence(inID: id) else { return nil }
        let letter = try deadLetter(tenant: tenant, sequence: sequence)
        return letter?.id == id ? letter : nil
    }

    /// The letter that the same poison led to before; nil when it is new.
    public borrowing func deadLetter(
        tenant: TenantNumber, digest: DeadLetterDigest
    ) throws(LedgerError) -> DeadLetter? {
        let key = KeyBuffer.deadLetterID(tenant: tenant, digest: digest)
        guard let record = unsafe try record(key.bytes, in: .deadLetterIDs) else { return nil }
        guard let sequence = unsafe deadLetterSequence(record, key: key.bytes) else {
            throw unsafe damaged(key.bytes, in: .deadLetterIDs)
        }
        return try deadLetter(tenant: tenant, sequence: sequence)
    }

    /// A tenant's dead letters from the oldest, those up to the sequence `after` left out; until `body` says false. A
    /// damaged one is passed over: `verify` names it, and it must not hide the others.
    public borrowing func forEachDeadLetter(
        tenant: TenantNumber, after: UInt64 = 0, _ body: (DeadLetter) throws(LedgerError) -> Bool
    ) throws(LedgerError) {
        let start = KeyBuffer.deadLetter(tenant: tenant, sequence: after == .max ? after : after + 1)
        unsafe try scan(.deadLetters, from: start.bytes, descending: false) { key, record throws(LedgerError) in
            guard key.count == 10, unsafe key.big(0, TenantNumber.self) == tenant else { return false }
            guard let letter = unsafe DeadLetter(record, key: key) else { return true }
            return try body(letter)
        }
    }
}

/// Which letter a digest leads to; nil: the record is damaged.
func deadLetterSequence(_ record: UnsafeRawBufferPointer, key: UnsafeRawBufferPointer) -> UInt64? {
    guard record.count == RecordHeader.bytes + 8, unsafe RecordHeader.isIntact(record, key: key) else { return nil }
    return unsafe record.little(16, UInt64.self)
}
