internal import Inventory

/// The error for a record that fails its checks, with its key in words.
@inline(never)
func damaged(_ key: UnsafeRawBufferPointer, in tree: Tree) -> LedgerError {
    .corrupt(unsafe describe(key, in: tree))
}

/// A key in words, for people who must find the record.
func describe(_ key: UnsafeRawBufferPointer, in tree: Tree) -> String {
    switch tree {
    case .positions:
        guard let stock = unsafe StockKey(key) else { break }
        if unsafe stock.isHold { return unsafe "hold at \(stock.place)" }
        return unsafe "position of \(stock.place)"
    case .journal:
        guard let stock = unsafe StockKey(key), let order = unsafe stock.order else { break }
        return
            unsafe "journal entry of \(stock.place), source \(order.source), event \"\(order.id)\" at \(order.primary)"
    case .lots:
        guard let stock = unsafe StockKey(key) else { break }
        return unsafe "lot \"\(String(decoding: stock.rest, as: UTF8.self))\" of \(stock.place)"
    case .lotJournal:
        guard let stock = unsafe StockKey(key), let entry = unsafe stock.lotEntry,
            let order = unsafe OrderKey(entry.order)
        else { break }
        return unsafe "journal entry of lot \"\(entry.lot)\" of \(stock.place), source \(order.source), "
            + "event \"\(order.id)\" at \(order.primary)"
    case .eventIDs where key.count >= 4:
        let id = unsafe String(decoding: key.from(4), as: UTF8.self)
        return unsafe "event \"\(id)\" of tenant \(key.big(0, UInt16.self)), source \(key.big(2, UInt16.self))"
    case .supplies:
        guard let stock = unsafe StockKey(key) else { break }
        return unsafe "supply \"\(String(decoding: stock.rest, as: UTF8.self))\" of \(stock.place)"
    case .documents where key.count >= 3:
        let id = unsafe String(decoding: key.from(3), as: UTF8.self)
        return unsafe "document \"\(id)\" of tenant \(key.big(0, UInt16.self)), kind \(key[2])"
    case .audit where key.count == 10:
        return unsafe "audit entry \(key.big(2, UInt64.self)) of tenant \(key.big(0, UInt16.self))"
    case .pendingSequences where key.count == 12:
        return unsafe "pending sequence \(key.big(4, UInt64.self)) of tenant \(key.big(0, UInt16.self)), "
            + "source \(key.big(2, UInt16.self))"
    case .deadLetters where key.count == 10:
        return unsafe "dead letter of sequence \(key.big(2, UInt64.self)) of tenant \(key.big(0, UInt16.self))"
    case .reservations where key.count == 10:
        return unsafe "reservation \(key.big(2, UInt64.self)) of tenant \(key.big(0, UInt16.self))"
    default: break
    }
    let bytes = unsafe key.map { String($0, radix: 16) }.joined(separator: " ")
    return "\(tree.name), key \(bytes)"
}

extension StockKey {
    fileprivate var place: String {
        let name = unsafe String(decoding: sku, as: UTF8.self)
        return unsafe "tenant \(tenant), sku \"\(name)\", location \(location)"
    }
}
