internal import HotTable
internal import Inventory
internal import Ledger

/// Comparisons of our figures with an ERP's, and the repairs that come of them.
extension GroupWork {
    mutating func execute(_ command: ReconciliationCommand) throws(LedgerError) -> CommandOutcome {
        switch command {
        case .start(let wanted, let correlationID): return try start(wanted, correlationID)
        case .compare(let page): return try compare(page)
        case .repair(let repair):
            var outcomes: [VarianceOutcome] = []
            for number in repair.numbers { outcomes.append(try apply(number, repair)) }
            return .reconciliation(.repaired(outcomes))
        }
    }

    private mutating func start(
        _ wanted: Reconciliation, _ correlationID: String
    ) throws(LedgerError) -> CommandOutcome {
        var known: Reconciliation?
        var isRunning = false
        var oldestOver: String?
        var count = 0
        try batch.forEachDocument(Reconciliation.self, tenant: tenant, kind: .reconciliation) { id, other in
            if !wanted.requestID.isEmpty, other.requestID == wanted.requestID { known = other }
            if other.state == .running, other.erp == wanted.erp { isRunning = true }
            if other.state != .running, oldestOver == nil { oldestOver = id }
            count += 1
            return true
        }
        if let known {
            let isSame = (known.erp, known.locations, known.skus) == (wanted.erp, wanted.locations, wanted.skus)
            return isSame ? .reconciliation(.reconciliation(known)) : .refused(.requestIDReused)
        }
        if isRunning { return .refused(.reconciliationRunning(erp: wanted.erp)) }
        if count >= Limits.reconciliationsMax, let oldestOver {
            try batch.deleteDocument(tenant: tenant, kind: .reconciliation, id: oldestOver)
        }
        try batch.setDocument(wanted, tenant: tenant, kind: .reconciliation, id: wanted.id)
        try audit(
            .startReconciliation, "reconciliations/\(wanted.id)", actor: wanted.actor, reason: wanted.reason,
            requestID: correlationID)
        return .reconciliation(.reconciliation(wanted))
    }

    // MARK: Comparing

    private mutating func compare(_ page: ComparisonPage) throws(LedgerError) -> CommandOutcome {
        guard
            var record: Reconciliation = try batch.document(
                tenant: tenant, kind: .reconciliation, id: page.reconciliationID), record.state == .running
        else { return .refused(.reconciliationNotFound(page.reconciliationID)) }
        for figures in page.figures {
            guard let location = catalogue.directory.number(of: figures.location) else { continue }
            record.variances += try compare(figures, at: location, page)
            record.compared += 1
        }
        if !page.cursor.isEmpty { record.cursor = page.cursor }
        if let end = page.end {
            record.state = end
            record.error = page.error
            record.finishTimeNanoseconds = nowNanoseconds
        }
        try batch.setDocument(record, tenant: tenant, kind: .reconciliation, id: record.id)
        _ = batch.nextSequence()
        return .reconciliation(.reconciliation(record))
    }

    /// The number of variances found.
    private mutating func compare(
        _ figures: ErpPosition, at location: LocationNumber, _ page: ComparisonPage
    ) throws(LedgerError) -> UInt64 {
        let position = try batch.position(tenant: running, sku: figures.sku, location: location) ?? Position()
        let contained = try containedLines(
            figures.contains, sku: figures.sku, location: location, lot: "")
        let theirs: [Bucket: Int64] = [
            .onHand: figures.onHand, .allocated: figures.allocated - contained.values.reduce(0, +),
        ]
        var found: UInt64 = 0
        for bucket in Self.comparedBuckets {
            var variance = Variance(cause: .drift)
            (variance.sku, variance.location, variance.bucket) = (figures.sku, location, bucket.name)
            (variance.ours, variance.theirs) = (position.buckets[bucket], theirs[bucket, default: 0])
            variance.reconciliation = page.reconciliationID
            variance.newestPrimary = position.newestPrimary
            if try note(variance, of: bucket, position, page) { found += 1 }
        }
        return found
    }

    /// Brings the open variance of a bucket up to date: resolved where the figures are equal, or a new one where they were.
    /// Returns whether they differ.
    private mutating func note(
        _ compared: Variance, of bucket: Bucket, _ position: Position, _ page: ComparisonPage
    ) throws(LedgerError) -> Bool {
        let (sku, location) = (compared.sku, compared.location)
        let known = try batch.openVariance(tenant: tenant, sku: sku, location: location, bucket: bucket)
        let former = try known.flatMap { number throws(LedgerError) in
            try batch.variance(tenant: tenant, number: number)
        }
        guard compared.ours != compared.theirs else {
            if let known, var former {
                former.state = .resolved
                former.reconciliation = page.reconciliationID
                try batch.setVariance(former, number: known, tenant: tenant)
                try batch.setOpenVariance(nil, tenant: tenant, sku: sku, location: location, bucket: bucket)
            }
            return false
        }
        var variance = compared
        let wasFoundBefore = former.map { ($0.ours, $0.theirs) == (variance.ours, variance.theirs) } ?? false
        variance.cause = try evidence(position, sku, location, page, wasFoundBefore: wasFoundBefore).cause
        if let known, let former {
            variance.createTimeNanoseconds = former.createTimeNanoseconds
            try batch.setVariance(variance, number: known, tenant: tenant)
        } else {
            let number = try keep(variance)
            try batch.setOpenVariance(number, tenant: tenant, sku: sku, location: location, bucket: bucket)
        }
        return true
    }

