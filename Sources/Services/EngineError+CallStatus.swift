internal import Calls
internal import Engine
internal import Inventory

extension EngineError {
    /// The one switch from the engine's errors to what a caller is told.
    var callStatus: CallStatus {
        switch self {
        case .storageFull:
            .failure(
                .resourceExhausted, .storageFull, "the store is full; reads go on", retryAfterNanoseconds: 5_000_000_000
            )
        case .deadLettersFull(let limit):
            .failure(.resourceExhausted, .storageFull, limit, retryAfterNanoseconds: 5_000_000_000)
        case .queueFull:
            .failure(
                .resourceExhausted, .queueFull, "too many changes are waiting to be written",
                retryAfterNanoseconds: 100_000_000, pushback: true)
        case .dataLoss(let key):
            .failure(.dataLoss, .dataLoss, "a stored record is damaged: \(key)", metadata: ["key": key])
        case .etagMismatch(let current):
            .failure(
                .aborted, .etagMismatch, "the channel has changed since it was read; read it again and repeat",
                metadata: ["etag": current])
        case .channelNotFound(let id):
            .channelNotFound(id)
        case .notGranted(let shortages):
            .notGranted(shortages)
        case .holdLimitReached(let customer, let holdsMax):
            .failure(
                .failedPrecondition, .holdLimitReached,
                "customer \(customer) has \(holdsMax) open reservations, as many as the channel allows",
                metadata: ["customer": customer, "holds_max": "\(holdsMax)"])
        case .requestIDReused:
            .failure(
                .invalidArgument, .requestIDReused, "request_id: was used for a request with another body",
                metadata: ["field": "request_id"])
        case .reservationNotFound(let id):
            .failure(
                .notFound, .reservationNotFound, "there is no reservation \(id)", metadata: ["reservation": id])
        case .reservationState(let id, let state):
            .failure(
                .failedPrecondition, .reservationState, "reservation \(id) is \(state.name)",
                metadata: ["reservation": id, "state": state.name])
        case .versionMismatch(let id, let current):
            .failure(
                .aborted, .versionMismatch, "reservation \(id) has version \(current) by now",
                metadata: ["reservation": id, "version": "\(current)"])
        case .erpRejected(let reservation):
            .erpRejected(reservation)
        case .restoring:
            .failure(
                .unavailable, .erpUnavailable,
                "a backup was restored; nothing is held until the ERPs were asked what they hold for us",
                retryAfterNanoseconds: 5 * .perSecond)
        case .erpBacklog(let waiting):
            .failure(
                .unavailable, .erpUnavailable, "\(waiting) writes wait for the ERP; no further hold is taken on",
                metadata: ["writes_waiting": "\(waiting)"], retryAfterNanoseconds: 5 * .perSecond)
        case .reconciliationRunning(let erp):
            .failure(
                .failedPrecondition, .reconciliationRunning, "the ERP \(erp) is being compared already",
                metadata: ["erp": erp])
        case .reconciliationNotFound(let id):
            .failure(
                .notFound, .reconciliationNotFound, "there is no reconciliation \(id)",
                metadata: ["reconciliation": id])
        case .rebuildRunning(let id):
            .failure(
                .failedPrecondition, .rebuildRunning, "rebuild \(id) is not over, or its last rows are not deleted yet",
                metadata: ["rebuild": id])
        case .rebuildNotFound(let id):
            .failure(.notFound, .rebuildNotFound, "there is no rebuild \(id)", metadata: ["rebuild": id])
        case .rebuildNotReady(let id, let state):
            .failure(
                .failedPrecondition, .rebuildNotReady, "rebuild \(id) is \(state)",
                metadata: ["rebuild": id, "state": state.uppercased()])
        case .rebuildDiffers(let rebuild):
            .failure(
                .failedPrecondition, .rebuildDiffers,
                "rebuild \(rebuild.id) lacks \(rebuild.allRefusals.events) events, and \(rebuild.risingPositions) of its "
                    + "positions would have more to sell; look, then switch with accept_differences",
                metadata: [
                    "rebuild": rebuild.id, "refused": "\(rebuild.allRefusals.events)",
                    "rising": "\(rebuild.risingPositions)", "differing": "\(rebuild.differingPositions)",
                ])
        case .invalidField(let path, let reason):
            .invalidField(path, reason)
        case .invariantBroken:
            .failure(.internalError, .internalFault, "the server refused to break an invariant of its ledger")
        case .stopping:
            .failure(
                .unavailable, .serverStopping, "the server is stopping", retryAfterNanoseconds: 1_000_000_000)
        }
    }
}
