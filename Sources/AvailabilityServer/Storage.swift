internal import ArgumentParser
internal import Configure
internal import Engine
internal import Foundation
internal import HotTable
internal import Inventory
internal import Ledger

/// How the commands open the store, and what they exit with when they cannot.
enum Storage {
    /// The store cannot be opened (EX_IOERR of sysexits.h).
    static let exitCode = ExitCode(exitStatus)
    static var exitStatus: Int32 { 74 }

    /// `structureCheck` may only be less than `.always` for a caller that has the rest of the file looked at.
    static func open(
        _ settings: ServerSettings, readOnly: Bool = false, structureCheck: StructureCheck = .always
    ) throws -> Ledger {
        var options = LedgerOptions()
        options.mapBytes = UInt64(settings.storage.mapBytes)
        if settings.storage.quotaBytes > 0 { options.quotaBytes = UInt64(settings.storage.quotaBytes) }
        options.headroomBytes = UInt64(settings.storage.headroomBytes)
        options.maxReaders = readersMax
        options.ballastBytes = ballastBytes
        options.readOnly = readOnly
        options.structureCheck = structureCheck
        // Within 63 bits, so that it stays positive for clients in languages without unsigned numbers.
        options.epoch = UInt64.random(in: 1...UInt64(Int64.max))
        do throws(LedgerError) {
            return try Ledger(directory: settings.dataDirectory, options: options)
        } catch {
            printError("cannot open the store: \(error)")
            throw exitCode
        }
    }

    /// As `open`, for commands that look at a store and must not make one out of a mistyped path.
    static func openExisting(_ settings: ServerSettings) throws -> Ledger {
        guard FileManager.default.fileExists(atPath: settings.dataDirectory + "/data.mdb") else {
            printError("cannot open the store: \(LedgerError.noLedger(directory: settings.dataDirectory))")
            throw exitCode
        }
        return try open(settings)
    }

    /// Given up when the disk is full, so that what frees space can still be written.
    private static let ballastBytes: UInt64 = 16 << 20

    /// One for each loop, and room for exports, backups and status.
    private static let readersMax: UInt32 = 1_024

    static func openEngine(
        _ loaded: LoadedConfiguration, ledger: Ledger, clock: LedgerClock, outbox: ErpOutbox = ErpOutbox(),
        hotTable: HotTable? = nil
    ) throws -> Engine {
        do throws(OpeningError) {
            return try Engine.open(
                ledger: ledger, tenantName: loaded.settings.tenant, settings: EngineSettings(loaded),
                seed: CatalogueSeed(loaded.catalogue),
                time: EngineTime(
                    wallNanoseconds: wallClockNanoseconds(), ledgerNanoseconds: clock.nowNanoseconds),
                outbox: outbox, hotTable: hotTable)
        } catch {
            switch error {
            case .ledger:
                printError("cannot open the store: \(error)")
                throw exitCode
            case .catalogue:
                printError("the configuration does not fit the store: \(error)")
                throw ExitCode(64)
            }
        }
    }

    /// Ledger time goes on from what the ledger has seen.
    static func makeClock(_ ledger: Ledger) throws -> LedgerClock {
        do throws(LedgerError) {
            let reader = try ledger.makeReader()
            try reader.renew()
            return LedgerClock(persistedNanoseconds: reader.state.ledgerTimeNanoseconds)
        } catch {
            printError("cannot read the store: \(error)")
            throw exitCode
        }
    }

    /// The number of the configured tenant in a store that is only read.
    static func tenantNumber(_ settings: ServerSettings, in ledger: Ledger) throws -> TenantNumber {
        do throws(LedgerError) {
            let reader = try ledger.makeReader()
            try reader.renew()
            if let number = try reader.number(of: settings.tenant, kind: .tenant, tenant: 0) { return number }
        } catch {
            printError("cannot read the store: \(error)")
            throw exitCode
        }
        printError("the store has no tenant \(settings.tenant)")
        throw ExitCode(64)
    }
}

extension CatalogueSeed {
    init(_ configured: ConfiguredCatalogue) {
        self.init(
            locations: configured.locations, groups: configured.groups, sources: configured.allSources,
            channels: configured.channels, reasonCodes: configured.reasonCodes.map { Set($0) })
    }
}

extension EngineSettings {
    init(_ loaded: LoadedConfiguration) {
        self.init()
        let settings = loaded.settings
        erps = ErpDirectory(loaded.catalogue.erps)
        horizonNanoseconds = settings.events.horizonNanoseconds
        clockSkewMaxNanoseconds = settings.events.clockSkewMaxNanoseconds
        gapWaitNanoseconds = settings.events.gapWaitNanoseconds
        deadLetterBytesMax = UInt64(settings.events.deadLetterBytesMax)
    }
}

extension EngineThread {
    /// Publishes events and waits for the commit; for imports.
    func publishAndWait(_ events: [IncomingEvent], tenant: TenantNumber) throws(EngineError) -> [EventResult] {
        switch submitAndWait(.publish(tenant: tenant, events: events)) {
        case .published(let results, _): return results
        case .failed(let error): throw error
        default: throw .invariantBroken("wrong reply")
        }
    }
}
