/// What evaluations read: the tables of one channel's policy and of the sources' watermarks, by address. Whoever makes it
/// keeps both objects alive until the last evaluation has finished.
public struct EvaluationTables {
    let channel: UnsafePointer<ChannelTables>
    let watermarks: Table<WallNanoseconds>
    let isDegraded: Bool

    /// - Parameter isDegraded: whether the channel keeps back its degradation buffer.
    @inline(__always)
    public init(
        _ channel: borrowing CompiledChannel, _ watermarks: borrowing SourceWatermarks, isDegraded: Bool = false
    ) {
        self.channel = channel.tables
        self.watermarks = watermarks.table
        self.isDegraded = isDegraded
    }

    /// Whether a share makes the channel's own holds count: then `openHolds` must be told.
    @inline(__always)
    public var countsOwnHolds: Bool { channel.pointee.countsOwnHolds }
}

/// Works out what a channel may sell of one sku, one position at a time, in one pass without allocation, reference
/// counting or strings. What explains an answer is this same code with another `Recorder`.
///
///     var line = LineEvaluation(EvaluationTables(channel, watermarks), sku: sku, scope: scope, nowNanoseconds: now, ...)
///     for each position of the sku, by location number: line.add(location: number, figures: figures)
///     let answer = line.finish(quantity: 3, knownSku: false)
///
/// For one thread.
///
/// Bounds. Buckets are within ±10^15 and a policy's figures within 10^12, so sellable, allowed oversell and stock in
/// transit come to at most 8 × 10^15 + 2 × 10^12, with open holds 9 × 10^15 + 2 × 10^12, and a hundredfold of that is
/// below 2^63: no step over a location can overflow (`Limits.check`). The sum over locations saturates.
public struct LineEvaluation<Recorder: EvaluationRecorder> {
    private let channel: UnsafePointer<ChannelTables>
    private let watermarks: Table<WallNanoseconds>
    private let isDegraded: Bool
    private let scope: LocationScope
    private let nowNanoseconds: WallNanoseconds
    /// Negative: the caller did not say.
    private let maxStalenessNanoseconds: Int64
    private let overrides: Int32

    private var sum: Int64 = 0
    private var greatestContribution: Int64 = 0
    /// Positive sellable stock before policy is there, at a considered location or at one named in vain.
    private var hasStock = false
    private var isKnownSku = false
    private var isStale = false
    private var oldestAgeNanoseconds: Int64 = 0
    private var refused: StaleRefusal?
    public private(set) var recorder: Recorder

    /// - Parameters:
    ///   - sku: its bytes; read here only.
    ///   - maxStalenessNanoseconds: the oldest figures the caller accepts, taken literally: 0 means none older than now.
    ///     Nil: the caller did not say. Where it is exceeded, the channel's own stale action applies; where the channel
    ///     would serve old figures silently (action SERVE, or no threshold of its own) the call is refused, since a
    ///     caller who named a limit must not get older figures.
    public init(
        _ tables: EvaluationTables, sku: UnsafeRawBufferPointer, scope: LocationScope, nowNanoseconds: WallNanoseconds,
        maxStalenessNanoseconds: Int64?, recorder: Recorder
    ) {
        precondition((maxStalenessNanoseconds ?? 0) >= 0)
        channel = tables.channel
        watermarks = tables.watermarks
        isDegraded = tables.isDegraded
        self.scope = scope
        self.nowNanoseconds = nowNanoseconds
        self.maxStalenessNanoseconds = maxStalenessNanoseconds ?? -1
        self.recorder = recorder
        // Most channels have none, and the look-up would copy all of them.
        overrides = channel.pointee.overrides.isEmpty ? SkuOverrides.none : channel.pointee.overrides.node(of: sku)
    }

    /// Counts one position of the sku in. Any order, each location at most once.
    ///
    /// - Parameter openHolds: units this channel holds there; part of what its share allows it.
    public mutating func add(location: LocationNumber, figures: StockFigures, openHolds: Int64 = 0) {
        add(location, figures, of: nil, openHolds: openHolds)
    }

