internal import Calls
internal import Catalogue
internal import Configure
internal import Engine
internal import Foundation
internal import HotTable
internal import Inventory
internal import Ledger
internal import Logging
internal import Operations
internal import RPC
internal import ServiceLifecycle
internal import Services
internal import UnixSignals

/// Puts the server together over an open store, runs it, and takes it down in order: callers first, then the writer, then
/// the store.
struct ServerHost {
    let loaded: LoadedConfiguration
    let flags: SettingFlags
    let ledger: Ledger
    let board: StateBoard
    let tenant: TenantNumber
    let clock: LedgerClock
    let outbox: ErpOutbox
    let logger: Logger

    private var settings: ServerSettings { loaded.settings }

    func run(engine: sending Engine) async throws {
        let writer = EngineThread(settings: EngineSettings(loaded), clock: clock)
        let watches = ReservationWatches(ledger: ledger, board: board, tenant: tenant)
        writer.onLogGrown { watches.notify() }
        writer.start(engine: engine) { [logger] description in
            // Nothing of the group was acknowledged, and after a failed sync the page cache cannot be trusted.
            logger.critical("the store failed; stopping", metadata: ["reason": "\(description)"])
            _exit(70)
        }
        let watch = StructureWatch(ledger: ledger, logger: logger)
        watch.start()
        let hotTables = HotTableHosting(board: board, ledger: ledger, tenant: tenant, watch: watch, logger: logger)
        let tails = EventTails(tail: board.eventTail)
        tails.start()
        watches.start()
        let availabilityWatches = AvailabilityWatches(
            ledger: ledger, board: board, tenant: tenant, clock: clock,
            // Half of the cores: the others answer and write.
            threads: min(8, max(1, ProcessInfo.processInfo.activeProcessorCount / 2)), now: wallClockNanoseconds,
            monotonicNow: monotonicClockNanoseconds)
        availabilityWatches.start()
        defer {
            tails.stop()
            availabilityWatches.stop()
            watches.stop()
            watch.stop()
            hotTables.stop()
            writer.stop()
            ledger.recordOrderlyEnd()
        }
        try loadSampleIfNew(writer)
        hotTables.fill()

        let erps = try hostErps(writer)
        let feeds = try hostFeeds(writer, erps)
        let publications = try hostPublications(writer, availabilityWatches)
        let health = HealthBoard(services: AvailabilityApplication.serviceNames)
        let readiness = Readiness(
            ledger: ledger, watch: watch, writer: writer, board: board, health: health, erps: erps)
        let application = makeApplication(
            writer, health, readiness, watches, availabilityWatches, tails, erps, feeds, publications)
        let wire = Server(
            configuration: settings.wireConfiguration, application: application,
            observer: CallLog(logger: logger, methods: application.methods)
                .observer(everyCall: logger.logLevel <= .debug))
        EarlySignals.keep()
        try start(wire)
        let grace = ShutdownGrace(
            milliseconds: settings.shutdownGraceMilliseconds, alarm: erps.alarm, logger: logger)
        var services: [any Service] = [
            makeOperations(
                wire, writer, watch, readiness, erps, availabilityWatches, feeds, publications,
                methods: application.methods)
        ]
        if settings.usesSampleCatalogue {
            services.append(SampleHeartbeat(writer: writer, tenant: tenant, alarm: erps.alarm))
        }
        services.append(ErpService(hosting: erps))
        services.append(DeadLetterAlarm(board: board, alarm: erps.alarm, logger: logger))
        services.append(FeedService(hosting: feeds, grace: grace))
        services.append(PublicationService(hosting: publications, grace: grace))
        services.append(
            RebuildService(
                runner: RebuildRunner(
                    ledger: ledger, board: board, writer: writer, tenant: tenant, feeds: feeds.supervisor, erps: erps,
                    logger: logger),
                hotTables: hotTables, grace: grace))
        services.append(
            ReloadService(
                flags: flags, running: loaded, wire: wire, writer: writer, tenant: tenant, logger: logger))
        // The last is stopped first: the wire drains while the operations port still answers.
        services.append(
            WireService(
                wire: wire, health: health, graceMilliseconds: settings.shutdownGraceMilliseconds, grace: grace,
                logger: logger))
        let quiet = Logger(label: "lifecycle") { _ in SwiftLogNoOpLogHandler() }
        let group = ServiceGroup(services: services, gracefulShutdownSignals: [.sigterm, .sigint], logger: quiet)
        do {
            try await group.run()
        } catch {
            wire.drain(graceMilliseconds: 0)
            printError("the server cannot run: \(error)")
            throw ExitFailure.code
        }
        logger.notice("stopped")
    }

