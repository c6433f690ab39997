internal import Calls
internal import Engine
internal import Ledger

/// What one event loop reads from, and what it reads into. Thread: the owning loop's only.
final class LoopReads {
    let stock: StockView
    /// The lines of the request at work.
    let lines = RequestLines()

    init(stock: StockView) {
        self.stock = stock
    }

    /// Every handler that reads the ledger calls this first.
    @inline(__always)
    func requireSnapshot() throws(CallStatus) {
        do throws(LedgerError) { try stock.openSnapshot() } catch { throw error.callStatus }
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
