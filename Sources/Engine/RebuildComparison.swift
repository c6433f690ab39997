public import Inventory
public import Ledger

/// Counts how a rebuild's figures differ from those that answer. Page by page, each from a snapshot of its own: so both are
/// of one moment wherever they are compared, and no page of the file is pinned for long.
public struct RebuildComparison: Sendable {
    private let ledger: Ledger
    private let tenant: TenantNumber
    private static let positionsPerPage = 1_000

    private typealias Place = (sku: String, location: LocationNumber)

    /// One side of a comparison: a snapshot's figures of one number.
    private struct Side {
        let reader: SnapshotReader
        let figures: TenantNumber
    }

    public init(ledger: Ledger, tenant: TenantNumber) {
        self.ledger = ledger
        self.tenant = tenant
    }

    /// Positions that only one of both has, or that both have otherwise: in a bucket of the whole or of a lot, or in what is to
    /// come of a supply. A damaged record of the running figures counts as one that differs; of the others it is an error.
    /// Blocks; not for event loops. What ends the rebuild under way ends this, with what was counted so far.
    public func run(
        nowNanoseconds: WallNanoseconds = 0, isCancelled: () -> Bool = { false }
    ) throws(LedgerError) -> RebuildDifferences {
        let reader = try ledger.makeReader()
        var result = RebuildDifferences()
        result.timeNanoseconds = nowNanoseconds
        for ofRunning in [true, false] {
            var last: Place?
            while !isCancelled() {
                try reader.renew()
                defer { reader.release() }
                let figures = try reader.figures(of: tenant)
                guard let number = figures.beside else { return result }
                let (running, beside) = (
                    Side(reader: reader, figures: figures.running), Side(reader: reader, figures: number)
                )
                let next =
                    try ofRunning
                    ? compare(running, beside, after: last, &result) : add(beside, running, after: last, &result)
                guard let next else { break }
                last = next
            }
        }
        return result
    }

    /// One page of the running positions; returns where it ended, nil at the end of all.
    private func compare(
        _ running: Side, _ beside: Side, after last: Place?, _ result: inout RebuildDifferences
    ) throws(LedgerError) -> Place? {
        var page: [(sku: String, location: LocationNumber, position: Position)] = []
        var damaged = 0
        try running.reader.forEachPosition(
            tenant: running.figures, after: last, damaged: { _ in damaged += 1 }
        ) { sku, location, position in
            page.append((sku, location, position))
            return page.count < Self.positionsPerPage
        }
        for _ in 0..<damaged { result.addDamaged() }
        for (sku, location, position) in page {
            let other = try beside.reader.position(tenant: beside.figures, sku: sku, location: location)
            var example = RebuildDifferences.Example(sku: sku, location: location)
            (example.running, example.beside) = (position.sellable, other?.sellable)
            guard let other else {
                result.add(example, isRising: false, isMissing: true)
                continue
            }
            var (isSame, isRising) = (other.buckets == position.buckets, other.sellable > position.sellable)
            if position.isSplit || other.isSplit {
                let (lots, others) = (lots(of: running, sku, location), try checkedLots(of: beside, sku, location))
                isSame = isSame && lots?.mapValues(\.buckets) == others.mapValues(\.buckets)
                isRising = isRising || others.contains { $0.value.sellable > lots?[$0.key]?.sellable ?? 0 }
            }
            if isSame, running.reader.state.supplies > 0 {
                let supplies = try checkedSupplies(of: beside, sku, location)
                isSame = self.supplies(of: running, sku, location) == supplies
            }
            if !isSame { result.add(example, isRising: isRising) }
        }
        guard page.count == Self.positionsPerPage, let end = page.last else { return nil }
        return (end.sku, end.location)
    }

    /// One page of the others: those that the running figures do not have. What is damaged there was counted before.
    private func add(
        _ beside: Side, _ running: Side, after last: Place?, _ result: inout RebuildDifferences
    ) throws(LedgerError) -> Place? {
        var count = 0
        var end: Place?
        var added: [RebuildDifferences.Example] = []
        try beside.reader.forEachPosition(tenant: beside.figures, after: last) { sku, location, position in
            count += 1
            end = (sku, location)
            added.append(
                RebuildDifferences.Example(sku: sku, location: location, running: nil, beside: position.sellable))
            return count < Self.positionsPerPage
        }
        for example in added {
            do throws(LedgerError) {
                let known = try running.reader.position(
                    tenant: running.figures, sku: example.sku, location: example.location)
                if known == nil { result.add(example, isRising: example.beside ?? 0 > 0, isAdded: true) }
            } catch {
                guard case .corrupt = error else { throw error }
            }
        }
        return count == Self.positionsPerPage ? end : nil
    }

    // MARK: Parts

    /// Nil: one is damaged.
    private func lots(of side: Side, _ sku: String, _ location: LocationNumber) -> [String: Position]? {
        try? checkedLots(of: side, sku, location)
    }

    /// Those of which there is anything: an empty one may be forgotten on either side.
    private func checkedLots(
        of side: Side, _ sku: String, _ location: LocationNumber
    ) throws(LedgerError) -> [String: Position] {
        var found: [String: Position] = [:]
        try side.reader.forEachLot(tenant: side.figures, sku: sku, location: location) { lot, part in
            if !part.isEmpty { found[lot] = part }
            return true
        }
        return found
    }

    /// Nil: one is damaged.
    private func supplies(of side: Side, _ sku: String, _ location: LocationNumber) -> [String: DatedSupply]? {
        try? checkedSupplies(of: side, sku, location)
    }

    /// What is to come: closed ones may be forgotten on either side.
    private func checkedSupplies(
        of side: Side, _ sku: String, _ location: LocationNumber
    ) throws(LedgerError) -> [String: DatedSupply] {
        var found: [String: DatedSupply] = [:]
        try side.reader.forEachSupply(tenant: side.figures, sku: sku, location: location) { _, id, line in
            found[id] = line.dated
            return true
        }
        return found
    }
}
