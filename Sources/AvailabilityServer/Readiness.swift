internal import Calls
internal import Engine
internal import Inventory
internal import Ledger
internal import Services

/// Whether the server should get traffic, check by check.
struct Readiness: Sendable {
    let ledger: Ledger
    let watch: StructureWatch
    let writer: EngineThread
    let board: StateBoard
    let health: HealthBoard
    let erps: ErpHosting

    @Sendable func checks() -> [ReadinessCheck] {
        [serving, storage, invariants, catalogue, erp, deadLetters]
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

    /// Never unhealthy: holds go on without an ERP. It says what waits and who keeps back more for it.
    private var erp: ReadinessCheck {
        let conditions = erps.conditions().map { condition in
            let reason = condition.unavailableReason.isEmpty ? "" : ", \(condition.unavailableReason)"
            return "\(condition.name) \(condition.writesWaiting) waiting\(reason)"
        }
        let degraded = board.state.channels.compactMap { entry in
            entry.degradation.reason.map { "\(entry.channel.id) degraded by \($0.name)" }
        }
        let missing = erps.restoration.missing
        let restoring = missing.isEmpty ? [] : ["restored, grants wait for \(missing.joined(separator: ", "))"]
        return ReadinessCheck(
            name: "erp", isHealthy: true, detail: (restoring + conditions + degraded).joined(separator: "; "))
    }

    /// Never unhealthy: everything but new poison is taken in.
    private var deadLetters: ReadinessCheck {
        let kept = board.deadLetters
        let bounds =
            " of \(Limits.deadLettersMax), \(kept.bytes) of \(kept.bytesMax) bytes, at which new ones are refused"
        return ReadinessCheck(
            name: "dead_letters", isHealthy: true, detail: "\(kept.count)" + (kept.areMany ? bounds : ""))
    }

    private var catalogue: ReadinessCheck {
        let state = board.state
        let isUsable = !state.channels.isEmpty && !state.locations.isEmpty
        return ReadinessCheck(
            name: "catalogue", isHealthy: isUsable,
            detail: "\(state.locations.count) locations, \(state.channels.count) channels")
    }
}
