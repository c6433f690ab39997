internal import Calls
internal import Engine
internal import HotTable
internal import Inventory
internal import Ledger

/// Where the lines of an answer take their positions from.
protocol StockSource {
    /// Feeds every position that the line is about to the evaluation and finishes it. Nil: the source cannot tell, and
    /// the whole answer must come from the ledger.
    func evaluate<Recorder: EvaluationRecorder>(
        _ evaluation: inout LineEvaluation<Recorder>, sku: UnsafeRawBufferPointer, index: Int, _ asked: AskedLine
    ) throws(CallStatus) -> LineAnswer?
}

/// The loop's open snapshot, which always can tell.
@safe
struct LedgerStock: StockSource {
    let stock: StockView
    let clock: LedgerClock
    let countsOwnHolds: Bool
    /// The channel that asks. Uncounted: who asks keeps it alive meanwhile.
    let lentEntry: Unmanaged<ChannelEntry>

    @inline(__always)
    func evaluate<Recorder: EvaluationRecorder>(
        _ evaluation: inout LineEvaluation<Recorder>, sku: UnsafeRawBufferPointer, index: Int, _ asked: AskedLine
    ) throws(CallStatus) -> LineAnswer? {
        do throws(LedgerError) {
            var holds = HoldsMet(countsOwn: countsOwnHolds)
            let answer: LineAnswer
            if case .one(let location) = asked.scope {
                var isKnown = true
                if let position = try unsafe stock.position(of: sku, at: location) {
                    evaluation.add(location: location, lent: position, &holds)
                } else {
                    isKnown = try unsafe stock.isKnown(sku)
                }
                answer = evaluation.finish(quantity: asked.quantity, knownSku: isKnown)
            } else {
                let count = try unsafe stock.positions(of: sku) { evaluation.add(location: $0, lent: $1, &holds) }
                answer = evaluation.finish(quantity: asked.quantity, knownSku: count > 0)
            }
            guard holds.needWalk(clock) else { return answer }
            evaluation.restart()
            return try unsafe walkHolds(&evaluation, String(decoding: sku, as: UTF8.self), asked)
        } catch {
            throw error.callStatus
        }
    }

    /// The slow course: a hold may have run out and not be swept yet, or the channel's own holds count.
    @inline(never)
    private func walkHolds<Recorder: EvaluationRecorder>(
        _ evaluation: inout LineEvaluation<Recorder>, _ sku: String, _ asked: AskedLine
    ) throws(LedgerError) -> LineAnswer {
        let channel = unsafe stock.channelNumber(lentEntry.takeUnretainedValue().channel.id)
        let positions = try stock.livePositions(of: sku, ledgerNanoseconds: clock.nowNanoseconds)
        for (location, position) in positions {
            if case .one(let only) = asked.scope, only != location { continue }
            let openHolds = position.openHolds(of: channel)
            if Recorder.isRecording {
                evaluation.add(location: location, position: position, openHolds: openHolds)
            } else {
                evaluation.add(location: location, figures: StockFigures(position), openHolds: openHolds)
            }
        }
        return evaluation.finish(quantity: asked.quantity, knownSku: !positions.isEmpty)
    }
}

/// What the positions of a line say about holds.
private struct HoldsMet {
    let countsOwn: Bool
    private var nextExpiryNanoseconds = WallNanoseconds.max
    private var hasOwn = false

    init(countsOwn: Bool) {
        self.countsOwn = countsOwn
    }

    @inline(__always)
    mutating func meet(_ position: LentPosition) {
        guard position.hasHolds else { return }
        let next = position.nextExpiryNanoseconds
        if next != 0, next < nextExpiryNanoseconds { nextExpiryNanoseconds = next }
        if countsOwn { hasOwn = true }
    }

    @inline(__always)
    func needWalk(_ clock: LedgerClock) -> Bool {
        hasOwn || (nextExpiryNanoseconds != .max && nextExpiryNanoseconds <= clock.nowNanoseconds)
    }
}

extension LineEvaluation {
    @inline(__always)
    fileprivate mutating func add(location: LocationNumber, lent: LentPosition, _ holds: inout HoldsMet) {
        holds.meet(lent)
        if Recorder.isRecording {
            add(location: location, position: lent.position)
        } else {
            add(location: location, figures: lent.figures)
        }
    }
}

/// The hot table, for one request whose lines are decoded. Only between `beginRead` and `isUnchanged`.
@safe
struct HotStock: StockSource {
    // Both outlive the call: the loop has them.
    private let table: Unmanaged<HotTable>
    private let hashes: UnsafeMutablePointer<UInt32>
    private let countsOwnHolds: Bool
    private let nextExpiryNanoseconds: WallNanoseconds
    private let clock: Unmanaged<LedgerClock>

    /// Has the memory of every line's sku fetched at once, so that the lines do not wait for one after the other.
    @inline(__always)
    init(
        table: Unmanaged<HotTable>, lines: borrowing RequestLines, lineCount: Int, countsOwnHolds: Bool,
        nextExpiryNanoseconds: WallNanoseconds, clock: Unmanaged<LedgerClock>
    ) {
        self.countsOwnHolds = countsOwnHolds
        self.nextExpiryNanoseconds = nextExpiryNanoseconds
        unsafe self.clock = unsafe clock
        unsafe self.table = unsafe table
        unsafe hashes = unsafe lines.hashes
        unsafe table._withUnsafeGuaranteedRef { table in
            // `lineCount` is at most the lines' capacity: the question was checked.
            for index in 0..<lineCount {
                let hash = unsafe table.hash(lines[index].sku)
                unsafe lines.hashes[index] = hash
                table.prefetchSlot(hash)
            }
            guard lineCount > 1 else { return }
            for index in 0..<lineCount { unsafe table.prefetchRow(lines.hashes[index]) }
        }
    }

    @inline(__always)
    func evaluate<Recorder: EvaluationRecorder>(
        _ evaluation: inout LineEvaluation<Recorder>, sku: UnsafeRawBufferPointer, index: Int, _ asked: AskedLine
    ) throws(CallStatus) -> LineAnswer? {
        switch unsafe table._withUnsafeGuaranteedRef({ unsafe $0.find(sku, hash: hashes[index]) }) {
        case .askLedger: return nil
        case .absent: return evaluation.finish(quantity: asked.quantity, knownSku: false)
        case .row(let row):
            for place in 0..<row.count {
                let (location, figures) = row.figures(at: place)
                if case .one(let only) = asked.scope, only != location { continue }
                if figures.hasHolds, holdsMatter { return nil }
                evaluation.add(location: location, figures: figures)
            }
            return evaluation.finish(quantity: asked.quantity, knownSku: true)
        }
    }

    /// Whether figures with holds in them are not the whole truth: some hold has run out, or the channel's own count.
    private var holdsMatter: Bool {
        if countsOwnHolds { return true }
        guard nextExpiryNanoseconds != .max else { return false }
        return unsafe clock._withUnsafeGuaranteedRef { $0.nowNanoseconds } >= nextExpiryNanoseconds
    }
}
