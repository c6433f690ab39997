public import Inventory
internal import LMDB

/// A `SupplyLine` as bytes; see Schema.swift.
enum SupplyRecord {
    private static let fixedBytes = RecordHeader.bytes + 57
    private static let receiptBytes = 5 * 8 + 2

    static func bytes(of line: SupplyLine) -> Int {
        line.receipts.reduce(fixedBytes + (line.figure?.id.utf8.count ?? 0)) {
            $0 + receiptBytes + $1.key.id.utf8.count
        }
    }

    /// - Parameter record: of `bytes(of:)`.
    static func encode(_ line: SupplyLine, into record: UnsafeMutableRawBufferPointer, key: UnsafeRawBufferPointer) {
        let figure = line.figure
        unsafe record.setLittle(16, figure?.quantity ?? 0)
        unsafe record.setLittle(24, figure?.expectedAtNanoseconds ?? 0)
        unsafe record.setLittle(32, figure?.backordered ?? 0)
        unsafe record.setLittle(40, figure?.occurredAtNanoseconds ?? 0)
        unsafe record.setLittle(48, figure?.source ?? 0)
        unsafe record.setLittle(56, line.foldedThroughNanoseconds)
        unsafe record.setLittle(64, line.foldedUnits)
        let id = figure?.id ?? ""
        unsafe record.setLittle(72, UInt8(id.utf8.count))
        unsafe id.withBytes { unsafe record.set(fixedBytes, $0) }
        var offset = fixedBytes + id.utf8.count
        for receipt in line.receipts {
            unsafe record.setLittle(offset, receipt.occurredAtNanoseconds)
            unsafe record.setLittle(offset + 8, receipt.key.primary)
            unsafe record.setLittle(offset + 16, receipt.key.source)
            unsafe record.setLittle(offset + 24, receipt.units)
            unsafe record.setLittle(offset + 32, receipt.effect)
            unsafe record.setLittle(
                offset + 40, UInt8((receipt.mayLowerIncoming ? 1 : 0) | (receipt.isFixed ? 2 : 0)))
            unsafe record.setLittle(offset + 41, UInt8(receipt.key.id.utf8.count))
            let start = offset + receiptBytes
            unsafe receipt.key.id.withBytes { unsafe record.set(start, $0) }
            offset = start + receipt.key.id.utf8.count
        }
        let flags = figure.map { UInt8($0.isCancelled ? 3 : 1) } ?? 0
        unsafe RecordHeader.seal(record, key: key, byte: flags)
    }

    /// Nil when the record is damaged.
    static func decode(_ record: UnsafeRawBufferPointer, key: UnsafeRawBufferPointer) -> SupplyLine? {
        guard record.count >= fixedBytes, unsafe RecordHeader.isIntact(record, key: key) else { return nil }
        let flags = unsafe record[1]
        let idBytes = Int(unsafe record[72])
        guard record.count >= fixedBytes + idBytes else { return nil }
        var figure: SupplyFigure?
        if flags & 1 != 0 {
            figure = unsafe SupplyFigure(
                occurredAtNanoseconds: record.little(40, Int64.self), source: record.little(48, UInt64.self),
                id: String(decoding: record[fixedBytes..<fixedBytes + idBytes], as: UTF8.self),
                quantity: record.little(16, Int64.self), expectedAtNanoseconds: record.little(24, Int64.self),
                backordered: record.little(32, Int64.self), isCancelled: flags & 2 != 0)
        }
        guard let receipts = unsafe receipts(record, from: fixedBytes + idBytes) else { return nil }
        return unsafe SupplyLine(
            figure: figure, receipts: receipts, foldedThroughNanoseconds: record.little(56, Int64.self),
            foldedUnits: record.little(64, Int64.self))
    }

    private static func receipts(_ record: UnsafeRawBufferPointer, from start: Int) -> [SupplyReceipt]? {
        var receipts: [SupplyReceipt] = []
        var offset = start
        while offset < record.count {
            guard record.count - offset >= receiptBytes else { return nil }
            let idBytes = Int(unsafe record[offset + 41])
            guard idBytes > 0, record.count - offset >= receiptBytes + idBytes else { return nil }
            let flags = unsafe record[offset + 40]
            let id = unsafe String(
                decoding: record[offset + receiptBytes..<offset + receiptBytes + idBytes], as: UTF8.self)
            var receipt = unsafe SupplyReceipt(
                occurredAtNanoseconds: record.little(offset, Int64.self),
                key: OrderKey(
                    primary: record.little(offset + 8, Int64.self), isAbsolute: false,
                    source: record.little(offset + 16, UInt64.self), id: id),
                units: record.little(offset + 24, Int64.self), mayLowerIncoming: flags & 1 != 0)
            unsafe receipt.effect = record.little(offset + 32, Int64.self)
            receipt.isFixed = flags & 2 != 0
            receipts.append(receipt)
            offset += receiptBytes + idBytes
        }
        return receipts
    }
}

