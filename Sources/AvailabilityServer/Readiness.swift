internal import Calls
internal import Engine
internal import Ledger
internal import Services

/// Whether the server should get traffic, check by check.
struct Readiness: Sendable {
    let ledger: Ledger
    let watch: StructureWatch
    let writer: EngineThread
    let board: StateBoard
    let health: HealthBoard

    @Sendable func checks() -> [ReadinessCheck] {
        [serving, storage, invariants, catalogue]
    }

    private var serving: ReadinessCheck {
        ReadinessCheck(name: "serving", isHealthy: health.isServing, detail: health.isServing ? "" : "draining")
    }

    private var storage: ReadinessCheck {
        do throws(LedgerError) {
            let statistics = try ledger.statistics()
            return ReadinessCheck(
                name: "ledger", isHealthy: true,
                detail:
                    "sequence \(statistics.state.sequence), \(statistics.usedBytes) of \(statistics.quotaBytes) bytes, "
                    + "data file \(watch.progress.rawValue)")
        } catch {
            return ReadinessCheck(name: "ledger", isHealthy: false, detail: error.description)
        }
    }

    private var invariants: ReadinessCheck {
        let fault = writer.faultDescription
        return ReadinessCheck(name: "invariants", isHealthy: fault == nil, detail: fault ?? "")
    }

    private var catalogue: ReadinessCheck {
        let state = board.state
        let isUsable = !state.channels.isEmpty && !state.locations.isEmpty
        return ReadinessCheck(
            name: "catalogue", isHealthy: isUsable,
            detail: "\(state.locations.count) locations, \(state.channels.count) channels")
    }
}
