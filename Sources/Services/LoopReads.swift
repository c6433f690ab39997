internal import Calls
internal import Engine
internal import Ledger

/// What one event loop reads from, and whether its snapshot is open. Thread: the owning loop's only.
final class LoopReads {
    let stock: StockView
    /// Why this turn has no snapshot; nil when it has one.
    private(set) var failure: LedgerError?

    init(stock: StockView) {
        self.stock = stock
    }

    func renew() {
        do throws(LedgerError) {
            try stock.renew()
            failure = nil
        } catch {
            failure = error
        }
    }

    func release() {
        stock.release()
    }

    /// Every handler that reads calls this first.
    @inline(__always)
    func requireSnapshot() throws(CallStatus) {
        if let failure { throw failure.callStatus }
    }
}

extension LedgerError {
    /// What a caller is told when a read fails.
    var callStatus: CallStatus {
        switch self {
        case .corrupt(let key): EngineError.dataLoss(key).callStatus
        case _ where isDamage: EngineError.dataLoss("a page of the data file").callStatus
        case .storageFull: EngineError.storageFull.callStatus
        default:
            .failure(
                .unavailable, .internalFault, "the store cannot be read: \(description)",
                retryAfterNanoseconds: 1_000_000_000)
        }
    }
}
