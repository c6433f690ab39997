internal import Inventory

extension Verification {
    /// It belongs to a position that says it is split, and what is held of it is what its rows say.
    mutating func checkLot(
        _ key: UnsafeRawBufferPointer, _ record: UnsafeRawBufferPointer
    ) throws(LedgerError) -> Bool {
        report.lots += 1
        guard let stock = unsafe StockKey(key), unsafe !stock.isHold, unsafe !stock.rest.isEmpty,
            let lot = unsafe LentPosition(record, key: key)?.position
        else { return false }
        if unsafe isRetired(key) { return true }
        let (sku, name) = unsafe (
            String(decoding: stock.sku, as: UTF8.self), String(decoding: stock.rest, as: UTF8.self)
        )
        let position = unsafe try? reader.position(tenant: stock.tenant, sku: sku, location: stock.location)
        if position?.isSplit != true {
            unsafe report.note("\(describe(key, in: .lots)) has no position that is split")
        }
        let owner = unsafe [UInt8](key[..<(key.count - stock.rest.count)])
        if owner != lotHolds.position {
            lotHolds = (owner, [:])
            unsafe try reader.forEachHold(
                tenant: stock.tenant, sku: sku, location: stock.location
            ) { row throws(LedgerError) in
                if !row.lot.isEmpty { lotHolds.totals[row.lot, default: HoldTotals()].add(row) }
                return true
            }
        }
        if let problem = lotHolds.totals[name, default: HoldTotals()].problem(ofLot: lot) {
            unsafe report.note("\(describe(key, in: .lots)): \(problem)")
        }
        return true
    }

    mutating func checkLotJournalEntry(
        _ key: UnsafeRawBufferPointer, _ record: UnsafeRawBufferPointer
    ) throws(LedgerError) -> Bool {
        guard let stock = unsafe StockKey(key), let entry = unsafe stock.lotEntry else { return false }
        let lot = unsafe UnsafeRawBufferPointer(rebasing: key[..<(key.count - entry.order.count - 1)])
        return unsafe try checkJournalEntry(key, record, of: lot, in: .lots, order: OrderKey(entry.order))
    }
}

/// What a position's holds add up to.
struct HoldTotals {
    var problem: String?
    private var open: [ChannelNumber: Int64] = [:]
    private var releasing: Int64 = 0
    private var contained: Int64 = 0

    mutating func add(_ row: HoldRow) {
        if row.open != 0 { open[row.channel, default: 0] += row.open }
        releasing += max(0, row.contained - row.open)
        contained += row.contained
    }

    func problem(of position: Position) -> String? {
        if let problem = problem ?? problem(ofLot: position) { return problem }
        if contained != position.contained {
            return "contained is \(position.contained), its holds come to \(contained)"
        }
        let stored = Dictionary(
            position.channelHolds.map { ($0.channel, $0.units) }, uniquingKeysWith: { first, _ in first })
        return stored == open ? nil : "the channels' holds are \(stored), the rows come to \(open)"
    }

    /// Which knows how much is held, and not by whom.
    func problem(ofLot lot: Position) -> String? {
        let reserved = open.values.reduce(0, +)
        if reserved != lot.buckets[.reserved] {
            return "reserved is \(lot.buckets[.reserved]), its holds come to \(reserved)"
        }
        if releasing != lot.buckets[.releasing] {
            return "releasing is \(lot.buckets[.releasing]), its holds come to \(releasing)"
        }
        return nil
    }
}