    private func makeApplication(
        _ writer: EngineThread, _ health: HealthBoard, _ readiness: Readiness, _ watches: ReservationWatches,
        _ availabilityWatches: AvailabilityWatches, _ tails: EventTails, _ erps: ErpHosting, _ feeds: FeedHosting,
        _ publications: PublicationHosting
    ) -> AvailabilityApplication {
        let limits = settings.wireLimits
        return AvailabilityApplication(
            environment: ServiceEnvironment(
                ledger: ledger, engine: writer, board: board, health: health, settings: EngineSettings(loaded),
                clock: clock, outbox: outbox, watches: watches, availabilityWatches: availabilityWatches,
                tails: tails, deadLetterDecoder: feeds.letters, tenant: tenant,
                tenantName: settings.tenant,
                version: ServerVersion.current,
                startNanoseconds: wallClockNanoseconds(), messageBytesMax: limits.messageBytesMax,
                headerListBytesMax: limits.headerListBytesMax, headerFieldsMax: limits.headerFieldsMax,
                erps: erps.conditions, readableErps: { erps.readable }, reconciliationStarted: erps.reconcile,
                feeds: feeds.supervisor, publications: publications.supervisor, checks: readiness.checks,
                now: wallClockNanoseconds,
                monotonicNow: monotonicClockNanoseconds))
    }

    private func hostErps(_ writer: EngineThread) throws -> ErpHosting {
        do {
            return try ErpHosting(
                loaded.catalogue.erps, ledger: ledger, board: board, writer: writer, outbox: outbox, tenant: tenant,
                clock: clock, logger: logger)
        } catch {
            printError("the ERPs cannot be set up: \(error)")
            throw ExitFailure.code
        }
    }

    private func hostFeeds(_ writer: EngineThread, _ erps: ErpHosting) throws -> FeedHosting {
        do {
            return try FeedHosting(
                loaded.catalogue.feeds, erps: erps, ledger: ledger, board: board, writer: writer, tenant: tenant,
                logger: logger)
        } catch {
            printError("the feeds cannot be set up: \(error)")
            throw ExitFailure.code
        }
    }

    private func hostPublications(
        _ writer: EngineThread, _ watches: AvailabilityWatches
    ) throws -> PublicationHosting {
        do {
            return try PublicationHosting(
                loaded.catalogue.publications, figures: watches, ledger: ledger, writer: writer, tenant: tenant,
                logger: logger)
        } catch {
            printError("the publications cannot be set up: \(error)")
            throw ExitFailure.code
        }
    }

    private func makeOperations(
        _ wire: Server, _ writer: EngineThread, _ watch: StructureWatch, _ readiness: Readiness, _ erps: ErpHosting,
        _ availabilityWatches: AvailabilityWatches, _ feeds: FeedHosting, _ publications: PublicationHosting,
        methods: [MethodDescriptor]
    ) -> OperationsServer {
        OperationsServer(
            host: settings.http.host, port: Int(settings.http.port),
            sources: OperationsSources(
                checks: readiness.checks, callStatistics: wire.statistics, methods: methods,
                families: ServerMetrics(
                    ledger: ledger, watch: watch, writer: writer, board: board, erps: erps, feeds: feeds,
                    publications: publications, watches: availabilityWatches
                ).families,
                erpSwitches: EmbeddedErpSwitches(hosting: erps).answer, endpoints: feeds.endpoints),
            logger: logger,
            onRunning: { [settings, logger] port in
                let grpc = ListenAddress(host: settings.listen.host, port: wire.port)
                let http = ListenAddress(host: settings.http.host, port: UInt16(clamping: port))
                logger.notice("listening", metadata: ["grpc": "\(grpc)", "http": "\(http)"])
            })
    }

    private func start(_ wire: Server) throws {
        do throws(WireError) {
            try wire.start()
        } catch {
            printError("cannot listen on \(settings.listen): \(error.description)")
            throw ExitFailure.code
        }
    }

    /// Fills a store that has no positions yet with the sample catalogue, when that was asked for, or goes on where a
    /// start was interrupted.
    private func loadSampleIfNew(_ writer: EngineThread) throws {
        guard settings.usesSampleCatalogue, try needsSample() else { return }
        let bar = ProgressBar(label: "sample catalogue")
        let tenant = self.tenant
        let counts = try SampleCatalogue.load(
            occurredAtNanoseconds: wallClockNanoseconds(), progress: bar.update
        ) { events in
            try writer.publishAndWait(events, tenant: tenant)
        }
        bar.clear()
        logger.notice("sample catalogue loaded", metadata: ["positions": "\(counts.applied)"])
    }

    private func needsSample() throws -> Bool {
        let reader = try ledger.makeReader()
        try reader.renew()
        if reader.state.positions == 0 { return true }
        let ends = SampleCatalogue.ends
        func isKnown(_ sku: String) throws -> Bool {
            guard let location = board.state.directory.number(of: SampleCatalogue.locations[0]) else { return false }
            let figures = try reader.figures(of: tenant).running
            return try reader.position(tenant: figures, sku: sku, location: location) != nil
        }
        return try isKnown(ends.first) && !isKnown(ends.last)
    }
}
