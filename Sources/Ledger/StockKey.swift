internal import Inventory

/// The parts of a position's, a hold's or a journal entry's key as it lies in the tree. The sku is lent from there.
@unsafe
struct StockKey {
    let tenant: TenantNumber
    let sku: UnsafeRawBufferPointer
    let location: LocationNumber
    /// What follows the location: of a journal entry its order key, of a hold what tells it from others; else empty.
    let rest: UnsafeRawBufferPointer
    /// A hold's row.
    let isHold: Bool

    /// Nil when the bytes are no such key.
    init?(_ key: UnsafeRawBufferPointer) {
        guard key.count >= 6 else { return nil }
        var end = 2
        while unsafe end < key.count && key[end] > KeyBuffer.holdMark { end += 1 }
        guard end > 2, end - 2 <= Schema.keyTextBytesMax, key.count >= end + 3 else { return nil }
        unsafe isHold = key[end] == KeyBuffer.holdMark
        unsafe tenant = key.big(0, UInt16.self)
        unsafe sku = UnsafeRawBufferPointer(rebasing: key[2..<end])
        unsafe location = key.big(end + 1, UInt16.self)
        unsafe rest = key.from(end + 3)
    }

    var isPosition: Bool { unsafe rest.isEmpty && !isHold }

    /// Of a journal entry: what it is ordered by first.
    var primary: Int64? { unsafe isHold ? nil : OrderKey.primary(rest) }

    /// Of a journal entry.
    var order: OrderKey? { unsafe isHold ? nil : OrderKey(rest) }

    /// Of a lot's journal entry, whose lot and order key a zero byte divides.
    var lotEntry: (lot: String, order: UnsafeRawBufferPointer)? {
        guard unsafe !isHold, let end = unsafe rest.firstIndex(of: 0), end > 0 else { return nil }
        return unsafe (String(decoding: rest[..<end], as: UTF8.self), rest.from(end + 1))
    }
}

extension OrderKey {
    /// Of an entry's bytes behind its journal's prefix: what it is ordered by first. Nil: they are no order key.
    static func primary(_ bytes: UnsafeRawBufferPointer) -> Int64? {
        guard bytes.count >= 17, unsafe bytes[8] <= 1 else { return nil }
        return unsafe Int64(bitPattern: bytes.big(0, UInt64.self) ^ (1 << 63))
    }

    init?(_ bytes: UnsafeRawBufferPointer) {
        guard let primary = unsafe Self.primary(bytes) else { return nil }
        unsafe self.init(
            primary: primary, isAbsolute: bytes[8] == 1,
            source: bytes.big(9, UInt64.self), id: String(decoding: bytes.from(17), as: UTF8.self))
    }
}
