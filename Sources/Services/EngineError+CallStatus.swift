internal import Calls
internal import Engine

extension EngineError {
    /// The one switch from the engine's errors to what a caller is told.
    var callStatus: CallStatus {
        switch self {
        case .storageFull:
            .failure(
                .resourceExhausted, .storageFull, "the store is full; reads go on", retryAfterNanoseconds: 5_000_000_000
            )
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
