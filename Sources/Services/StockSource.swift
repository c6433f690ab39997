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
struct LedgerStock: StockSource {
    let stock: StockView

    @inline(__always)
    func evaluate<Recorder: EvaluationRecorder>(
        _ evaluation: inout LineEvaluation<Recorder>, sku: UnsafeRawBufferPointer, index: Int, _ asked: AskedLine
    ) throws(CallStatus) -> LineAnswer? {
        do throws(LedgerError) {
            guard case .one(let location) = asked.scope else {
                let count = try unsafe stock.positions(of: sku) { evaluation.add(location: $0, lent: $1) }
                return evaluation.finish(quantity: asked.quantity, knownSku: count > 0)
            }
            var isKnown = true
            if let position = try unsafe stock.position(of: sku, at: location) {
                evaluation.add(location: location, lent: position)
            } else {
                isKnown = try unsafe stock.isKnown(sku)
            }
            return evaluation.finish(quantity: asked.quantity, knownSku: isKnown)
        } catch {
            throw error.callStatus
        }
    }
}

extension LineEvaluation {
    @inline(__always)
    fileprivate mutating func add(location: LocationNumber, lent: LentPosition) {
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

    /// Has the memory of every line's sku fetched at once, so that the lines do not wait for one after the other.
    @inline(__always)
    init(table: Unmanaged<HotTable>, lines: borrowing RequestLines, lineCount: Int) {
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
                evaluation.add(location: location, figures: figures)
            }
            return evaluation.finish(quantity: asked.quantity, knownSku: true)
        }
    }
}
