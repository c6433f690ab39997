internal import Configure
internal import Engine
internal import Erp
internal import Inventory
internal import Ledger
internal import Logging
internal import Synchronization

/// Compares one ERP's figures with ours when it is asked to, and as often as `reconcile_every` says. One comparison at a
/// time; after a restart it goes on where its last page was committed.
struct ErpReconciler: Sendable {
    let erp: ConfiguredErp
    let reads: any ErpReads
    /// Those that the ERP serves.
    let locations: [String]
    let ledger: Ledger
    let writer: EngineThread
    let tenant: TenantNumber
    let clock: LedgerClock
    let alarm: AlarmClock
    let logger: Logger
    /// Yielded to when a comparison was asked for.
    let waker = AsyncStream<Void>.makeStream(bufferingPolicy: .bufferingNewest(1))

    private static let skusPerPage = 200
    /// A page that cannot be read is asked for so often, each time after a longer pause.
    private static let attemptsMax = 8

    func wake() { waker.continuation.yield() }

    func run() async {
        wake()
        for await _ in waker.stream {
            do {
                try await startIfDue()
                while let record = try running(), !Task.isCancelled { try await finish(record) }
            } catch {
                logger.warning("an ERP cannot be compared", metadata: ["erp": "\(erp.id)", "reason": "\(error)"])
                alarm.ring(afterNanoseconds: 5 * .perSecond, wake)
            }
        }
    }

    private func records() throws -> [Reconciliation] {
        let reader = try ledger.makeReader()
        try reader.renew()
        defer { reader.release() }
        var all: [Reconciliation] = []
        try reader.forEachDocument(Reconciliation.self, tenant: tenant, kind: .reconciliation) { _, record in
            if record.erp == erp.id { all.append(record) }
            return true
        }
        return all
    }

    private func running() throws -> Reconciliation? { try records().first { $0.state == .running } }

    private func startIfDue() async throws {
        guard let every = erp.reconcileEveryNanoseconds else { return }
        let known = try records()
        let now = wallClockNanoseconds()
        let last = known.filter(\.isWhole).map(\.createTimeNanoseconds).max() ?? 0
        let due = last + every
        if due > now {
            alarm.ring(afterNanoseconds: due - now, wake)
        } else if !known.contains(where: { $0.state == .running }) {
            let wanted = Reconciliation(
                id: "c-" + String(now, radix: 32), requestID: "", erp: erp.id, createTimeNanoseconds: now,
                actor: "configuration", reason: "reconcile_every")
            _ = try await submit(.start(wanted))
            alarm.ring(afterNanoseconds: every, wake)
        }
    }

    // MARK: One comparison

    private func finish(_ record: Reconciliation) async throws {
        var holds: [ErpHoldName: Int64] = [:]
        let begun = clock.nowNanoseconds
        var after = record.cursor
        var variances = record.variances
        while true {
            var comparison = ComparisonPage(
                reconciliationID: record.id, askedWallNanoseconds: wallClockNanoseconds(),
                askedLedgerNanoseconds: clock.nowNanoseconds, askedSequence: try sequence())
            let page: ErpPositionPage
            do throws(ErpFailure) {
                page = try await read(after: after, record)
            } catch {
                comparison.end = .failed
                comparison.error = "\(error)"
                _ = try await submit(.compare(comparison))
                return logger.warning(
                    "a reconciliation failed",
                    metadata: ["erp": "\(erp.id)", "id": "\(record.id)", "reason": "\(error)"])
            }
            if Task.isCancelled { return }
            for hold in page.positions.flatMap(\.contains) {
                let name = ErpHoldName(reservationID: hold.reservationID, lineID: hold.lineID)
                holds[name, default: 0] += hold.quantity
            }
            comparison.figures = page.positions.filter { record.skus.isEmpty || record.skus.contains($0.sku) }
            comparison.cursor = page.next ?? page.positions.last?.sku ?? after
            let isLast = page.next == nil || record.skus.max().map { $0 <= comparison.cursor } ?? false
            if isLast { comparison.end = .succeeded }
            if case .reconciliation(let kept) = try await submit(.compare(comparison)) { variances = kept.variances }
            if isLast { break }
            after = comparison.cursor
        }
        // Only a whole reading from its beginning says what the ERP lacks.
        if record.isWhole, record.cursor.isEmpty { try await look(for: holds, askedNanoseconds: begun) }
        logger.notice(
            "a reconciliation is done",
            metadata: ["erp": "\(erp.id)", "id": "\(record.id)", "variances": "\(variances)"])
        try await applyByPolicy(record)
    }

    private func read(after sku: String, _ record: Reconciliation) async throws(ErpFailure) -> ErpPositionPage {
        var attempt = 0
        while true {
            do throws(ErpFailure) {
                return try await reads.read { (erp, deadline) async throws(ErpFailure) in
                    try await erp.readPositions(
                        locations: record.locations.isEmpty ? locations : record.locations, after: sku,
                        limit: Self.skusPerPage, deadline: deadline)
                }
            } catch {
                attempt += 1
                if attempt == Self.attemptsMax || Task.isCancelled { throw error }
                await alarm.sleep(nanoseconds: .perSecond << Int64(min(attempt, 5)) / 4)
            }
        }
    }

    private func look(for holds: [ErpHoldName: Int64], askedNanoseconds: WallNanoseconds) async throws {
        let comparison = try ErpHoldComparison(
            holds, of: erp.id, askedNanoseconds: askedNanoseconds, ledger: ledger, tenant: tenant)
        guard !comparison.missed.lines.isEmpty else { return }
        try await writer.take(.lookForHolds(tenant: tenant, comparison.missed))
    }

    /// Repairs small drift, if the configuration says so.
    private func applyByPolicy(_ record: Reconciliation) async throws {
        guard let most = erp.reconcileApplyUpTo else { return }
        let reader = try ledger.makeReader()
        try reader.renew()
        var numbers: [UInt64] = []
        try reader.forEachVarianceBackwards(tenant: tenant) { number, variance in
            if variance.reconciliation == record.id, variance.state == .open, variance.cause == .drift,
                abs(variance.theirs - variance.ours) <= most
            {
                numbers.append(number)
            }
            return true
        }
        reader.release()
        for start in stride(from: 0, to: numbers.count, by: 1_000) {
            let some = Array(numbers[start..<min(start + 1_000, numbers.count)])
            _ = try await submit(
                .repair(
                    VarianceRepair(
                        numbers: some, actor: "configuration", reason: "reconcile_apply_up_to \(most)",
                        requestID: record.id, validateOnly: false)))
        }
    }

    private func sequence() throws -> UInt64 {
        let reader = try ledger.makeReader()
        try reader.renew()
        defer { reader.release() }
        return reader.sequence
    }

    private func submit(_ command: ReconciliationCommand) async throws(EngineError) -> ReconciliationReply {
        switch await writer.submit(.reconcile(tenant: tenant, command)) {
        case .reconciliation(let reply, _): return reply
        case .failed(let error): throw error
        default: throw .invariantBroken("wrong reply")
        }
    }
}
