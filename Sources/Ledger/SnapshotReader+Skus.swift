public import Inventory
internal import LMDB

/// All positions of one sku, as a table in memory needs them.
public struct SkuRows: Sendable {
    /// The sku.
    public let bytes: [UInt8]
    /// By location number. None when a record is damaged: whoever asks must hear DATA_LOSS from the ledger.
    public internal(set) var rows: [(LocationNumber, StockFigures)]
}

extension SnapshotReader {
    /// The next skus in order, at most `countMax` of them; fewer only at the end. `after` is the last of the page before.
    public func skus(
        tenant: TenantNumber, after: [UInt8]?, countMax: Int
    ) throws(LedgerError) -> [SkuRows] {
        var page: [SkuRows] = []
        page.reserveCapacity(countMax)
        var start = KeyBuffer()
        start.append(tenant)
        if let after { unsafe after.withUnsafeBytes { unsafe start.setBehind($0, tenant: tenant) } }
        var isDamaged = false
        unsafe try scan(.positions, from: start.bytes, descending: false) { key, value throws(LedgerError) in
            guard key.count >= 2, unsafe key.big(0, TenantNumber.self) == tenant else { return false }
            guard let stock = unsafe StockKey(key) else { throw unsafe damaged(key, in: .positions) }
            if unsafe stock.isHold { return true }
            if unsafe page.last?.bytes.elementsEqual(stock.sku) != true {
                if page.count == countMax { return false }
                unsafe page.append(SkuRows(bytes: Array(stock.sku), rows: []))
                isDamaged = false
            }
            if !isDamaged, let position = unsafe LentPosition(value, key: key) {
                unsafe page[page.count - 1].rows.append((stock.location, position.figures))
            } else {
                isDamaged = true
                page[page.count - 1].rows = []
            }
            return true
        }
        return page
    }

    /// Every sku in order, those up to `after` left out, each with its position at one location, if it has one there; until
    /// `body` says false. Two searches a sku, however many rows it has.
    public func forEachSku(
        tenant: TenantNumber, after: String?, at location: LocationNumber,
        _ body: (_ sku: String, LentPosition?) throws(LedgerError) -> Bool
    ) throws(LedgerError) {
        var start = KeyBuffer()
        start.append(tenant)
        if let after { unsafe after.withBytes { unsafe start.setBehind($0, tenant: tenant) } }
        while let entry = unsafe try seek(atOrAfter: start.bytes), unsafe entry.key.count >= 2,
            unsafe entry.key.big(0, TenantNumber.self) == tenant
        {
            guard let stock = unsafe StockKey(entry.key) else { throw unsafe damaged(entry.key, in: .positions) }
            let lent = unsafe try position(tenant: tenant, sku: stock.sku, location: location)
            guard unsafe try body(String(decoding: stock.sku, as: UTF8.self), lent) else { return }
            unsafe start.setBehind(stock.sku, tenant: tenant)
        }
    }
}

extension KeyBuffer {
    /// Behind every row of a sku and before any longer sku that begins with it: no sku holds a byte 2.
    mutating func setBehind(_ sku: UnsafeRawBufferPointer, tenant: TenantNumber) {
        clear()
        append(tenant)
        unsafe append(sku)
        append(UInt8(2))
    }
}
