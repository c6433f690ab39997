public import HotTable
public import Inventory
public import Ledger

/// Why the engine could not be opened over a ledger.
public enum OpeningError: Error, Sendable, CustomStringConvertible {
    case ledger(LedgerError)
    /// What the configuration brings does not fit what the ledger has.
    case catalogue(CatalogueProblem)

    public var description: String {
        switch self {
        case .ledger(let error): error.description
        case .catalogue(let problem): problem.description
        }
    }
}

extension Engine {
    /// Opens the tenant's part of the ledger and adds what `seed` has and the ledger lacks: the file is where
    /// locations, groups, sources and channels start, the ledger is where they live. `hotTable` is kept up to date from
    /// the first commit on; see `HotTableLoader`.
    public static func open(
        ledger: Ledger, tenantName: String, settings: EngineSettings, seed: CatalogueSeed,
        time: EngineTime, outbox: ErpOutbox = ErpOutbox(), hotTable: HotTable? = nil
    ) throws(OpeningError) -> Engine {
        var problem: CatalogueProblem?
        do throws(LedgerError) {
            var batch = try ledger.beginBatch()
            let tenant = try batch.intern(tenantName, kind: .tenant, tenant: 0)
            let stored = try CatalogueState(reading: batch, tenant: tenant)
            var work = GroupWork(
                batch: batch, catalogue: stored, tenant: tenant, settings: settings, time: time,
                index: ReservationIndex())
            problem = try work.add(seed)
            if problem == nil {
                let committed = try work.commit()
                let catalogue = committed.catalogue
                let board = StateBoard(
                    catalogue.published(hotTable: hotTable), sequence: committed.sequence)
                board.setDeadLetters(committed.deadLetters)
                let index = try ReservationIndex(
                    reading: ledger.makeReader(), tenant: tenant, outbox: outbox,
                    nowNanoseconds: time.ledgerNanoseconds)
                board.setNextExpiry(index.nextExpiryNanoseconds)
                return Engine(
                    ledger: ledger, tenant: tenant, settings: settings, catalogue: catalogue, board: board,
                    index: index, outbox: outbox, hotTable: hotTable)
            }
        } catch {
            throw .ledger(error)
        }
        guard let problem else { preconditionFailure("a seed without a problem is committed") }
        throw .catalogue(problem)
    }

    /// The number the ledger gave the tenant.
    public var tenantNumber: TenantNumber { tenant }
}
