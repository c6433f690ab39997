internal import Inventory
internal import Synchronization

/// What is counted and remembered of a publication over its runs. Any thread.
final class PublicationTally: Sendable {
    struct Counts {
        var acknowledgedSequence: UInt64 = 0
        var told: UInt64 = 0
        var failed: UInt64 = 0
        var givenUp: UInt64 = 0
        var lastError = ""
        var lastErrorNanoseconds: WallNanoseconds?
    }

    private struct State {
        var counts = Counts()
        /// Dead letters whose lines are to be told again.
        var owed: [PublicationLine: Set<String>] = [:]
    }

    /// Lines that may be owed at a time.
    static let owedMax = 100_000

    private let state = Mutex(State())

    var counts: Counts { state.withLock { $0.counts } }
    var owed: [PublicationLine] { state.withLock { Array($0.owed.keys) } }

    func setAcknowledged(_ sequence: UInt64) { state.withLock { $0.counts.acknowledgedSequence = sequence } }
    func countTold() { state.withLock { $0.counts.told += 1 } }
    func countGivenUp() { state.withLock { $0.counts.givenUp += 1 } }

    func note(_ words: String, at time: WallNanoseconds, isFailure: Bool) {
        state.withLock { state in
            if isFailure { state.counts.failed += 1 }
            state.counts.lastError = words
            state.counts.lastErrorNanoseconds = time
        }
    }

    var hasRoomForOwed: Bool { state.withLock { $0.owed.count < Self.owedMax } }

    func owe(_ line: PublicationLine, _ letter: String) {
        state.withLock { _ = $0.owed[line, default: []].insert(letter) }
    }

    /// The letters of a line; they are not owed any more.
    func takeOwed(_ line: PublicationLine) -> [String] {
        state.withLock { $0.owed.removeValue(forKey: line).map(Array.init) ?? [] }
    }
}
