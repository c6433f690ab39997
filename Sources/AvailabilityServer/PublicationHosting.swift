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
    private let logger: Logger

    /// - Throws: when one cannot be made.
    init(
        _ configured: [ConfiguredPublication], figures: any FigureSource, ledger: Ledger, writer: EngineThread,
        tenant: TenantNumber, logger: Logger
    ) throws {
        self.logger = logger
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
                let reply = await writer.submit(.publication(tenant: tenant, command))
                if case .failed(let error) = reply { throw FeedFailure(error.words) }
            },
            clock: FeedClock(
                sleep: { await alarm.sleep(nanoseconds: $0) }, monotonicNow: monotonicClockNanoseconds,
                now: wallClockNanoseconds),
            alarm: alarm)
        supervisor = PublicationSupervisor(
            try configured.map { try PublicationMaking.make($0) }, port: port, logger: logger)
    }

    /// Says in the log, once each time, when very many lines of a publication wait to be tried again.
    fileprivate func review() async {
        var warned: Set<String> = []
        while !Task.isCancelled {
            for condition in supervisor.conditions {
                if condition.retrying < PublicationCondition.manyRetrying {
                    warned.remove(condition.id)
                } else if warned.insert(condition.id).inserted {
                    logger.warning(
                        "the receiver of a publication refuses many lines",
                        metadata: [
                            "publication": "\(condition.id)", "retrying": "\(condition.retrying)",
                            "reason": "\(condition.lastError)",
                        ])
                }
            }
            await alarm.sleep(nanoseconds: 5 * .perSecond)
        }
    }
}

/// Runs the publications until the server stops: before the writer does.
struct PublicationService: Service {
    let hosting: PublicationHosting
    let grace: ShutdownGrace

    func run() async throws {
        await grace.run("publications") { [hosting] in
            await withDiscardingTaskGroup { group in
                group.addTask { await hosting.supervisor.run() }
                group.addTask { await hosting.review() }
            }
        }
        hosting.alarm.stop()
    }
}
