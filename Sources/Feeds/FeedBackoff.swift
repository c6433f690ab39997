internal import Inventory

/// When a feed that failed begins anew: after a second, each time twice as long up to a minute, and after a second again once
/// it ran for a minute.
struct FeedBackoff {
    static let firstNanoseconds: Int64 = .perSecond
    static let longestNanoseconds: Int64 = 60 * .perSecond

    private var failures = 0

    /// - Parameters:
    ///   - ranNanoseconds: how long it ran before it failed.
    ///   - chance: from 0 to 1; spreads feeds that failed together.
    mutating func delayNanoseconds(afterRunning ranNanoseconds: Int64, chance: Double) -> Int64 {
        if ranNanoseconds >= Self.longestNanoseconds { failures = 0 }
        let most = min(Self.longestNanoseconds, Self.firstNanoseconds << min(failures, 6))
        failures += 1
        return most / 2 + Int64(Double(most / 2) * min(1, max(0, chance)))
    }
}
