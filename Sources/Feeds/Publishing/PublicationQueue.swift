internal import HeapModule
internal import Inventory

/// What a publication has yet to tell: the newest figure of each line, one in flight for each, and up to which token all is
/// acknowledged. Pure: the clock's readings come in, by the monotonic clock.
struct PublicationQueue {
    /// A figure on its way.
    struct Delivery: Sendable {
        let figure: ToldFigure
        /// Attempts of its line that failed before.
        let failures: Int
        /// The first of them; this one, when there were none.
        let firstAttemptNanoseconds: Int64
        fileprivate let gateVersion: Int
    }

    /// Whose fault a failure is.
    enum Fault: Sendable {
        /// This message is not taken; others may be.
        case message
        /// Nothing gets through: all wait.
        case receiver
    }

    private struct Entry {
        /// Nil: nothing newer than what is in flight.
        var waiting: ToldFigure?
        /// When `waiting`, or what it took the place of, came.
        var waitingSinceNanoseconds: Int64 = 0
        /// The message by which it came.
        var waitingMessage: UInt64 = 0
        /// Nil: nothing is in flight.
        var flyingMessage: UInt64?
        var flyingSinceNanoseconds: Int64 = 0
        var failures = 0
        var firstAttemptNanoseconds: Int64 = 0
        /// When a line that failed is tried again; nil: it does not wait for that.
        var retryNanoseconds: Int64?

        /// The message by which the oldest figure came that is not acknowledged.
        var oldestMessage: UInt64 { flyingMessage ?? waitingMessage }
        var sinceNanoseconds: Int64 { flyingMessage == nil ? waitingSinceNanoseconds : flyingSinceNanoseconds }
    }

    /// A line's time to be tried again. Counts only as long as the line says the same.
    private struct Retry: Comparable {
        let nanoseconds: Int64
        let line: PublicationLine

        static func < (one: Retry, other: Retry) -> Bool { one.nanoseconds < other.nanoseconds }
    }

    private struct Checkpoint {
        let message: UInt64
        let token: FigureToken
        /// Lines of messages up to this one that are not acknowledged.
        var outstanding: Int
    }

    /// Lines at most, besides those of one message: the watch keeps the rest in mind. Lines that were refused come on top, or
    /// they would stop all others: at most as many as are watched.
    static let linesMax = 10_000
    /// The longest that nobody tries whether a receiver is back.
    static let gateNanosecondsMax: Int64 = 60 * .perSecond
    /// Failures in a row after which what waits because of them is tried again with the first success.
    private static let outageFailures = 3

    private let inFlightMax: Int
    private var entries: [PublicationLine: Entry] = [:]
    /// Lines to be told, in order.
    private var ready = LineQueue()
    /// Lines whose time to be tried again has come, in order. They and the others take turns.
    private var again = LineQueue()
    private var isTurnOfOthers = false
    /// Times of lines that failed; some may not count any more.
    private var retries: Heap<Retry> = []
    /// Lines that wait for theirs because the receiver, and not the message, failed.
    private var outage: Set<PublicationLine> = []
    /// Lines whose last attempt failed.
    private(set) var retrying = 0
    private(set) var inFlight = 0

    /// Failures of the receiver's in a row.
    private(set) var receiverFailures = 0
    private var gateNanoseconds: Int64 = 0
    /// Counts the closings of the gate: attempts begun before one say nothing new.
    private var gateVersion = 0

    private var message: UInt64 = 0
    private var latest: (message: UInt64, token: FigureToken)?
    private var checkpoint: Checkpoint?
    private var acknowledgedUpTo: (message: UInt64, token: FigureToken)?
    /// The last message with a stale figure, and the first of those made by the present terms.
    private var staleMessage: UInt64 = 0
    private var termsMessage: UInt64 = 0
    private var termsDigest: UInt64?

    init(inFlightMax: Int) {
        self.inFlightMax = inFlightMax
    }

