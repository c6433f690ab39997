internal import Inventory

/// How heavy the next commit may be. A reservation that arrives while a commit is written waits for all of it, so a commit
/// takes in no more than this machine and its disk have lately written in `aimNanoseconds`.
struct CommitPace {
    static let aimNanoseconds: Int64 = 25 * .perMillisecond
    /// Below it, most of a commit's time is its sync: smaller ones would be slower for everybody, and no measure.
    static let weightMin = 250

    private let weightMax: Int
    private var nanosecondsPerRecord: Double

    /// Begins with what commits of 1,000 records would ask for.
    init(weightMax: Int) {
        self.weightMax = weightMax
        nanosecondsPerRecord = Double(Self.aimNanoseconds) / 1_000
    }

    /// Records of the next commit at most, unless its first command alone is heavier.
    var groupWeightMax: Int {
        let weight = Double(Self.aimNanoseconds) / nanosecondsPerRecord
        return max(1, min(weightMax, Swift.max(Self.weightMin, Int(min(weight, Double(weightMax))))))
    }

    /// A commit took so long. One that is ten times slower than the others counts for a fifth: a disk that stutters once
    /// changes little, one that stays slow is believed after some commits.
    mutating func note(weight: Int, nanoseconds: Int64) {
        guard weight >= Self.weightMin else { return }
        let measured = Double(max(1, nanoseconds)) / Double(weight)
        nanosecondsPerRecord += (min(measured, nanosecondsPerRecord * 10) - nanosecondsPerRecord) * 0.2
    }
}

/// How long commits took since the start.
public struct CommitTimes: Sendable {
    /// Upper bounds of the counts, in nanoseconds; a last count has none.
    public static let boundsNanoseconds: [Int64] = [
        1, 2, 5, 10, 25, 50, 100, 250, 500, 1_000, 2_500,
    ].map { $0 * .perMillisecond }

    // No array: the writer would have to copy one that a reader still has. One for each bound, and one more.
    private var countsByBound = InlineArray<12, UInt64>(repeating: 0)
    public private(set) var sumNanoseconds: Int64 = 0

    /// Commits by the bound they kept, each counted once.
    public var counts: [UInt64] { countsByBound.indices.map { countsByBound[$0] } }

    mutating func add(nanoseconds: Int64) {
        let index = Self.boundsNanoseconds.firstIndex { nanoseconds <= $0 } ?? Self.boundsNanoseconds.count
        countsByBound[index] += 1
        sumNanoseconds += nanoseconds
    }
}
