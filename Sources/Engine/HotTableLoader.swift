public import HotTable
public import Inventory
public import Ledger

/// Fills the hot table from the ledger while the server answers: page by page, each from a snapshot of its own, so that
/// no page of the file is pinned for long and the writer waits for one page at most.
public final class HotTableLoader: Sendable {
    private let table: HotTable
    private let ledger: Ledger
    private let tenant: TenantNumber

    public init(table: HotTable, ledger: Ledger, tenant: TenantNumber) {
        self.table = table
        self.ledger = ledger
        self.tenant = tenant
    }

    /// Loads everything on the caller's thread, unless it is cancelled between two pages. When it throws, the ledger goes on
    /// answering alone.
    public func run(isCancelled: () -> Bool = { false }) throws(LedgerError) {
        var pages = try HotTablePages(table: table, ledger: ledger, tenant: tenant)
        while !isCancelled(), try pages.load() {}
    }
}

/// The loader's work, page by page.
struct HotTablePages {
    private let table: HotTable
    private let tenant: TenantNumber
    private let reader: SnapshotReader
    private let skusPerPage: Int
    private var last: [UInt8]?
    /// Whose rows are loaded.
    private var figures: TenantNumber?

    /// 64 skus are some 100 µs of the writer's time when the store's pages are in memory.
    init(table: HotTable, ledger: Ledger, tenant: TenantNumber, skusPerPage: Int = 64) throws(LedgerError) {
        self.table = table
        self.tenant = tenant
        self.skusPerPage = skusPerPage
        reader = try ledger.makeReader()
    }

    /// Loads the next page; false when it was the last.
    mutating func load() throws(LedgerError) -> Bool {
        var isLast = false
        try table.load { loading throws(LedgerError) in
            // Only now: the table has every commit that this snapshot could lack.
            try reader.renew()
            defer { reader.release() }
            let running = try reader.figures(of: tenant).running
            // What was switched away from answers no more, and neither will this table.
            guard figures == nil || figures == running else { return isLast = true }
            figures = running
            if last == nil {
                // Of all tenants: more than come is no harm.
                loading.begin(at: reader.sequence, skusExpected: Int(reader.state.positions))
            }
            let page = try reader.skus(tenant: running, after: last, countMax: skusPerPage)
            for sku in page { loading.add(sku: sku.bytes, sku.rows) }
            last = page.last?.bytes ?? []
            isLast = page.count < skusPerPage || !loading.hasRoom
            if isLast { loading.finish() }
        }
        return !isLast
    }
}
