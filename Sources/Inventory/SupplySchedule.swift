/// What a supply brings, and what is promised of it.
public struct DatedSupply: Sendable, Equatable {
    public var timeNanoseconds: WallNanoseconds
    /// Units, 0 or more.
    public var incoming: Int64
    /// Units promised beyond stock that fall due when it comes, 0 or more.
    public var backordered: Int64

    public init(timeNanoseconds: WallNanoseconds, incoming: Int64, backordered: Int64) {
        self.timeNanoseconds = timeNanoseconds
        self.incoming = incoming
        self.backordered = backordered
    }
}

/// Available-to-promise by date, of one position: pure arithmetic, before any policy.
///
/// What was expected by now and has not come counts 0 until it is dated anew; what is promised of it is due all the same.
///
/// Bounds. A position has at most `Limits.suppliesPerPositionMax` supplies, which together bring less than one bucket
/// may hold: no sum here can overflow (`Limits.check`).
public enum SupplySchedule {
    /// Now, then every date on which something falls due up to `until`, in order. Where they are more than `limit`, 2 or
    /// more, neighbours fall on the later one: nothing is promised early.
    public static func dates(
        _ supplies: [DatedSupply], nowNanoseconds now: WallNanoseconds, untilNanoseconds until: WallNanoseconds,
        limit: Int
    ) -> [WallNanoseconds] {
        precondition(limit >= 2)
        let due = Set(supplies.lazy.map(\.timeNanoseconds).filter { $0 > now && $0 <= until }).sorted()
        let room = limit - 1
        guard due.count > room else { return [now] + due }
        return [now] + (1...room).map { due[due.count * $0 / room - 1] }
    }

    /// What falls due at each date, after the one before.
    public static func due(
        _ supplies: [DatedSupply], dates: [WallNanoseconds]
    ) -> [(incoming: Int64, backordered: Int64)] {
        var due = dates.map { _ in (incoming: Int64(0), backordered: Int64(0)) }
        for supply in supplies {
            guard let place = place(of: supply.timeNanoseconds, in: dates) else { continue }
            if supply.timeNanoseconds > dates[0] { due[place].incoming += supply.incoming }
            due[place].backordered += supply.backordered
        }
        return due
    }

    /// For each date the least that `start`, with what fell due by then, comes to then or at any later time, also beyond
    /// the last date. Signed.
    ///
    /// - Parameter dates: in order, the first is now.
    public static func promised(
        start: Int64, _ supplies: [DatedSupply], dates: [WallNanoseconds]
    ) -> [Int64] {
        var balance = start
        var steps: [(timeNanoseconds: WallNanoseconds, balance: Int64)] = [(dates[0], start)]
        for supply in supplies.sorted(by: { $0.timeNanoseconds < $1.timeNanoseconds }) {
            let time = max(dates[0], supply.timeNanoseconds)
            if supply.timeNanoseconds > dates[0] { balance += supply.incoming }
            balance -= supply.backordered
            if steps[steps.count - 1].timeNanoseconds == time {
                steps[steps.count - 1].balance = balance
            } else {
                steps.append((time, balance))
            }
        }
        var promised = dates.map { _ in start }
        var least = Int64.max
        for index in dates.indices.reversed() {
            while let last = steps.last, last.timeNanoseconds > dates[index] {
                least = min(least, last.balance)
                steps.removeLast()
            }
            // The step of the first date stays: every date is at or after it.
            promised[index] = min(least, steps.last?.balance ?? start)
        }
        return promised
    }

    /// The first date at or after a time; nil: it is beyond the last.
    private static func place(of time: WallNanoseconds, in dates: [WallNanoseconds]) -> Int? {
        var (low, high) = (0, dates.count)
        while low < high {
            let middle = (low + high) / 2
            if dates[middle] < time { low = middle + 1 } else { high = middle }
        }
        return low < dates.count ? low : nil
    }
}
