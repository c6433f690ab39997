internal import Inventory

/// Scratch memory in which one key at a time is put together. Its owner reuses it for every key.
@safe
struct KeyBuffer: ~Copyable {
    /// The longest key is the journal entry of a lot: 2 + 64 + 1 + 2 + 64 + 1 + 8 + 1 + 8 + 64.
    static let capacity = 256

    // Owned: allocated by init, freed by deinit.
    private let memory: UnsafeMutableRawBufferPointer
    private(set) var count = 0

    init() {
        unsafe memory = UnsafeMutableRawBufferPointer.allocate(byteCount: Self.capacity, alignment: 8)
    }

    deinit {
        unsafe memory.deallocate()
    }

    /// Valid until the next change.
    @inline(__always)
    var bytes: UnsafeRawBufferPointer {
        unsafe UnsafeRawBufferPointer(start: memory.baseAddress, count: count)
    }

    @inline(__always)
    mutating func clear() {
        count = 0
    }

    @inline(__always)
    mutating func append<Value: FixedWidthInteger & BitwiseCopyable>(_ value: Value) {
        precondition(count + MemoryLayout<Value>.size <= Self.capacity, "key too long")
        unsafe memory.storeBytes(of: value.bigEndian, toByteOffset: count, as: Value.self)
        count += MemoryLayout<Value>.size
    }

    @inline(__always)
    mutating func append(_ bytes: UnsafeRawBufferPointer) {
        precondition(count + bytes.count <= Self.capacity, "key too long")
        unsafe memory.set(count, bytes)
        count += bytes.count
    }

    mutating func append(_ text: String) {
        var text = text
        text.withUTF8 { unsafe append(UnsafeRawBufferPointer($0)) }
    }

    mutating func append(_ text: StaticString) {
        unsafe append(UnsafeRawBufferPointer(start: text.utf8Start, count: text.utf8CodeUnitCount))
    }
}

extension KeyBuffer {
    static func meta(_ name: StaticString) -> KeyBuffer {
        var key = KeyBuffer()
        key.append(name)
        return key
    }

    /// Whether `sku` can be in the ledger at all; a zero byte would end it early and find another's rows.
    @inline(__always)
    static func canHold(sku: UnsafeRawBufferPointer) -> Bool {
        guard sku.count > 0, sku.count <= Schema.keyTextBytesMax else { return false }
        for index in 0..<sku.count where unsafe sku[index] == 0 { return false }
        return true
    }

    /// tenant | sku | 0
    @inline(__always)
    mutating func setStock(tenant: TenantNumber, sku: UnsafeRawBufferPointer) {
        clear()
        append(tenant)
        unsafe append(sku)
        append(UInt8(0))
    }

    /// Of a position, and how the keys of its journal begin.
    static func stock(
        tenant: TenantNumber, sku: String, location: LocationNumber
    ) -> KeyBuffer {
        var key = KeyBuffer()
        unsafe sku.withBytes { bytes in
            unsafe precondition(canHold(sku: bytes), "a sku is 1 to 64 bytes without a zero byte")
            unsafe key.setStock(tenant: tenant, sku: bytes)
        }
        key.append(location)
        return key
    }

    static func reference(
        tenant: TenantNumber, sku: String, location: LocationNumber, kind: ReferenceKind, lot: String,
        reference: String
    ) -> KeyBuffer {
        precondition(reference.utf8.count <= Schema.keyTextBytesMax, "a reference is at most 64 bytes")
        var key = stock(tenant: tenant, sku: sku, location: location)
        key.append(kind.rawValue)
        key.appendLot(lot)
        key.append(UInt8(0))
        key.append(reference)
        return key
    }

    static func variance(tenant: TenantNumber, number: UInt64) -> KeyBuffer {
        var key = KeyBuffer()
        key.append(tenant)
        key.append(number)
        return key
    }

    static func openVariance(
        tenant: TenantNumber, sku: String, location: LocationNumber, bucket: Bucket
    ) -> KeyBuffer {
        var key = stock(tenant: tenant, sku: sku, location: location)
        key.append(UInt8(bucket.rawValue))
        return key
    }

    /// Follows the sku in the key of a hold, as a zero does in a position's: the holds of a sku lie behind its positions.
    static let holdMark: UInt8 = 1

    /// How the keys of the holds of a position begin.
    static func holds(tenant: TenantNumber, sku: String, location: LocationNumber) -> KeyBuffer {
        var key = KeyBuffer()
        unsafe sku.withBytes { bytes in
            unsafe precondition(canHold(sku: bytes), "a sku is 1 to 64 bytes without a zero byte")
            key.append(tenant)
            unsafe key.append(bytes)
        }
        key.append(holdMark)
        key.append(location)
        return key
    }

    /// What follows the location in a journal entry's key.
    mutating func append(_ order: OrderKey) {
        precondition(order.id.utf8.count <= Schema.keyTextBytesMax, "an event id is at most 64 bytes")
        append(UInt64(bitPattern: order.primary) ^ (1 << 63))
        append(UInt8(order.isAbsolute ? 1 : 0))
        append(order.source)
        append(order.id)
    }

