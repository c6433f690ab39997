internal import Configure
internal import Engine
internal import Erp
internal import Inventory
internal import Ledger
internal import Logging
internal import ServiceLifecycle
internal import Synchronization
internal import Tryton

/// The ERPs of the configuration at work: a dispatcher for each, and one look at them all now and then, by which channels
/// tighten and relax.
final class ErpHosting: Sendable {
    let dispatchers: [ErpDispatcher]
    private let configured: [ConfiguredErp]
    private let embedded: [String: EmbeddedErp]
    private let trytons: [TrytonAdapter]
    private let board: StateBoard
    private let erps: ErpDirectory
    private let clock: LedgerClock
    let alarm = AlarmClock()
    private let ledger: Ledger
    private let writer: EngineThread
    private let tenant: TenantNumber
    private let logger: Logger
    let restoration: Restoration
    let findings = ErpReadFindings()

    init(
        _ configured: [ConfiguredErp], ledger: Ledger, board: StateBoard, writer: EngineThread, outbox: ErpOutbox,
        tenant: TenantNumber, clock: LedgerClock, logger: Logger
    ) throws {
        self.configured = configured
        self.board = board
        self.clock = clock
        self.writer = writer
        self.tenant = tenant
        self.logger = logger
        self.ledger = ledger
        restoration = Restoration(
            of: ledger, erps: configured.map(\.id), writer: writer, tenant: tenant, alarm: alarm, logger: logger)
        let directory = ErpDirectory(configured)
        erps = directory
        let book = try ErpStockBook(ledger: ledger, board: board, tenant: tenant)
        var embedded: [String: EmbeddedErp] = [:]
        var trytons: [TrytonAdapter] = []
        var dispatchers: [ErpDispatcher] = []
        for erp in configured {
            let adapter: any ErpAdapter
            switch erp.adapter {
            case .embedded:
                let own = EmbeddedErp(alarm: alarm, stock: { book.stock(of: $0, at: $1) })
                embedded[erp.id] = own
                adapter = own
            case .tryton(let connection):
                let served = board.state.servedLocations(by: erp.id, directory)
                let own = TrytonAdapter(TrytonSettings(connection, erp, served: served), alarm: alarm)
                trytons.append(own)
                adapter = own
            }
            dispatchers.append(
                ErpDispatcher(
                    name: erp.id, adapter: adapter, policy: ErpCallPolicy(erp), outbox: outbox, engine: writer,
                    tenant: tenant, clock: clock, alarm: alarm,
                    locationName: { board.state.directory.location($0)?.id ?? "" }))
        }
        self.embedded = embedded
        self.dispatchers = dispatchers
        self.trytons = trytons
        reconcilers = zip(configured, dispatchers).map { [alarm] erp, dispatcher in
            ErpReconciler(
                erp: erp, reads: dispatcher, locations: board.state.servedLocations(by: erp.id, directory),
                ledger: ledger, writer: writer, tenant: tenant, clock: clock,
                alarm: alarm, logger: logger)
        }
        try adoptHolds(ledger, tenant)
        let all = dispatchers
        outbox.onChange { for dispatcher in all { dispatcher.notify() } }
        guard !embedded.isEmpty else { return }
        outbox.onShipment { [embedded] reservation in
            for (name, erp) in embedded {
                erp.noteIssues(
                    reservation.id, reservation.issued(from: name), isOver: reservation.state.isTerminal)
            }
        }
    }

    /// What embedded ERPs held before this start, from what the ledger knows of it.
    private func adoptHolds(_ ledger: Ledger, _ tenant: TenantNumber) throws {
        guard !embedded.isEmpty else { return }
        let reader = try ledger.makeReader()
        try reader.renew()
        let numbers = try reader.unsettled(tenant: tenant)
        let directory = board.state.directory
        for number in numbers {
            guard let reservation = try reader.reservation(number, tenant: tenant) else { continue }
            for (name, erp) in embedded { erp.adopt(reservation, from: name, directory) }
        }
    }

    @Sendable func conditions() -> [ErpCondition] { dispatchers.map(\.condition) }

    /// One for each ERP.
    let reconcilers: [ErpReconciler]

    /// A comparison of an ERP was asked for.
    @Sendable func reconcile(_ erp: String) {
        reconcilers.first { $0.erp.id == erp }?.wake()
    }