extension KeyBuffer {
    static func supply(tenant: TenantNumber, sku: String, location: LocationNumber, id: String) -> KeyBuffer {
        precondition(id.utf8.count <= Schema.keyTextBytesMax, "a supply's id is at most 64 bytes")
        var key = stock(tenant: tenant, sku: sku, location: location)
        key.append(id)
        return key
    }
}

extension LedgerReading where Self: ~Copyable {
    /// What is kept of a supply; nil: nothing.
    public borrowing func supply(
        tenant: TenantNumber, sku: String, location: LocationNumber, id: String
    ) throws(LedgerError) -> SupplyLine? {
        let key = KeyBuffer.supply(tenant: tenant, sku: sku, location: location, id: id)
        guard let record = unsafe try record(key.bytes, in: .supplies) else { return nil }
        guard let line = unsafe SupplyRecord.decode(record, key: key.bytes) else {
            throw unsafe damaged(key.bytes, in: .supplies)
        }
        return line
    }

    /// The supplies of a sku in order of location number and id, of all locations or of one; until `body` says false.
    public borrowing func forEachSupply(
        tenant: TenantNumber, sku: String, location: LocationNumber? = nil,
        _ body: (LocationNumber, _ id: String, SupplyLine) throws(LedgerError) -> Bool
    ) throws(LedgerError) {
        var prefix = KeyBuffer()
        unsafe sku.withBytes { bytes in
            unsafe precondition(KeyBuffer.canHold(sku: bytes), "a sku is 1 to 64 bytes without a zero byte")
            unsafe prefix.setStock(tenant: tenant, sku: bytes)
        }
        if let location { prefix.append(location) }
        unsafe try scan(.supplies, from: prefix.bytes, descending: false) { key, value throws(LedgerError) in
            guard unsafe key.starts(with: prefix.bytes) else { return false }
            guard let stock = unsafe StockKey(key), let line = unsafe SupplyRecord.decode(value, key: key) else {
                throw unsafe damaged(key, in: .supplies)
            }
            return unsafe try body(stock.location, String(decoding: stock.rest, as: UTF8.self), line)
        }
    }

    /// How many supplies of a position are kept; counted up to `most`.
    public borrowing func supplyCount(
        tenant: TenantNumber, sku: String, location: LocationNumber, most: Int
    ) throws(LedgerError) -> Int {
        let prefix = KeyBuffer.stock(tenant: tenant, sku: sku, location: location)
        var count = 0
        unsafe try scan(.supplies, from: prefix.bytes, descending: false) { key, _ throws(LedgerError) in
            guard count < most, unsafe key.starts(with: prefix.bytes) else { return false }
            count += 1
            return true
        }
        return count
    }
}

extension WriteBatch {
    /// Stores what is kept of a supply, new or changed.
    public mutating func setSupply(
        _ line: SupplyLine, tenant: TenantNumber, sku: String, location: LocationNumber, id: String
    ) throws(LedgerError) {
        let key = KeyBuffer.supply(tenant: tenant, sku: sku, location: location, id: id)
        let isNew = unsafe try upsert(key.bytes, reserving: SupplyRecord.bytes(of: line), in: .supplies) { record in
            unsafe SupplyRecord.encode(line, into: record, key: key.bytes)
        }
        if isNew { state.supplies += 1 }
    }

    /// Looks at the next `count` of them from where the last call stopped, wrapping round, and forgets those that are
    /// over. A damaged record is passed over.
    public mutating func pruneSupplies(
        tenant: TenantNumber, visiting count: Int, isOver: (LocationNumber, SupplyLine) -> Bool
    ) throws(LedgerError) {
        let forgotten = unsafe try prune(.supplies, visiting: count) { key, record in
            guard let stock = unsafe StockKey(key), unsafe stock.tenant == tenant,
                let line = unsafe SupplyRecord.decode(record, key: key)
            else { return false }
            return unsafe isOver(stock.location, line)
        }
        state.supplies -= UInt64(forgotten)
    }
}