    private mutating func evidence(
        _ position: Position, _ sku: String, _ location: LocationNumber, _ page: ComparisonPage, wasFoundBefore: Bool
    ) throws(LedgerError) -> VarianceEvidence {
        let vouched = Vouched(
            StockFigures(position), owner: catalogue.directory.owner(of: location), watermarks: grantWatermarks())
        return VarianceEvidence(
            hasHoldInFlight: try hasHoldInFlight(sku, location, since: page.askedLedgerNanoseconds),
            hasChangedSinceAsked: position.sequence > page.askedSequence,
            isVouchedFor: vouched.untilNanoseconds >= page.askedWallNanoseconds - Limits.reconciliationLagNanoseconds,
            wasFoundBefore: wasFoundBefore)
    }

    private mutating func hasHoldInFlight(
        _ sku: String, _ location: LocationNumber, since asked: WallNanoseconds
    ) throws(LedgerError) -> Bool {
        var numbers: Set<ReservationNumber> = []
        try batch.forEachHold(tenant: running, sku: sku, location: location) { row in
            numbers.insert(row.number)
            return true
        }
        for number in numbers {
            guard let reservation = try reservation(number) else { continue }
            if let last = reservation.history.last, last.timeNanoseconds >= asked { return true }
            for line in reservation.lines where line.sku == sku && line.location == location {
                switch line.erpState {
                case .pending, .unknown, .releasePending: return true
                case .confirmed, .rejected, .released, .notRequired: continue
                }
            }
        }
        return false
    }

    /// Keeps a variance that somebody should look at; returns its number.
    @discardableResult
    mutating func keep(_ variance: Variance) throws(LedgerError) -> UInt64 {
        var variance = variance
        variance.createTimeNanoseconds = nowNanoseconds
        return try batch.addVariance(variance, tenant: tenant)
    }

    // MARK: Repairing

    private mutating func apply(
        _ number: UInt64, _ repair: VarianceRepair
    ) throws(LedgerError) -> VarianceOutcome {
        guard var variance = try batch.variance(tenant: tenant, number: number) else {
            return VarianceOutcome(number: number, state: nil, reason: "VARIANCE_NOT_FOUND")
        }
        guard variance.state == .open else {
            return VarianceOutcome(number: number, state: variance.state, reason: "VARIANCE_CLOSED")
        }
        if variance.movesStock, let reason = try move(variance, number, isTrial: repair.validateOnly) {
            return VarianceOutcome(number: number, state: .open, reason: reason)
        }
        if repair.validateOnly { return VarianceOutcome(number: number, state: .applied) }
        variance.state = .applied
        try batch.setVariance(variance, number: number, tenant: tenant)
        let change = variance.movesStock ? "\(variance.bucket) \(variance.ours) to \(variance.theirs)" : "noted"
        let location = catalogue.directory.location(variance.location)?.id ?? ""
        try audit(
            .applyVariances, "skus/\(variance.sku)/locations/\(location)", actor: repair.actor,
            reason: "variance \(number), \(change)" + (repair.reason.isEmpty ? "" : ": \(repair.reason)"),
            requestID: repair.requestID)
        return VarianceOutcome(number: number, state: .applied)
    }

    /// Moves a bucket as a difference behind everything that is known of the position: absolutes that come late rebase it
    /// like any other, and so a source's next figure has the last word. Nil: it is done.
    private mutating func move(
        _ variance: Variance, _ number: UInt64, isTrial: Bool
    ) throws(LedgerError) -> String? {
        let (sku, location) = (variance.sku, variance.location)
        guard let bucket = Bucket.allCases.first(where: { $0.name == variance.bucket }) else { return "NOT_APPLICABLE" }
        var position = try batch.position(tenant: running, sku: sku, location: location) ?? Position()
        guard position.newestPrimary == variance.newestPrimary, position.buckets[bucket] == variance.ours else {
            return "FIGURE_CHANGED"
        }
        if isTrial { return nil }
        let (shortfall, newest) = (position.shortfall, position.newestPrimary)
        journalPlace = (sku, location, "")
        let key = Self.repairKey(number, behind: max(position.newestPrimary, position.prunedThroughPrimary, 0))
        guard try position.amend(key, bucket, by: variance.theirs - variance.ours, journal: &self) == .done,
            position.buckets[bucket] == variance.theirs
        else { return "OUT_OF_RANGE" }
        position.sequence = batch.nextSequence()
        try batch.setPosition(position, tenant: running, sku: sku, location: location)
        try batch.setOpenVariance(nil, tenant: tenant, sku: sku, location: location, bucket: bucket)
        try restamp(sku, location, from: newest, to: position.newestPrimary)
        try noteShortfall(of: position, before: shortfall, sku: sku, location: location)
        changes?.append(HotTable.Change(sku: sku, location: location, figures: StockFigures(position)))
        try repairBeside(
            bucket, sku: sku, at: location, number: number, to: variance.theirs, behind: position.newestPrimary)
        return nil
    }

    /// A repair is news of its own bucket only: what else was found of the position stays as good as it was.
    private mutating func restamp(
        _ sku: String, _ location: LocationNumber, from before: Int64, to newest: Int64
    ) throws(LedgerError) {
        for bucket in Self.comparedBuckets {
            guard
                let number = try batch.openVariance(tenant: tenant, sku: sku, location: location, bucket: bucket),
                var variance = try batch.variance(tenant: tenant, number: number), variance.newestPrimary == before
            else { continue }
            variance.newestPrimary = newest
            try batch.setVariance(variance, number: number, tenant: tenant)
        }
    }

    private static let comparedBuckets: [Bucket] = [.onHand, .allocated]
}