    /// Closes the connections.
    func shutDown() async {
        alarm.stop()
        for adapter in trytons { await adapter.shutDown() }
    }

    /// Something may go through now that did not before.
    func notify() {
        for dispatcher in dispatchers { dispatcher.notify() }
    }

    /// The switches of an embedded ERP; nil when none is called so.
    func embeddedErp(_ name: String) -> EmbeddedErp? { embedded[name] }

    /// One for each ERP that is to be read.
    var readers: [ErpReader] {
        zip(configured, dispatchers).map { erp, dispatcher in
            ErpReader(
                erp: erp,
                reading: ErpPositionReading(erp: dispatcher, source: erp.id, locations: served(by: erp.id)),
                ledger: ledger, writer: writer, tenant: tenant, clock: clock, alarm: alarm,
                restoration: restoration, findings: findings, logger: logger)
        }
    }

    /// What an ERP of the configuration is asked by.
    func reads(of erp: String) -> any ErpReads {
        guard let dispatcher = dispatchers.first(where: { $0.name == erp }) else {
            preconditionFailure("the configuration was checked")
        }
        return dispatcher
    }

    /// Our locations that an ERP serves.
    func served(by erp: String) -> [String] { board.state.servedLocations(by: erp, erps) }

    /// Those that tell the figures of their locations when they are read.
    var readable: [String] { configured.filter { $0.readEveryNanoseconds != nil }.map(\.id) }

    /// Reads all figures of one of them once more. Throws what the ERP or `publish` throws.
    func read(_ erp: String, publish: @Sendable ([IncomingEvent]) async throws -> Void) async throws {
        guard let reader = readers.first(where: { $0.erp.id == erp }) else { return }
        _ = try await reader.reading.run(wallNanoseconds: wallClockNanoseconds, publish: publish)
    }

    // MARK: Degradation

    /// Has every channel that sells what a lagging ERP serves keep back its extra buffer.
    func reviewChannels() {
        var lagging: [String: String] = [:]
        for (erp, condition) in zip(configured, conditions()) {
            lagging[erp.id] = reason(erp, condition)
        }
        let now = wallClockNanoseconds()
        for entry in board.state.channels {
            let served = entry.compiled.sourcing.compactMap {
                entry.compiled.directory.location($0).map { erps.erp(ofLocation: $0.id) }
            }
            let hasBuffer = entry.channel.policy.degradationBuffer != .units(0)
            let reason = hasBuffer ? served.compactMap { lagging[$0] }.first : nil
            entry.setDegradation(reason, for: .erp, nowNanoseconds: now, logger)
        }
    }

    private func reason(_ erp: ConfiguredErp, _ condition: ErpCondition) -> String? {
        if condition.unavailableReason.hasPrefix("BREAKER_OPEN") { return "ERP_UNAVAILABLE" }
        if let age = condition.oldestWriteAgeNanoseconds, age > erp.degradedAfterNanoseconds {
            return "ERP_QUEUE_LAG"
        }
        return Int64(condition.writesWaiting) > erp.degradedWrites ? "ERP_QUEUE_LAG" : nil
    }
}

/// Runs the dispatchers and the review until the server stops.
struct ErpService: Service {
    let hosting: ErpHosting

    func run() async throws {
        await cancelWhenGracefulShutdown {
            await withDiscardingTaskGroup { group in
                for dispatcher in hosting.dispatchers {
                    group.addTask { await dispatcher.run() }
                    dispatcher.notify()
                }
                await hosting.restoration.begin()
                for reconciler in hosting.reconcilers { group.addTask { await reconciler.run() } }
                for reader in hosting.readers { group.addTask { await reader.run() } }
                group.addTask {
                    while !Task.isCancelled {
                        hosting.reviewChannels()
                        await hosting.alarm.sleep(nanoseconds: 250_000_000)
                    }
                }
            }
        }
        await hosting.shutDown()
    }
}

extension PublishedState {
    fileprivate func servedLocations(by erp: String, _ directory: ErpDirectory) -> [String] {
        locations.map(\.id).filter { directory.erp(ofLocation: $0) == erp }
    }
}

