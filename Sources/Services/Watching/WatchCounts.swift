internal import Calls
internal import Inventory
internal import Synchronization

/// How much is watched, within its limits, and what was told. Any thread.
final class WatchCounts: Sendable {
    private let watches = Atomic(0)
    private let lines = Atomic(0)
    private let skus = Atomic(0)
    private let messages = Atomic<UInt64>(0)
    private let conflated = Atomic<UInt64>(0)

    var statistics: WatchStatistics {
        WatchStatistics(
            watches: watches.load(ordering: .relaxed),
            lines: lines.load(ordering: .relaxed) + skus.load(ordering: .relaxed),
            messages: messages.load(ordering: .relaxed), conflated: conflated.load(ordering: .relaxed))
    }

    /// Takes room for a watch, which `release` gives back.
    func take(lineCount: Int) throws(CallStatus) {
        guard Self.take(1, of: watches, most: Limits.watchesMax) else {
            throw .watchLimit("watches", Limits.watchesMax)
        }
        guard Self.take(lineCount, of: lines, most: Limits.watchLinesMax) else {
            watches.subtract(1, ordering: .relaxed)
            throw .watchLimit("lines in all watches", Limits.watchLinesMax)
        }
    }

    func release(lineCount: Int) {
        watches.subtract(1, ordering: .relaxed)
        lines.subtract(lineCount, ordering: .relaxed)
    }

    /// Takes room for what a watch of all skus remembers.
    func takeSkus(_ count: Int) -> Bool { Self.take(count, of: skus, most: Limits.watchSkusMax) }

    func releaseSkus(_ count: Int) { skus.subtract(count, ordering: .relaxed) }

    func countMessage() { messages.add(1, ordering: .relaxed) }

    func countConflated() { conflated.add(1, ordering: .relaxed) }

    private static func take(_ count: Int, of total: borrowing Atomic<Int>, most: Int) -> Bool {
        guard total.add(count, ordering: .relaxed).newValue <= most else {
            total.subtract(count, ordering: .relaxed)
            return false
        }
        return true
    }
}

/// What the metrics tell of watches.
public struct WatchStatistics: Sendable {
    /// WatchAvailability calls now.
    public let watches: Int
    /// The lines that they name or remember.
    public let lines: Int
    /// Messages sent since the server started.
    public let messages: UInt64
    /// Changes that joined one of the same line which had not been told yet, since the server started.
    public let conflated: UInt64
}

extension CallStatus {
    static func watchLimit(_ what: String, _ most: Int) -> CallStatus {
        .failure(
            .resourceExhausted, .queueFull, "the server has no room: at most \(most) \(what)",
            retryAfterNanoseconds: .perSecond)
    }
}
