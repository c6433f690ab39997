public import Inventory
internal import LMDB

/// Whose rows are a tenant's figures. Keys of `Tree.ofFigures` begin with such a number; those of all other trees begin with
/// the tenant's own. Both kinds of number are of one row, so none is ever another's.
public struct Figures: Sendable, Equatable {
    /// Those that answer. A tenant that never switched: its own number.
    public var running: TenantNumber
    /// Those that are being made beside them; nil: none.
    public var beside: TenantNumber?

    public init(running: TenantNumber, beside: TenantNumber? = nil) {
        self.running = running
        self.beside = beside
    }

    private static let bytes = RecordHeader.bytes + 8

    /// Of the key of such a record; nil when it is none.
    static func tenant(ofKey key: UnsafeRawBufferPointer) -> TenantNumber? {
        let name = KeyBuffer.meta(Schema.figuresKey)
        guard key.count == name.count + 2, unsafe key.starts(with: name.bytes) else { return nil }
        return unsafe key.big(name.count, TenantNumber.self)
    }

    init?(_ record: UnsafeRawBufferPointer, key: UnsafeRawBufferPointer) {
        guard record.count == Self.bytes, unsafe RecordHeader.isIntact(record, key: key) else { return nil }
        unsafe running = record.little(2, TenantNumber.self)
        let beside = unsafe record.little(RecordHeader.bytes, UInt64.self)
        guard running != 0, beside <= UInt64(TenantNumber.max) else { return nil }
        self.beside = beside == 0 ? nil : TenantNumber(beside)
    }

    fileprivate func store(in batch: inout WriteBatch, key: borrowing KeyBuffer) throws(LedgerError) {
        unsafe try batch.put(key.bytes, reserving: Self.bytes, in: .meta) { record in
            unsafe record.setLittle(RecordHeader.bytes, UInt64(beside ?? 0))
            unsafe RecordHeader.seal(record, key: key.bytes, word: running)
        }
    }
}

extension Tree {
    /// The trees whose keys begin with a number of figures.
    static let ofFigures: [Tree] = [.positions, .journal, .lots, .lotJournal, .eventIDs, .references, .supplies]
}

extension KeyBuffer {
    static func figures(of tenant: TenantNumber) -> KeyBuffer {
        var key = KeyBuffer.meta(Schema.figuresKey)
        key.append(tenant)
        return key
    }
}

extension LedgerReading where Self: ~Copyable {
    /// Whose rows are the tenant's figures, in this state of the ledger.
    public borrowing func figures(of tenant: TenantNumber) throws(LedgerError) -> Figures {
        let key = KeyBuffer.figures(of: tenant)
        guard let record = unsafe try record(key.bytes, in: .meta) else { return Figures(running: tenant) }
        guard let figures = unsafe Figures(record, key: key.bytes) else {
            throw unsafe damaged(key.bytes, in: .meta)
        }
        return figures
    }
}

extension WriteBatch {
    /// Decides whose rows are the tenant's figures, from the commit on.
    public mutating func setFigures(_ figures: Figures, of tenant: TenantNumber) throws(LedgerError) {
        let key = KeyBuffer.figures(of: tenant)
        try figures.store(in: &self, key: key)
    }

    /// A new number for figures of a tenant. `name` tells them from all others that it ever had.
    public mutating func newFigures(of tenant: TenantNumber, name: String) throws(LedgerError) -> TenantNumber {
        let owner = try self.name(of: tenant, kind: .tenant, tenant: 0) ?? ""
        // No tenant's name has a control character.
        return try intern("\(owner)\u{1}\(name)", kind: .tenant, tenant: 0)
    }

    /// A deleted position.
    public struct DeletedPosition: Sendable {
        public let sku: String
        public let location: LocationNumber
        /// Units by which its stock was below its holds.
        public let shortfall: Int64
    }

    /// Deletes at most `limit` rows of figures that answer no more; fewer only when they were the last. Returns the
    /// positions among them. What a damaged record counted for is not known: verify finds the difference.
    public mutating func deleteFigures(
        _ number: TenantNumber, limit: Int
    ) throws(LedgerError) -> (count: Int, positions: [DeletedPosition]) {
        var start = KeyBuffer()
        start.append(number)
        var count = 0
        var positions: [DeletedPosition] = []
        do throws(LMDBError) {
            for tree in Tree.ofFigures where count < limit {
                var cursor = try transaction.openCursor(ledger.database(tree))
                var entry = unsafe try cursor.seek(atOrAfter: start.bytes)
                while count < limit, let found = unsafe entry, unsafe found.key.starts(with: start.bytes) {
                    if let position = unsafe forget(found.key, found.value, in: tree) { positions.append(position) }
                    try cursor.delete()
                    count += 1
                    unsafe entry = try cursor.next()
                }
            }
        } catch { throw LedgerError(error) }
        return (count, positions)
    }

    /// Counts a row out that is about to be deleted.
    private mutating func forget(
        _ key: UnsafeRawBufferPointer, _ record: UnsafeRawBufferPointer, in tree: Tree
    ) -> DeletedPosition? {
        switch tree {
        case .journal, .lotJournal: state.journalEntries -= 1
        case .lots: state.lots -= 1
        case .references: state.references -= 1
        case .supplies: state.supplies -= 1
        case .positions:
            guard let stock = unsafe StockKey(key) else { return nil }
            if unsafe stock.isHold {
                state.holds -= 1
                return nil
            }
            state.positions -= 1
            guard let position = unsafe LentPosition(record, key: key)?.position else { return nil }
            if position.shortfall > 0 { state.shortPositions -= 1 }
            return unsafe DeletedPosition(
                sku: String(decoding: stock.sku, as: UTF8.self), location: stock.location,
                shortfall: position.shortfall)
        default: break
        }
        return nil
    }
}