    /// Lines whose newest figure is not acknowledged.
    var count: Int { entries.count }
    /// Of those, the ones whose last attempt, if any, did not fail.
    var pending: Int { entries.count - retrying }
    var hasRoom: Bool { pending < Self.linesMax }

    /// How long the line that waits longest has waited; 0: none.
    func ageNanoseconds(_ now: Int64) -> Int64 {
        entries.values.reduce(0) { max($0, now - $1.sinceNanoseconds) }
    }

    // MARK: Coming in

    mutating func take(_ told: ToldMessage, nowNanoseconds now: Int64) {
        message += 1
        for figure in told.figures {
            if var entry = entries[figure.line] {
                if entry.waiting == nil {
                    entry.waitingMessage = message
                    entry.waitingSinceNanoseconds = now
                }
                entry.waiting = figure
                entries[figure.line] = entry
            } else {
                entries[figure.line] = Entry(
                    waiting: figure, waitingSinceNanoseconds: now, waitingMessage: message)
                ready.append(figure.line)
            }
        }
        if told.hasStale { staleMessage = message }
        if told.termsDigest != termsDigest {
            termsDigest = told.termsDigest
            termsMessage = message
        }
        if let token = told.token { latest = (message, token) }
        moveCheckpoint()
    }

    // MARK: Going out

    /// The next to be sent; nil: none may be now.
    mutating func next(_ now: Int64) -> Delivery? {
        beginRetries(now)
        // A receiver that failed is tried with one.
        guard now >= gateNanoseconds, inFlight < (receiverFailures > 0 ? 1 : inFlightMax) else { return nil }
        while let line = nextLine() {
            guard var entry = entries[line], let figure = entry.waiting, entry.flyingMessage == nil,
                entry.retryNanoseconds == nil
            else { continue }
            entry.waiting = nil
            entry.flyingMessage = entry.waitingMessage
            entry.flyingSinceNanoseconds = entry.waitingSinceNanoseconds
            if entry.failures == 0 { entry.firstAttemptNanoseconds = now }
            entries[line] = entry
            inFlight += 1
            return Delivery(
                figure: figure, failures: entry.failures, firstAttemptNanoseconds: entry.firstAttemptNanoseconds,
                gateVersion: gateVersion)
        }
        return nil
    }

    private mutating func nextLine() -> PublicationLine? {
        isTurnOfOthers.toggle()
        return isTurnOfOthers ? ready.popFirst() ?? again.popFirst() : again.popFirst() ?? ready.popFirst()
    }

    /// When `next` may have something without anything having happened; nil: never.
    func wakeNanoseconds(_ now: Int64) -> Int64? {
        let retry = retries.min?.nanoseconds
        guard !ready.isEmpty || !again.isEmpty, now < gateNanoseconds else { return retry }
        return min(retry ?? .max, gateNanoseconds)
    }

    /// The receiver has it.
    mutating func acknowledge(_ delivery: Delivery) {
        receiverAnswered()
        finish(delivery)
    }

    /// It is kept as a dead letter: what is newer goes on.
    mutating func giveUp(_ delivery: Delivery, _ fault: Fault, gateNanoseconds gate: Int64) {
        if fault == .receiver { close(delivery, gate) }
        finish(delivery)
    }

    private mutating func finish(_ delivery: Delivery) {
        guard var entry = entries[delivery.figure.line], entry.flyingMessage != nil else { return }
        inFlight -= 1
        let old = entry.oldestMessage
        entry.flyingMessage = nil
        if entry.failures > 0 { retrying -= 1 }
        if entry.waiting == nil {
            entries[delivery.figure.line] = nil
            settle(from: old, to: nil)
        } else {
            entry.failures = 0
            entries[delivery.figure.line] = entry
            ready.append(delivery.figure.line)
            settle(from: old, to: entry.waitingMessage)
        }
    }