    /// As above; a recorder that records needs the whole position.
    public mutating func add(location: LocationNumber, position: Position, openHolds: Int64 = 0) {
        add(location, StockFigures(position), of: position, openHolds: openHolds)
    }

    @inline(__always)
    private mutating func add(
        _ location: LocationNumber, _ figures: StockFigures, of position: Position?, openHolds: Int64
    ) {
        isKnownSku = true
        // A location newer than the channel's catalogue is not for sale yet.
        guard Int(location) < channel.pointee.rows.count, isInScope(location) else { return }
        let row = channel.pointee.rows.pointer(at: Int(location))
        guard row.pointee.isEligible, row.pointee.isActive else {
            if scope != .all, figures.sellable() > 0 { hasStock = true }
            if Recorder.isRecording { recordExcluded(location, row.pointee) }
            return
        }
        if overrides == SkuOverrides.none { return count(row, location, figures, of: position, openHolds) }
        var special = row.pointee
        channel.pointee.overrides.apply(node: overrides, location: location, to: &special.terms)
        withUnsafePointer(to: special) { count($0, location, figures, of: position, openHolds) }
    }

    /// `row` has the terms that hold for the sku. It is read field by field: copied, it would cost as much as its terms.
    @inline(__always)
    private mutating func count(
        _ row: UnsafePointer<LocationRow>, _ location: LocationNumber, _ figures: StockFigures, of position: Position?,
        _ openHolds: Int64
    ) {
        if figures.sellable() > 0 { hasStock = true }
        let vouched = Vouched(
            authoritativeTimeNanoseconds: figures.authoritativeTimeNanoseconds,
            authoritativeSource: figures.authoritativeSource, owner: row.pointee.owner, watermarks: watermarks)
        let age = vouched.ageNanoseconds(nowNanoseconds: nowNanoseconds)
        oldestAgeNanoseconds = max(oldestAgeNanoseconds, age)
        var step = LocationStep(location: location, source: vouched.source, age: age, sequence: position?.sequence ?? 0)

        if Recorder.isRecording, let position { recordBuckets(position, row.pointee.terms, step) }
        recorder.vouched(
            forNanoseconds: vouched.untilNanoseconds, staleAfterNanoseconds: row.pointee.terms.staleAfterNanoseconds,
            maxStalenessNanoseconds: maxStalenessNanoseconds)
        applyPolicy(row, figures, openHolds: openHolds, &step)
        let isWithheld = applyFreshness(row, age: age, &step)
        record(.locationAvailable, amount: 0, step)
        recorder.contributed(
            location, figure: step.figure,
            sellable: figures.sellable(safetyStockAtLeast: row.pointee.terms.safetyStock)
                &+ row.pointee.terms.allowedOversell,
            isWithheld: isWithheld)
        greatestContribution = max(greatestContribution, step.figure)
        sum = sum.addingReportingOverflow(step.figure).overflow ? .max : sum + step.figure
    }

    /// Forgets the positions counted so far: they were not the whole truth.
    public mutating func restart() {
        sum = 0
        greatestContribution = 0
        hasStock = false
        isKnownSku = false
        isStale = false
        oldestAgeNanoseconds = 0
        refused = nil
        recorder.restart()
    }

    /// The answer.
    ///
    /// - Parameters:
    ///   - quantity: units asked, at least 1; decides between IN_STOCK and LIMITED.
    ///   - knownSku: whether the sku has a position anywhere, also where none was added.
    public mutating func finish(quantity: Int64, knownSku: Bool) -> LineAnswer {
        precondition(quantity >= 1)
        if Recorder.isRecording { recordMissing() }
        var available = sum
        recordTotal(.sum, amount: 0, available, setting: nil)
        if available < channel.pointee.floor {
            recordTotal(.floor, amount: -available, 0, setting: channel.pointee.floor)
            available = 0
        }
        let cap = channel.pointee.cap
        if available > cap {
            recordTotal(.cap, amount: cap - available, cap, setting: cap)
            available = cap
        }
        recordTotal(.available, amount: 0, available, setting: nil)
        return LineAnswer(
            available: available, status: status(available, quantity: quantity, isKnown: isKnownSku || knownSku),
            isStale: isStale, ageMilliseconds: oldestAgeNanoseconds / .perMillisecond, refused: refused)
    }

