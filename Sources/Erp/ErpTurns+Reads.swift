internal import Inventory

/// Reads share the calls' limits with writes. How they end says nothing of whether writes would get through, so the
/// breaker is not told; while it is open they are refused.
extension ErpTurns {
    enum ReadTurn: Equatable, Sendable {
        case begun
        /// To be asked for again after so many nanoseconds.
        case later(nanoseconds: Int64)
        case refused(String)
    }

    /// How soon a place among the calls in flight is looked for again.
    private static let lookAgainNanoseconds: Int64 = 5 * .perMillisecond

    /// - Parameter isWaiting: whether the read was told to ask later; kept here from one time to the next.
    mutating func beginRead(_ isWaiting: inout Bool, nowNanoseconds now: WallNanoseconds) -> ReadTurn {
        guard breaker.state == .closed else {
            leave(&isWaiting)
            return .refused("BREAKER_OPEN: \(lastError)")
        }
        guard callsInFlight < policy.callsInFlightMax, now >= nextCallNanoseconds else {
            if !isWaiting { readsWaiting += 1 }
            isWaiting = true
            return .later(nanoseconds: max(Self.lookAgainNanoseconds, nextCallNanoseconds - now))
        }
        leave(&isWaiting)
        wasWrite = false
        take(now)
        return .begun
    }

    /// A read that waits is given up.
    mutating func leave(_ isWaiting: inout Bool) {
        if isWaiting { readsWaiting -= 1 }
        isWaiting = false
    }

    mutating func endRead() { callsInFlight -= 1 }
}