    /// It comes again, not before its time; a newer figure takes its place.
    mutating func fail(
        _ delivery: Delivery, _ fault: Fault, notBeforeNanoseconds: Int64, gateNanoseconds gate: Int64, _ now: Int64
    ) {
        guard var entry = entries[delivery.figure.line], let flying = entry.flyingMessage else { return }
        inFlight -= 1
        entry.waiting = entry.waiting ?? delivery.figure
        entry.waitingMessage = flying
        entry.waitingSinceNanoseconds = entry.flyingSinceNanoseconds
        entry.flyingMessage = nil
        if entry.failures == 0 { retrying += 1 }
        entry.failures += 1
        entry.retryNanoseconds = notBeforeNanoseconds
        entries[delivery.figure.line] = entry
        retries.insert(Retry(nanoseconds: notBeforeNanoseconds, line: delivery.figure.line))
        if fault == .receiver { outage.insert(delivery.figure.line) }
        switch fault {
        case .receiver: close(delivery, gate)
        case .message: receiverAnswered()
        }
    }

    private mutating func close(_ delivery: Delivery, _ gate: Int64) {
        guard delivery.gateVersion == gateVersion else { return }
        receiverFailures += 1
        gateVersion += 1
        gateNanoseconds = max(gateNanoseconds, gate)
    }

    private mutating func receiverAnswered() {
        if receiverFailures >= Self.outageFailures {
            for line in outage { beginRetry(line) }
            outage = []
        }
        receiverFailures = 0
        gateNanoseconds = 0
    }

    private mutating func beginRetries(_ now: Int64) {
        while let retry = retries.min, retry.nanoseconds <= now {
            retries.removeMin()
            guard entries[retry.line]?.retryNanoseconds == retry.nanoseconds else { continue }
            outage.remove(retry.line)
            beginRetry(retry.line)
        }
    }

    private mutating func beginRetry(_ line: PublicationLine) {
        entries[line]?.retryNanoseconds = nil
        again.append(line)
    }

    // MARK: The cursor

    /// Everything up to it was acknowledged. A cautious one, where what came since would not be found again from it.
    var acknowledged: FigureToken? {
        guard let (message, token) = acknowledgedUpTo else { return nil }
        let isCovered =
            token.toldStale
            || (staleMessage <= message && termsMessage <= message && token.termsDigest == termsDigest)
        return isCovered ? token : token.cautious
    }

    /// The oldest figure of a line moved on, or is gone.
    private mutating func settle(from old: UInt64, to new: UInt64?) {
        guard var current = checkpoint, old <= current.message, new ?? .max > current.message else { return }
        current.outstanding -= 1
        checkpoint = current
        moveCheckpoint()
    }

    private mutating func moveCheckpoint() {
        if let current = checkpoint, current.outstanding == 0 {
            acknowledgedUpTo = (current.message, current.token)
            checkpoint = nil
        }
        guard checkpoint == nil, let (message, token) = latest else { return }
        latest = nil
        let outstanding =
            message == self.message
            ? entries.count : entries.values.reduce(0) { $0 + ($1.oldestMessage <= message ? 1 : 0) }
        checkpoint = Checkpoint(message: message, token: token, outstanding: outstanding)
        if outstanding == 0 { moveCheckpoint() }
    }
}

/// Lines in the order in which they came.
private struct LineQueue {
    private var lines: [PublicationLine] = []
    private var start = 0

    var isEmpty: Bool { start == lines.count }

    mutating func append(_ line: PublicationLine) { lines.append(line) }

    mutating func popFirst() -> PublicationLine? {
        guard start < lines.count else { return nil }
        let line = lines[start]
        start += 1
        if start == lines.count {
            lines.removeAll(keepingCapacity: true)
            start = 0
        } else if start > 1_024, start * 2 > lines.count {
            lines.removeFirst(start)
            start = 0
        }
        return line
    }
}
