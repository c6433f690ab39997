internal import Configure
internal import Engine
internal import Erp
internal import Inventory
internal import Ledger
internal import Logging
internal import Synchronization

/// Reads one ERP's figures again and again, as its `read_every` says, and once after a backup was restored. Has holds
/// looked for that a reading lacks, and tells of those that only the ERP knows.
struct ErpReader: Sendable {
    let erp: ConfiguredErp
    let reading: ErpPositionReading
    let ledger: Ledger
    let writer: EngineThread
    let tenant: TenantNumber
    let clock: LedgerClock
    let alarm: AlarmClock
    let restoration: Restoration
    let findings: ErpReadFindings
    let logger: Logger

    /// After a reading that failed while holds wait for it.
    private static let retryNanoseconds: Int64 = 5 * .perSecond

    /// Reads until cancelled, or until nothing needs another reading.
    func run() async {
        while !Task.isCancelled, erp.readEveryNanoseconds != nil || restoration.awaits(erp.id) {
            do {
                try await readOnce()
                try await restoration.noteReading(of: erp.id)
            } catch {
                logger.warning("an ERP cannot be read", metadata: ["erp": "\(erp.id)", "reason": "\(error)"])
            }
            let pause = erp.readEveryNanoseconds ?? Self.retryNanoseconds
            await alarm.sleep(nanoseconds: restoration.awaits(erp.id) ? min(pause, Self.retryNanoseconds) : pause)
        }
    }

    private func readOnce() async throws {
        let asked = clock.nowNanoseconds
        let takesFigures = erp.readEveryNanoseconds != nil
        let askedWall = wallClockNanoseconds()
        let isWhole = Mutex(takesFigures)
        let result = try await reading.run(wallNanoseconds: wallClockNanoseconds) { events in
            // Of an ERP that is not read by itself others tell the figures.
            guard takesFigures else { return }
            let reply = try await writer.take(.publish(tenant: tenant, events: events))
            if !reply.tookAll { isWhole.withLock { $0 = false } }
        }
        if takesFigures {
            try await writer.take(.publish(tenant: tenant, events: [result.heartbeat]))
        }
        if isWhole.withLock({ $0 }) {
            let end = GapEnd(
                source: erp.id, askedNanoseconds: askedWall, actor: "erps/\(erp.id)",
                reason: "all of its positions were read")
            try await writer.take(.endGap(tenant: tenant, end))
        }
        let comparison = try ErpHoldComparison(
            result.holds, of: erp.id, askedNanoseconds: asked, ledger: ledger, tenant: tenant)
        if !comparison.missed.lines.isEmpty {
            try await writer.take(.lookForHolds(tenant: tenant, comparison.missed))
        }
        findings.set(comparison.unknown.count, of: erp.id)
        logger.info(
            "an ERP was read",
            metadata: [
                "erp": "\(erp.id)", "positions": "\(result.positions)", "holds": "\(result.holds.count)",
                "looked_for": "\(comparison.missed.lines.count)",
            ])
        guard !comparison.unknown.isEmpty else { return }
        let some = comparison.unknown.prefix(20).map { "\($0.reservationID)/\($0.lineID)" }
        logger.warning(
            "an ERP holds for us what is not held here",
            metadata: [
                "erp": "\(erp.id)", "lines": "\(comparison.unknown.count)",
                "first": "\(some.joined(separator: " "))",
            ])
    }
}

extension EngineThread {
    /// Submits a command and returns after its commit; throws when there was none.
    @discardableResult
    func take(_ command: EngineCommand) async throws(EngineError) -> EngineReply {
        let reply = await submit(command)
        if case .failed(let error) = reply { throw error }
        return reply
    }
}

/// What the last readings found, for the metrics.
final class ErpReadFindings: Sendable {
    private let unknown = Mutex<[String: Int]>([:])

    func set(_ count: Int, of erp: String) { unknown.withLock { $0[erp] = count } }

    /// Lines that an ERP holds for us and that are not held here; nil: it was not read yet.
    func unknownHolds(of erp: String) -> Int? { unknown.withLock { $0[erp] } }
}

/// After a backup was restored: what was held since is known to the ERPs only, so nothing is granted until each was read.
final class Restoration: Sendable {
    private let waiting: Mutex<Set<String>>
    private let ledger: Ledger
    private let writer: EngineThread
    private let tenant: TenantNumber
    private let alarm: AlarmClock
    private let logger: Logger

    init(
        of ledger: Ledger, erps: [String], writer: EngineThread, tenant: TenantNumber, alarm: AlarmClock,
        logger: Logger
    ) {
        waiting = Mutex(ledger.awaitsErps ? Set(erps) : [])
        self.ledger = ledger
        self.writer = writer
        self.tenant = tenant
        self.alarm = alarm
        self.logger = logger
    }

    /// Without ERPs nobody knows more than the backup.
    func begin() async {
        guard ledger.awaitsErps else { return }
        let names = missing
        while names.isEmpty, !Task.isCancelled {
            if (try? await end()) != nil { return }
            await alarm.sleep(nanoseconds: .perSecond)
        }
        logger.notice(
            "a backup was restored: holds are granted once the ERPs were read",
            metadata: ["erps": "\(names.joined(separator: ", "))"])
    }

    func awaits(_ erp: String) -> Bool { waiting.withLock { $0.contains(erp) } }

    /// Those that were not read yet.
    var missing: [String] { waiting.withLock { $0.sorted() } }

    /// Throws when the last could not be noted in the ledger: its ERP then stays one that is waited for.
    func noteReading(of erp: String) async throws(EngineError) {
        let isLast = waiting.withLock { $0 == [erp] }
        if isLast { try await end() }
        waiting.withLock { _ = $0.remove(erp) }
    }

    private func end() async throws(EngineError) {
        try await writer.take(.endRestoration(tenant: tenant))
        logger.notice("the restored backup grants holds again")
    }
}

extension EngineReply {
    /// Whether every event of a batch is accounted for.
    fileprivate var tookAll: Bool {
        guard case .published(let results, _) = self else { return false }
        return results.allSatisfy { $0.outcome != .deadLettered }
    }
}
