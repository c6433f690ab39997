internal import ArgumentParser
internal import Configure
internal import Engine
internal import Foundation
internal import HotTable
internal import Inventory
internal import Ledger
internal import Logging
internal import Operations

/// Runs the server until it is told to stop.
struct ServeCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "serve", abstract: "Runs the server (the default).",
        discussion: """
            SIGTERM and SIGINT drain and stop; SIGHUP reads certificates and configuration again. Every option is also a \
            key of the configuration file and an environment variable: storage.map_bytes, --storage-map-bytes, \
            AVAILABILITY_STORAGE_MAP_BYTES; flag over environment over file over default.
            """)

    @OptionGroup var flags: SettingFlags

    func run() async throws {
        // Until somebody listens for it: a reload that is asked for too early has nothing to do.
        signal(SIGHUP, SIG_IGN)
        // Nobody may take the log, from the first line on.
        signal(SIGPIPE, SIG_IGN)
        let loaded = try flags.load()
        Limits.check()
        let format = Self.logFormat(loaded.settings)
        let logger = Self.makeLogger(loaded.settings, format: format)
        LostPage.install(format: format)
        if loaded.isDevelopmentMode { printError(loaded.developmentBanner) }
        let ledger = try Storage.open(loaded.settings, structureCheck: .unlessEndedInOrder)
        if ledger.wasRestored { logger.notice("a backup was opened", metadata: ["epoch": "\(ledger.epoch)"]) }
        let clock = try Storage.makeClock(ledger)
        let outbox = ErpOutbox()
        let engine = try Storage.openEngine(
            loaded, ledger: ledger, clock: clock, outbox: outbox,
            hotTable: Self.makeHotTable(loaded.settings.hotTable, logger))
        let host = ServerHost(
            loaded: loaded, flags: flags, ledger: ledger, board: engine.board, tenant: engine.tenantNumber,
            clock: clock, outbox: outbox, logger: logger)
        try await host.run(engine: engine)
    }

    /// Nil when it is switched off or cannot be had: the ledger then answers alone.
    private static func makeHotTable(_ settings: ServerSettings.HotTable, _ logger: Logger) -> HotTable? {
        guard settings.isEnabled else { return nil }
        let table = HotTable(bytesMax: Int(settings.bytesMax), seed: UInt64.random(in: 0 ... .max))
        if table == nil { logger.warning("no address space for the hot table; reads go to the store") }
        return table
    }

    private static func logFormat(_ settings: ServerSettings) -> LogFormat {
        switch settings.logFormat {
        case .json: .json
        case .text: .text
        case .auto: .automatic
        }
    }

    private static func makeLogger(_ settings: ServerSettings, format: LogFormat) -> Logger {
        let level = Logger.Level(rawValue: settings.logLevel.rawValue) ?? .info
        LoggingSystem.bootstrap { format.handler(label: $0, level: level) }
        return Logger(label: "availability-server")
    }
}
