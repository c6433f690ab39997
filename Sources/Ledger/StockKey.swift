internal import Inventory

/// The parts of a stock key as it lies in the tree. The sku is lent from there.
@unsafe
struct StockKey {
    let tenant: TenantNumber
    let sku: UnsafeRawBufferPointer
    let kind: StockKind
    let location: LocationNumber
    /// What follows the location: a journal row's order key, else empty.
    let rest: UnsafeRawBufferPointer

    /// Nil when the bytes are not a stock key.
    init?(_ key: UnsafeRawBufferPointer) {
        guard key.count >= 7 else { return nil }
        var end = 2
        while unsafe end < key.count && key[end] != 0 { end += 1 }
        guard end > 2, end - 2 <= Schema.keyTextBytesMax, key.count >= end + 4 else { return nil }
        guard let kind = StockKind(rawValue: unsafe key[end + 1]) else { return nil }
        guard kind == .journal ? key.count >= end + 21 : key.count == end + 4 else { return nil }
        unsafe tenant = key.big(0, UInt16.self)
        unsafe sku = UnsafeRawBufferPointer(rebasing: key[2..<end])
        unsafe self.kind = kind
        unsafe location = key.big(end + 2, UInt16.self)
        unsafe rest = key.from(end + 4)
    }

    /// Of a journal row.
    var order: OrderKey? {
        guard unsafe rest.count >= 17, unsafe rest[8] <= 1 else { return nil }
        return unsafe OrderKey(
            primary: Int64(bitPattern: rest.big(0, UInt64.self) ^ (1 << 63)), isAbsolute: rest[8] == 1,
            source: rest.big(9, UInt64.self), id: String(decoding: rest.from(17), as: UTF8.self))
    }
}
