internal import Configure
internal import Engine
internal import Feeds
internal import Inventory
internal import Ledger
internal import Logging
internal import ServiceLifecycle
internal import Services

/// The publications of the configuration at work.
final class PublicationHosting: Sendable {
    let supervisor: PublicationSupervisor
    fileprivate let alarm = AlarmClock()

    /// - Throws: when one cannot be made.
    init(
        _ configured: [ConfiguredPublication], figures: any FigureSource, ledger: Ledger, writer: EngineThread,
        tenant: TenantNumber, logger: Logger
    ) throws {
        let alarm = self.alarm
        let port = PublicationPort(
            figures: figures,
            progress: { (publication) throws(FeedFailure) in
                do throws(LedgerError) {
                    let reader = try ledger.makeReader()
                    try reader.renew()
                    return try reader.document(tenant: tenant, kind: .publication, id: publication)
                } catch {
                    throw FeedFailure("its cursor cannot be read: \(error)")
                }
            },
            store: { (command) async throws(FeedFailure) in
                let reply = await writer.submit(.publication(tenant: tenant, command), alarm: alarm)
                if case .failed(let error) = reply { throw FeedFailure(error.words) }
            },
            clock: FeedClock(
                sleep: { await alarm.sleep(nanoseconds: $0) }, monotonicNow: monotonicClockNanoseconds,
                now: wallClockNanoseconds),
            alarm: alarm)
        supervisor = PublicationSupervisor(
            try configured.map { try PublicationMaking.make($0) }, port: port, logger: logger)
    }
}

/// Runs the publications until the server stops: before the writer does.
struct PublicationService: Service {
    let hosting: PublicationHosting

    func run() async throws {
        await cancelWhenGracefulShutdown { await hosting.supervisor.run() }
        // Without publications there is nothing to run, and a service that ends would end the server.
        try? await gracefulShutdown()
        hosting.alarm.stop()
    }
}
