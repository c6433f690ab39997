internal import Engine
internal import Inventory

extension ErpDispatcher: ErpReads {
    /// Waits while the ERP is in maintenance or has its calls in flight. Throws at once while the breaker is open.
    public func read<Answer: Sendable>(
        _ question:
            @Sendable (_ erp: any ErpAdapter, _ deadline: ContinuousClock.Instant) async throws(ErpFailure) -> Answer
    ) async throws(ErpFailure) -> Answer {
        try await beginRead()
        defer { endRead() }
        return try await question(adapter, deadline)
    }

    private func beginRead() async throws(ErpFailure) {
        var isWaiting = false
        defer { withReads { $0.leave(&isWaiting) } }
        while !Task.isCancelled {
            var pause: Int64 = .perSecond
            if !isInMaintenance {
                let now = clock.nowNanoseconds
                switch withReads({ $0.beginRead(&isWaiting, nowNanoseconds: now) }) {
                case .begun: return
                case .refused(let reason): throw .notSent(reason)
                case .later(let nanoseconds): pause = nanoseconds
                }
            }
            await alarm.sleep(nanoseconds: pause)
        }
        throw .notSent("cancelled")
    }

    private func endRead() {
        withReads { $0.endRead() }
        notify()
    }
}
