internal import Inventory

/// What a watcher was last told of a line, in one word: available << 4 | is stale << 3 | status.
struct ToldLine: Equatable, Sendable {
    private let rawValue: UInt64

    /// Nothing yet. No status is 0.
    static let never = ToldLine(rawValue: 0)
    /// Something, but whatever it is now is news. No status is 0.
    static let forgotten = ToldLine(rawValue: 1 << 4)
    /// Units beyond this count as this many: a sum over all locations of the largest figures is told, but not its changes.
    private static let availableMax: Int64 = (1 << 60) - 1

    private init(rawValue: UInt64) {
        self.rawValue = rawValue
    }

    /// A line whose figures are too old to answer with (policy action REFUSE) has nothing to sell: a check would fail, and a
    /// watcher of many lines must not lose the others for it.
    init(_ answer: LineAnswer) {
        let isRefused = answer.refused != nil
        let available = isRefused ? 0 : min(answer.available, Self.availableMax)
        let status = isRefused ? AvailabilityStatus.withheld : answer.status
        rawValue = UInt64(available) << 4 | (answer.isStale || isRefused ? 8 : 0) | UInt64(status.rawValue)
    }

    init(available: Int64, status: AvailabilityStatus, isStale: Bool) {
        rawValue = UInt64(min(available, Self.availableMax)) << 4 | (isStale ? 8 : 0) | UInt64(status.rawValue)
    }

    var isTold: Bool { rawValue != 0 }
    var available: Int64 { Int64(rawValue >> 4) }
    var isStale: Bool { rawValue & 8 != 0 }
    /// The contract's number.
    var status: Int { Int(rawValue & 7) }

    /// Whether a watcher who was told this must hear of `next`.
    func isNews(_ next: ToldLine, bands: WatchBands) -> Bool {
        if self == next { return false }
        if bands.isEmpty || !isTold || status != next.status || isStale != next.isStale { return true }
        return bands.band(of: available) != bands.band(of: next.available)
    }
}

/// Bounds between bands of available units: with 0, 10 and 100 the bands are nothing, 1 to 10, 11 to 100, and more.
struct WatchBands: Sendable, Equatable {
    /// Rising.
    let bounds: [Int64]

    /// Nil when they do not rise, are below 0, too large or too many.
    init?(_ bounds: [Int64]) {
        guard bounds.count <= Limits.watchBandsMax, bounds.allSatisfy({ (0...Limits.quantityMax).contains($0) }),
            zip(bounds, bounds.dropFirst()).allSatisfy({ $0 < $1 })
        else { return nil }
        self.bounds = bounds
    }

    var isEmpty: Bool { bounds.isEmpty }

    /// How many bounds are below it.
    func band(of available: Int64) -> Int {
        bounds.firstIndex { available <= $0 } ?? bounds.count
    }
}