    private func status(_ available: Int64, quantity: Int64, isKnown: Bool) -> AvailabilityStatus {
        if !isKnown { return .unknownSku }
        if available == 0 { return hasStock ? .withheld : .outOfStock }
        if available < quantity { return .limited }
        return channel.pointee.splitAllowed || greatestContribution >= quantity ? .inStock : .limited
    }

    @inline(__always)
    private func isInScope(_ location: LocationNumber) -> Bool {
        switch scope {
        case .all: true
        case .one(let only): only == location
        case .group(let group): channel.pointee.memberships.contains(location, group: group)
        }
    }

    /// From the buckets to the most the policy lets go: at least 0.
    @inline(__always)
    private mutating func applyPolicy(
        _ row: UnsafePointer<LocationRow>, _ figures: StockFigures, openHolds: Int64, _ step: inout LocationStep
    ) {
        step.figure = figures.sellable(safetyStockAtLeast: row.pointee.terms.safetyStock)
        record(.sellable, amount: 0, step)
        applyAllowedOversell(row, &step)
        if row.pointee.terms.countInTransit { change(.inTransit, by: figures.inTransit, &step) }
        let stock = step.figure
        keepBack(row.pointee.terms.buffer, of: stock, .buffer, &step)
        if isDegraded { applyDegradation(of: stock, &step) }
        if row.pointee.terms.sharePercent != 100 {
            let most = Percentage.roundedDown(row.pointee.terms.sharePercent, of: stock + openHolds) - openHolds
            change(.share, by: min(0, most - step.figure), &step, setting: Int64(row.pointee.terms.sharePercent))
        }
        if step.figure < 0 { change(.clamp, by: -step.figure, &step) }
    }

    /// Unrecorded it is an addition without a branch.
    @inline(__always)
    private mutating func applyAllowedOversell(_ row: UnsafePointer<LocationRow>, _ step: inout LocationStep) {
        let units = row.pointee.terms.allowedOversell
        if Recorder.isRecording, units == 0 { return }
        change(.allowedOversell, by: units, &step, setting: units)
    }

    /// - Parameter stock: the location's figure that a percentage is of.
    @inline(__always)
    private mutating func keepBack(
        _ buffer: StockBuffer, of stock: Int64, _ kind: ExplanationTermKind, _ step: inout LocationStep
    ) {
        switch buffer {
        case .units(0), .percent(0): break
        case .units(let units): change(kind, by: -units, &step, setting: units)
        case .percent(let percent):
            change(kind, by: -Percentage.roundedUp(percent, of: max(0, stock)), &step, setting: Int64(percent))
        }
    }

    @inline(never)
    private mutating func applyDegradation(of stock: Int64, _ step: inout LocationStep) {
        keepBack(channel.pointee.degradationBuffer, of: stock, .degradationBuffer, &step)
    }

    /// What the age of the figures costs. Tells whether they are withheld.
    @inline(__always)
    private mutating func applyFreshness(
        _ row: UnsafePointer<LocationRow>, age: Int64, _ step: inout LocationStep
    ) -> Bool {
        let own = row.pointee.terms.staleAfterNanoseconds
        let isBeyondOwn = own > 0 && age > own
        let isBeyondCaller = maxStalenessNanoseconds >= 0 && age > maxStalenessNanoseconds
        guard isBeyondOwn || isBeyondCaller else { return false }
        return applyStaleAction(row.pointee.terms, isBeyondCaller, age: age, &step)
    }

