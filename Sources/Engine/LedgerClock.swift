internal import Glibc
public import Inventory

/// Ledger time: what was persisted, or the wall clock at the start where that is later, and since then the boot clock. So it
/// never runs back, and a jump of the wall clock moves no expiry. Any thread.
public final class LedgerClock: Sendable {
    private let base: WallNanoseconds
    private let boot: Int64

    /// - Parameter persistedNanoseconds: the ledger's, as found at the start.
    public init(persistedNanoseconds: WallNanoseconds) {
        base = max(persistedNanoseconds, wallClockNanoseconds())
        boot = Self.bootNanoseconds()
    }

    public var nowNanoseconds: WallNanoseconds { base + (Self.bootNanoseconds() - boot) }

    /// Goes on while the machine sleeps, unlike the monotonic clock.
    private static func bootNanoseconds() -> Int64 {
        var now = timespec()
        clock_gettime(CLOCK_BOOTTIME, &now)
        return Int64(now.tv_sec) * .perSecond + Int64(now.tv_nsec)
    }
}

/// The two clocks of a step. Given as arguments, so that a simulator drives the same code.
public struct EngineTime: Sendable {
    /// By which events are judged.
    public var wallNanoseconds: WallNanoseconds
    /// By which holds expire; never runs back.
    public var ledgerNanoseconds: WallNanoseconds

    public init(wallNanoseconds: WallNanoseconds, ledgerNanoseconds: WallNanoseconds) {
        self.wallNanoseconds = wallNanoseconds
        self.ledgerNanoseconds = ledgerNanoseconds
    }
}
