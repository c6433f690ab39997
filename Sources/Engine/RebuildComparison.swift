public import Inventory
public import Ledger

/// Counts how a rebuild's figures differ from those that answer. Page by page, each from a snapshot of its own: so both are
/// of one moment wherever they are compared, and no page of the file is pinned for long.
public struct RebuildComparison: Sendable {
    private let ledger: Ledger
    private let tenant: TenantNumber
    private static let positionsPerPage = 1_000

    public init(ledger: Ledger, tenant: TenantNumber) {
        self.ledger = ledger
        self.tenant = tenant
    }

    /// Positions of the running figures that the others lack, or have in another bucket's units. Blocks; not for event loops.
    /// What ends the rebuild under way ends this, with what was counted so far.
    public func run(isCancelled: () -> Bool = { false }) throws(LedgerError) -> UInt64 {
        let reader = try ledger.makeReader()
        var differing: UInt64 = 0
        var last: (sku: String, location: LocationNumber)?
        while !isCancelled() {
            try reader.renew()
            defer { reader.release() }
            let figures = try reader.figures(of: tenant)
            guard let beside = figures.beside else { break }
            var page: [(sku: String, location: LocationNumber, buckets: Buckets)] = []
            try reader.forEachPosition(tenant: figures.running, after: last) { sku, location, position in
                page.append((sku, location, position.buckets))
                return page.count < Self.positionsPerPage
            }
            for (sku, location, buckets) in page {
                let other = try reader.position(tenant: beside, sku: sku, location: location)
                if other?.buckets != buckets { differing += 1 }
            }
            guard page.count == Self.positionsPerPage, let end = page.last else { break }
            last = (end.sku, end.location)
        }
        return differing
    }
}