    @inline(never)
    private mutating func applyStaleAction(
        _ terms: PolicyTerms, _ isBeyondCaller: Bool, age: Int64, _ step: inout LocationStep
    ) -> Bool {
        isStale = true
        let own = terms.staleAfterNanoseconds
        let servesSilently = own == 0 || terms.staleAction == .serve
        switch isBeyondCaller && servesSilently ? .refuse : terms.staleAction {
        case .serve: return false
        case .buffer(let percent):
            change(.staleCut, by: -Percentage.roundedUp(percent, of: step.figure), &step, setting: Int64(percent))
            return false
        case .withhold:
            change(.withheld, by: -step.figure, &step)
            return true
        case .refuse:
            change(.withheld, by: -step.figure, &step)
            let thresholds = (own > 0 ? own : .max, maxStalenessNanoseconds >= 0 ? maxStalenessNanoseconds : .max)
            if refused == nil {
                refused = StaleRefusal(
                    location: step.location, ageNanoseconds: age, thresholdNanoseconds: min(thresholds.0, thresholds.1))
            }
            return true
        }
    }
}

/// The running figure at one location, and what explains it.
struct LocationStep {
    let location: LocationNumber
    let source: SourceNumber
    let age: Int64
    let sequence: UInt64
    var figure: Int64 = 0
}

extension LineEvaluation {
    /// Moves the running figure and tells the recorder.
    private mutating func change(
        _ kind: ExplanationTermKind, by amount: Int64, _ step: inout LocationStep, setting: Int64? = nil
    ) {
        step.figure += amount
        record(kind, amount: amount, step, setting: setting)
    }

    private mutating func record(
        _ kind: ExplanationTermKind, amount: Int64, _ step: LocationStep, setting: Int64? = nil
    ) {
        guard Recorder.isRecording else { return }
        var term = ExplanationTerm(kind: kind, amount: amount, result: step.figure)
        term.location = step.location
        term.source = step.source
        term.ageMilliseconds = step.age / .perMillisecond
        term.sequence = step.sequence
        term.setting = setting
        recorder.record(term)
    }

    private mutating func recordTotal(
        _ kind: ExplanationTermKind, amount: Int64, _ result: Int64, setting: Int64?
    ) {
        guard Recorder.isRecording else { return }
        var term = ExplanationTerm(kind: kind, amount: amount, result: result)
        term.setting = setting
        recorder.record(term)
    }

    @inline(never)
    private mutating func recordBuckets(_ position: borrowing Position, _ terms: PolicyTerms, _ step: LocationStep) {
        var step = step
        let safetyStock = max(position.buckets[.safetyStock], terms.safetyStock)
        change(.onHand, by: position.buckets[.onHand], &step)
        change(.quarantined, by: -position.buckets[.quarantined], &step)
        change(.damaged, by: -position.buckets[.damaged], &step)
        change(.allocated, by: -position.buckets[.allocated], &step)
        change(.reserved, by: -position.buckets[.reserved], &step)
        change(.releasing, by: -position.buckets[.releasing], &step)
        change(.safetyStock, by: -safetyStock, &step, setting: terms.safetyStock)
    }

    @inline(never)
    private mutating func recordExcluded(_ location: LocationNumber, _ row: LocationRow) {
        var term = ExplanationTerm(kind: row.isEligible ? .locationInactive : .notEligible, amount: 0, result: 0)
        term.location = location
        recorder.record(term)
    }

    /// Says why the locations asked for that had no position count nothing, and puts all in sourcing order.
    @inline(never)
    private mutating func recordMissing() {
        let tables = channel
        for place in 0..<tables.pointee.sourcing.count {
            let location = tables.pointee.sourcing[place]
            guard isInScope(location), !recorder.mentions(location) else { continue }
            let isActive = tables.pointee.rows[Int(location)].isActive
            var term = ExplanationTerm(kind: isActive ? .noPosition : .locationInactive, amount: 0, result: 0)
            term.location = location
            recorder.record(term)
        }
        if case .one(let location) = scope, Int(location) < tables.pointee.rows.count, !recorder.mentions(location) {
            recordExcluded(location, tables.pointee.rows[Int(location)])
        }
        recorder.arrangeLocations { location in
            let rank = Int(tables.pointee.rows[Int(location)].rank)
            return rank == 0 ? Int(UInt16.max) + Int(location) : rank
        }
    }
}