    mutating func appendLot(_ lot: String) {
        precondition(lot.utf8.count <= Schema.keyTextBytesMax, "a lot is at most 64 bytes")
        append(lot)
    }

    static func lot(tenant: TenantNumber, sku: String, location: LocationNumber, lot: String) -> KeyBuffer {
        precondition(!lot.isEmpty, "what belongs to no lot has no row of its own")
        var key = stock(tenant: tenant, sku: sku, location: location)
        key.appendLot(lot)
        return key
    }

    /// How the keys of a journal begin: of a lot, or without one of the position.
    static func journal(tenant: TenantNumber, sku: String, location: LocationNumber, lot: String) -> KeyBuffer {
        if lot.isEmpty { return stock(tenant: tenant, sku: sku, location: location) }
        var key = self.lot(tenant: tenant, sku: sku, location: location, lot: lot)
        key.append(UInt8(0))
        return key
    }

    static func journal(
        tenant: TenantNumber, sku: String, location: LocationNumber, lot: String, order: OrderKey
    ) -> KeyBuffer {
        var key = journal(tenant: tenant, sku: sku, location: location, lot: lot)
        key.append(order)
        return key
    }

    static func eventID(tenant: TenantNumber, source: SourceNumber, id: String) -> KeyBuffer {
        precondition(id.utf8.count <= Schema.keyTextBytesMax, "an event id is at most 64 bytes")
        var key = KeyBuffer()
        key.append(tenant)
        key.append(source)
        key.append(id)
        return key
    }

    static func document(tenant: TenantNumber, kind: DocumentKind, id: String = "") -> KeyBuffer {
        precondition(id.utf8.count <= Schema.keyTextBytesMax, "a document's id is at most 64 bytes")
        var key = KeyBuffer()
        key.append(tenant)
        key.append(kind.rawValue)
        key.append(id)
        return key
    }

    static func name(_ name: String, kind: NameKind, tenant: TenantNumber) -> KeyBuffer {
        precondition(name.utf8.count <= Schema.keyTextBytesMax, "a name is at most 64 bytes")
        var key = KeyBuffer()
        key.append(kind.rawValue)
        key.append(tenant)
        key.append(UInt8(0))
        key.append(name)
        return key
    }

    /// Without a number: where the numbers of a kind begin.
    static func number(_ number: UInt16?, kind: NameKind, tenant: TenantNumber) -> KeyBuffer {
        var key = KeyBuffer()
        key.append(kind.rawValue)
        key.append(tenant)
        key.append(UInt8(1))
        if let number { key.append(number) }
        return key
    }

    static func pendingSequence(tenant: TenantNumber, source: SourceNumber, sequence: UInt64?) -> KeyBuffer {
        var key = KeyBuffer()
        key.append(tenant)
        key.append(source)
        if let sequence { key.append(sequence) }
        return key
    }

    static func audit(tenant: TenantNumber, number: UInt64?) -> KeyBuffer {
        var key = KeyBuffer()
        key.append(tenant)
        if let number { key.append(number) }
        return key
    }

    /// Without a sequence: where a tenant's begin.
    static func deadLetter(tenant: TenantNumber, sequence: UInt64?) -> KeyBuffer {
        numbered(tenant, sequence)
    }

    static func deadLetterID(tenant: TenantNumber, digest: DeadLetterDigest) -> KeyBuffer {
        var key = KeyBuffer()
        key.append(tenant)
        key.append(digest.high)
        key.append(digest.low)
        return key
    }
}

extension KeyBuffer {
    static func hold(_ row: HoldRow, tenant: TenantNumber) -> KeyBuffer {
        var key = holds(tenant: tenant, sku: row.sku, location: row.location)
        key.append(row.expireTimeNanoseconds)
        key.append(row.number)
        key.append(row.lineID)
        return key
    }

    /// Without a number: where a tenant's begin.
    static func reservation(tenant: TenantNumber, number: ReservationNumber?) -> KeyBuffer {
        numbered(tenant, number)
    }

    /// Without a sequence: where a tenant's begin.
    static func change(tenant: TenantNumber, sequence: UInt64?) -> KeyBuffer {
        numbered(tenant, sequence)
    }

    static func requestID(
        tenant: TenantNumber, channel: ChannelNumber, method: RequestMethod, id: String
    ) -> KeyBuffer {
        precondition(id.utf8.count <= Schema.keyTextBytesMax, "a request id is at most 64 bytes")
        var key = KeyBuffer()
        key.append(tenant)
        key.append(channel)
        key.append(method.rawValue)
        key.append(id)
        return key
    }

    private static func numbered(_ tenant: TenantNumber, _ number: UInt64?) -> KeyBuffer {
        var key = KeyBuffer()
        key.append(tenant)
        if let number { key.append(number) }
        return key
    }
}
