internal import Calls
internal import Engine
internal import HotTable
internal import Inventory
internal import Ledger

/// Answers the lines of watches, by the code that answers CheckAvailability and from the same places. Owns the memory that a
/// batch is laid out in. Thread: a shard's own, within a turn of its `StockView`.
@safe
final class WatchEvaluator {
    static let batchMax = 500

    struct Answer {
        let line: ToldLine
        let ageMilliseconds: Int64
        /// When time alone may change it: seconds since 1970, rounded up; `UInt32.max`: never.
        let dueSecond: UInt32
        /// Whether the channel may sell from any place that the sku is at.
        let hasLocation: Bool
    }

    private let stock: StockView
    private let clock: LedgerClock
    private let lines = RequestLines()
    private var asked: [AskedLine] = []
    private(set) var answers: [Answer] = []
    // Owned: the skus of the batch, each at its own place. Allocated by init, freed by deinit.
    private let texts: UnsafeMutableRawBufferPointer

    init(stock: StockView, clock: LedgerClock) {
        self.stock = stock
        self.clock = clock
        unsafe texts = .allocate(byteCount: Self.batchMax * Limits.skuBytesMax, alignment: 16)
    }

    deinit {
        unsafe texts.deallocate()
    }

    var count: Int { asked.count }

    func begin() {
        asked.removeAll(keepingCapacity: true)
        answers.removeAll(keepingCapacity: true)
    }

    /// Adds a line to the batch; at most `batchMax`.
    func add(_ sku: String, _ line: AskedLine) {
        let index = asked.count
        precondition(index < Self.batchMax && sku.utf8.count <= Limits.skuBytesMax)
        var sku = sku
        // The line borrows its place in `texts`, which lives as long as this.
        let place = unsafe UnsafeMutableRawBufferPointer(
            rebasing: texts[index * Limits.skuBytesMax..<index * Limits.skuBytesMax + sku.utf8.count])
        sku.withUTF8 { unsafe place.copyMemory(from: UnsafeRawBufferPointer($0)) }
        lines[index] = unsafe CheckAvailabilityCodec.Line(
            sku: UnsafeRawBufferPointer(place), location: UnsafeRawBufferPointer(start: nil, count: 0), quantity: nil)
        asked.append(line)
    }

    /// The sku of a line of the batch; valid until the next batch.
    func sku(_ index: Int) -> UnsafeRawBufferPointer {
        precondition(index < asked.count)
        return unsafe lines[index].sku
    }

    /// Answers the batch; returns the ledger sequence that all of it was read at.
    ///
    /// - Parameter fromSnapshot: take it from the turn's snapshot, as `newestSequence` does.
    func answer(
        _ channel: WatchedChannel, maxStalenessNanoseconds: Int64?, nowNanoseconds: WallNanoseconds, fromSnapshot: Bool
    ) throws(CallStatus) -> UInt64 {
        let entry = channel.entry
        // Both live as long as the turn: the state in `stock`, the entry with the caller.
        let state = stock.state
        let tables = EvaluationTables(entry.compiled, state.watermarks, isDegraded: channel.isDegraded)
        let terms = Terms(
            tables: tables, maxStalenessNanoseconds: maxStalenessNanoseconds, nowNanoseconds: nowNanoseconds)
        defer { withExtendedLifetime((state, entry)) {} }
        if !fromSnapshot, let sequence = try answerFromHotTable(terms) { return sequence }
        try openSnapshot()
        let source = unsafe LedgerStock(
            stock: stock, clock: clock, countsOwnHolds: tables.countsOwnHolds,
            lentEntry: Unmanaged.passUnretained(entry))
        _ = try fill(terms, from: source)
        return stock.sequence
    }

    /// The newest change of a line's positions, in the turn's snapshot; 0: it has none. Holds that have run out and are
    /// not swept yet count as a change to come.
    func newestSequence(_ index: Int) throws(CallStatus) -> UInt64 {
        try openSnapshot()
        let ledgerNanoseconds = clock.nowNanoseconds
        var newest: UInt64 = 0
        do throws(LedgerError) {
            _ = try unsafe stock.positions(of: lines[index].sku) {
                let expiry = $1.nextExpiryNanoseconds
                newest = max(newest, expiry != 0 && expiry <= ledgerNanoseconds ? .max : $1.sequence)
            }
        } catch {
            throw error.callStatus
        }
        return newest
    }

    func openSnapshot() throws(CallStatus) {
        do throws(LedgerError) { try stock.openSnapshot() } catch { throw error.callStatus }
    }

    private struct Terms {
        let tables: EvaluationTables
        let maxStalenessNanoseconds: Int64?
        let nowNanoseconds: WallNanoseconds
    }

    /// Nil when the ledger must be asked. What was read while the table changed is not used.
    private func answerFromHotTable(_ terms: Terms) throws(CallStatus) -> UInt64? {
        guard let table = unsafe stock.lentHotTable?.takeUnretainedValue(), let version = table.beginRead() else {
            return nil
        }
        let sequence = table.sequence
        let source = unsafe HotStock(
            table: Unmanaged.passUnretained(table), lines: lines, lineCount: asked.count,
            countsOwnHolds: terms.tables.countsOwnHolds, nextExpiryNanoseconds: stock.nextExpiryNanoseconds,
            clock: Unmanaged.passUnretained(clock))
        guard try fill(terms, from: source), table.isUnchanged(since: version) else { return nil }
        stock.showed(sequence)
        return sequence
    }

    /// False when the source cannot tell of one of the lines.
    private func fill<Source: StockSource>(_ terms: Terms, from source: Source) throws(CallStatus) -> Bool {
        answers.removeAll(keepingCapacity: true)
        for index in asked.indices {
            let sku = unsafe lines[index].sku
            var evaluation = unsafe LineEvaluation(
                terms.tables, sku: sku, scope: asked[index].scope, nowNanoseconds: terms.nowNanoseconds,
                maxStalenessNanoseconds: terms.maxStalenessNanoseconds,
                recorder: AgeRecorder(nowNanoseconds: terms.nowNanoseconds))
            guard let answer = try unsafe source.evaluate(&evaluation, sku: sku, index: index, asked[index]) else {
                return false
            }
            answers.append(
                Answer(
                    line: ToldLine(answer), ageMilliseconds: answer.ageMilliseconds,
                    dueSecond: Self.second(evaluation.recorder.nextFlipNanoseconds),
                    hasLocation: evaluation.recorder.hasLocation))
        }
        return true
    }

    private static func second(_ nanoseconds: WallNanoseconds) -> UInt32 {
        if nanoseconds == .max { return .max }
        return UInt32(clamping: (nanoseconds - 1) / .perSecond + 1)
    }
}