extension TrytonSettings {
    /// A location without a code of its own is called in Tryton what it is called here.
    fileprivate init(_ connection: TrytonConnection, _ erp: ConfiguredErp, served: [String]) {
        let password: TrytonPassword =
            if let variable = connection.passwordVariable {
                .environment(variable)
            } else {
                .file(connection.passwordFile ?? "")
            }
        self.init(
            url: connection.url, database: connection.database, user: connection.user, password: password,
            company: connection.company, customer: connection.customer,
            warehouses: Dictionary(
                served.map { ($0, connection.warehouses[$0] ?? $0) }, uniquingKeysWith: { first, _ in first }),
            requestTimeoutSeconds: erp.requestTimeoutSeconds)
    }
}

extension EmbeddedErp {
    /// Takes over what the ledger says it holds of a reservation.
    fileprivate func adopt(_ reservation: Reservation, from name: String, _ directory: LocationDirectory) {
        let own = reservation.lines.filter { $0.erp == name }
        guard !own.isEmpty else { return }
        adopt(
            reservation.id,
            own.filter { $0.erpQuantity > 0 }.map {
                ErpHoldLine(
                    lineID: $0.id, sku: $0.sku, location: directory.location($0.location)?.id ?? "",
                    quantity: $0.erpQuantity)
            }, issued: reservation.issued(from: name))
    }
}

extension Reservation {
    /// Units that left, by line, of those that an ERP holds.
    fileprivate func issued(from erp: String) -> [UInt32: Int64] {
        Dictionary(
            lines.filter { $0.erp == erp && $0.fulfilled > 0 }.map { ($0.id, $0.fulfilled) },
            uniquingKeysWith: { first, _ in first })
    }
}

/// What the accepted events say is there: the stock that an embedded ERP decides by.
final class ErpStockBook: Sendable {
    private let board: StateBoard
    private let tenant: TenantNumber
    // Used under the lock only; the reader's transactions belong to no thread.
    private let reader: Mutex<LentReader>

    private struct LentReader: @unchecked Sendable {
        let reader: SnapshotReader
    }

    init(ledger: Ledger, board: StateBoard, tenant: TenantNumber) throws(LedgerError) {
        self.board = board
        self.tenant = tenant
        reader = Mutex(LentReader(reader: try ledger.makeReader()))
    }

    /// A position that cannot be read has none.
    func stock(of sku: String, at location: String) -> EmbeddedErp.Stock {
        guard let number = board.state.directory.number(of: location) else { return EmbeddedErp.Stock() }
        let position = reader.withLock { lent -> Position? in
            guard (try? lent.reader.renew()) != nil else { return nil }
            defer { lent.reader.release() }
            guard let figures = try? lent.reader.figures(of: tenant).running else { return nil }
            return (try? lent.reader.position(tenant: figures, sku: sku, location: number)).flatMap { $0 }
        }
        guard let buckets = position?.buckets else { return EmbeddedErp.Stock() }
        return EmbeddedErp.Stock(
            onHand: buckets[.onHand], blocked: buckets[.quarantined] + buckets[.damaged],
            allocated: buckets[.allocated])
    }
}

extension ConfiguredErp {
    /// What its adapter declares.
    fileprivate var capabilities: ErpCapabilities {
        switch adapter {
        case .embedded: EmbeddedErp.capabilities
        case .tryton: TrytonAdapter.capabilities(requestTimeoutSeconds: requestTimeoutSeconds)
        }
    }

    fileprivate var requestTimeoutSeconds: Int { max(1, Int(callTimeoutNanoseconds / 1_000_000_000)) }
}

extension ErpDirectory {
    init(_ configured: [ConfiguredErp]) {
        var locations: [String: String] = [:]
        for erp in configured {
            for location in erp.locations ?? [] { locations[location] = erp.id }
        }
        self.init(
            terms: configured.map { erp in
                let capabilities = erp.capabilities
                return ErpTerms(
                    name: erp.id, takesCommits: capabilities.takesCommits,
                    allowsPartialRelease: capabilities.allowsPartial, takesLots: capabilities.takesLots)
            },
            locations: locations, defaultName: configured.first { $0.locations == nil }?.id)
    }
}

extension ErpCallPolicy {
    init(_ erp: ConfiguredErp) {
        self.init()
        deadlineNanoseconds = erp.callTimeoutNanoseconds
        callsInFlightMax = Int(erp.callsInFlightMax)
        callsPerSecond = erp.callsPerSecond
        maintenance = erp.maintenance.map {
            MaintenanceWindow(startSeconds: $0.startSeconds, endSeconds: $0.endSeconds)
        }
    }
}
