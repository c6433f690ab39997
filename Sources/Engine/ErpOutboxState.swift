public import Inventory

/// One thing that an ERP has yet to be told or asked, and how far that has come.
public struct ErpWrite: Sendable, Equatable {
    public enum State: UInt8, Sendable, Equatable {
        /// Waits for its turn or its next attempt.
        case waiting = 1
        /// Sent; the answer is awaited.
        case sent = 2
        /// Sent; no answer came in time.
        case unknown = 3
        /// Given up; waits for a person.
        case failed = 4
    }

    public var work: ErpWork
    public var state: State
    /// How often the ERP was called for it since the server started.
    public var attempts: UInt32
    /// When it is tried again, at the earliest: ledger time; nil: not by itself.
    public var nextAttemptNanoseconds: WallNanoseconds?
    public var lastError: String
    /// Ledger time, both.
    public var createTimeNanoseconds: WallNanoseconds
    public var updateTimeNanoseconds: WallNanoseconds
    /// When a reserve was last sent that may still take effect; nil: none was, for sure.
    public var sentNanoseconds: WallNanoseconds?
    /// The same before the call under way: what holds when that turns out not to have been sent.
    var sentEarlierNanoseconds: WallNanoseconds?
    /// When the call under way was begun: what it answers was so then at the earliest.
    var askedNanoseconds: WallNanoseconds = 0
    /// The order in which the writes became due.
    public var order: UInt64

    /// The name operators know it by.
    public var id: String { "\(work.reservationID)/\(work.erp)" }
}

/// The writes that wait for their ERPs: a view of the lines' states, which are the outbox on disk. A write is here from the
/// commit of its cause to the commit of the ERP's answer; a start makes it anew from the holds.
///
/// A plain value and deterministic: time comes in as an argument, so that a simulator drives the same code.
public struct ErpOutboxState: Sendable {
    public struct Key: Hashable, Sendable {
        public var number: ReservationNumber
        public var erp: String

        public init(number: ReservationNumber, erp: String) {
            self.number = number
            self.erp = erp
        }
    }

    private struct Place: Hashable {
        var erp: String
        var sku: String
        var location: LocationNumber
    }

    public private(set) var writes: [Key: ErpWrite] = [:]
    /// By ERP, the orders of what is there: the oldest first.
    private var queues: [String: OrderedWrites] = [:]
    /// Orders of the releases that wait, by where: a later reserve there waits for them.
    private var releases: [Place: Set<UInt64>] = [:]
    private var nextOrder: UInt64 = 1

    public init() {}

    public var count: Int { writes.count }

    public func count(of erp: String) -> Int { queues[erp]?.count ?? 0 }

    /// The oldest write of an ERP; nil: none waits.
    public func oldest(of erp: String) -> ErpWrite? {
        queues[erp]?.first.flatMap { writes[$0] }
    }

    public var erps: [String] { queues.keys.sorted() }

    /// Takes over a committed change of a reservation, or one found at the start.
    ///
    /// - Parameter isRestart: what was asked before the restart is not known, so a reserve may have been sent.
    public mutating func update(
        _ reservation: Reservation, isRestart: Bool = false, nowNanoseconds: WallNanoseconds
    ) {
        let due = reservation.erpsWithWork
        var names = due
        for line in reservation.lines where !line.erp.isEmpty && !names.contains(line.erp) { names.append(line.erp) }
        for erp in names {
            let key = Key(number: reservation.number, erp: erp)
            guard let work = reservation.erpWork(for: erp) else {
                if let write = writes[key] { drop(key, write) }
                continue
            }
            if let write = writes[key] {
                replace(key, write, with: work, nowNanoseconds)
            } else {
                add(key, work, isRestart: isRestart, nowNanoseconds)
            }
        }
    }

    private mutating func add(
        _ key: Key, _ work: ErpWork, isRestart: Bool, _ nowNanoseconds: WallNanoseconds
    ) {
        let write = ErpWrite(
            work: work, state: .waiting, attempts: 0, nextAttemptNanoseconds: nowNanoseconds, lastError: "",
            createTimeNanoseconds: work.sinceNanoseconds, updateTimeNanoseconds: nowNanoseconds,
            sentNanoseconds: isRestart || work.kind != .reserve ? nowNanoseconds : nil, order: nextOrder)
        nextOrder += 1
        writes[key] = write
        queues[key.erp, default: OrderedWrites()].insert(write.order, key)
        note(write, isThere: true)
    }

    private mutating func replace(
        _ key: Key, _ old: ErpWrite, with work: ErpWork, _ nowNanoseconds: WallNanoseconds
    ) {
        guard old.work != work else { return }
        var write = old
        write.work = work
        if old.work.kind != work.kind, old.state != .sent {
            write.state = .waiting
            // What became known after an answer is done at once; after none, not before the pause that was set.
            if old.state != .unknown { write.nextAttemptNanoseconds = nowNanoseconds }
        }
        write.updateTimeNanoseconds = nowNanoseconds
        note(old, isThere: false)
        writes[key] = write
        note(write, isThere: true)
    }

    private mutating func drop(_ key: Key, _ write: ErpWrite) {
        note(write, isThere: false)
        writes[key] = nil
        queues[key.erp]?.remove(write.order)
        if queues[key.erp]?.count == 0 { queues[key.erp] = nil }
    }

    private mutating func note(_ write: ErpWrite, isThere: Bool) {
        guard write.work.kind == .release else { return }
        for line in write.work.lines {
            let place = Place(erp: write.work.erp, sku: line.sku, location: line.location)
            if isThere {
                releases[place, default: []].insert(write.order)
            } else if releases[place]?.remove(write.order) != nil, releases[place]?.isEmpty == true {
                releases[place] = nil
            }
        }
    }

    // MARK: Calls

    /// Takes what may be sent to an ERP now: all of one kind, in the order it became due, at most `limit`; marked as sent.
    public mutating func take(
        erp: String, limit: Int, isIdempotent: Bool, nowNanoseconds: WallNanoseconds
    ) -> [ErpWork] {
        guard let queue = queues[erp] else { return [] }
        var taken: [ErpWork] = []
        for place in queue.places {
            guard taken.count < limit else { break }
            guard let key = queue.key(at: place), var write = writes[key], isReady(write, nowNanoseconds) else {
                continue
            }
            // What may have been asked before is not asked again before it was looked for.
            if write.work.kind == .reserve, write.sentNanoseconds != nil, !isIdempotent { write.work.kind = .lookUp }
            guard taken.first.map({ $0.kind == write.work.kind }) ?? true else { continue }
            write.askedNanoseconds = nowNanoseconds
            write.sentEarlierNanoseconds = write.sentNanoseconds
            if write.work.kind == .reserve { write.sentNanoseconds = nowNanoseconds }
            write.state = .sent
            write.attempts += 1
            write.updateTimeNanoseconds = nowNanoseconds
            let work = write.work
            if let stored = writes[key] { write.work.kind = stored.work.kind }
            writes[key] = write
            taken.append(work)
        }
        return taken
    }

    private func isReady(_ write: ErpWrite, _ nowNanoseconds: WallNanoseconds) -> Bool {
        guard write.state == .waiting || write.state == .unknown, let next = write.nextAttemptNanoseconds,
            next <= nowNanoseconds
        else { return false }
        guard write.work.kind == .reserve else { return true }
        return !write.work.lines.contains { line in
            let place = Place(erp: write.work.erp, sku: line.sku, location: line.location)
            return releases[place]?.contains { $0 < write.order && isGoingOn($0, write.work.erp) } ?? false
        }
    }

    /// A release that was given up holds nobody back.
    private func isGoingOn(_ order: UInt64, _ erp: String) -> Bool {
        queues[erp]?.key(order).flatMap { writes[$0] }?.state != .failed
    }

    /// Whether a reserve was never sent: its release then needs no call.
    public func isNeverSent(_ work: ErpWork) -> Bool {
        writes[Key(number: work.number, erp: work.erp)].map { $0.sentNanoseconds == nil } ?? false
    }

    /// When the first waiting write of an ERP may be sent; nil: none waits by itself.
    public func nextAttemptNanoseconds(of erp: String, nowNanoseconds: WallNanoseconds) -> WallNanoseconds? {
        guard let queue = queues[erp] else { return nil }
        var next: WallNanoseconds?
        for place in queue.places {
            guard let key = queue.key(at: place), let write = writes[key],
                write.state == .waiting || write.state == .unknown,
                let own = write.nextAttemptNanoseconds
            else { continue }
            // Most often the first that waits is due.
            if own <= nowNanoseconds { return own }
            next = min(next ?? own, own)
        }
        return next
    }

    /// Until when a `notFound` about it is not to be believed: what was sent may still take effect. Nil: believe it.
    public func settlesAtNanoseconds(
        _ work: ErpWork, latestEffectNanoseconds: Int64
    ) -> WallNanoseconds? {
        guard let write = writes[Key(number: work.number, erp: work.erp)], let sent = write.sentNanoseconds else {
            return nil
        }
        let settled = sent + latestEffectNanoseconds
        // The ERP may have looked as soon as it was asked, however late its answer comes.
        return settled > write.askedNanoseconds ? settled : nil
    }

    /// The ERP's answer is in the ledger, or nothing came of the call that the ledger should hear of: the write waits for
    /// what is next, or for `retryAtNanoseconds`.
    public mutating func finish(
        _ work: ErpWork, error: String, isUnknown: Bool = false, isFailed: Bool = false, neverSent: Bool = false,
        wasNotThere: Bool = false, retryAtNanoseconds: WallNanoseconds?, nowNanoseconds: WallNanoseconds
    ) {
        let key = Key(number: work.number, erp: work.erp)
        guard var write = writes[key] else { return }
        write.state = isFailed ? .failed : isUnknown ? .unknown : .waiting
        write.lastError = error
        write.updateTimeNanoseconds = nowNanoseconds
        write.nextAttemptNanoseconds = isFailed ? nil : retryAtNanoseconds ?? nowNanoseconds
        if neverSent, work.kind == .reserve { write.sentNanoseconds = write.sentEarlierNanoseconds }
        // It was looked for, and nothing that was sent can still take effect: it may be asked anew.
        if wasNotThere { write.sentNanoseconds = nil }
        writes[key] = write
    }

    /// Has a write tried now. False when there is none of that name, or it is being sent.
    public mutating func retry(_ key: Key, nowNanoseconds: WallNanoseconds) -> Bool {
        guard var write = writes[key], write.state != .sent else { return false }
        if write.state == .failed { write.state = .waiting }
        write.nextAttemptNanoseconds = nowNanoseconds
        writes[key] = write
        return true
    }
}

/// Keys in the order in which they came, with removal from anywhere.
private struct OrderedWrites: Sendable {
    private var keys: [UInt64: ErpOutboxState.Key] = [:]
    /// From the oldest on; some may be gone.
    private var orders: [UInt64] = []
    /// All before it are gone.
    private var start = 0

    var count: Int { keys.count }

    var places: Range<Int> { start..<orders.count }

    /// Nil for one that is gone.
    func key(at place: Int) -> ErpOutboxState.Key? { keys[orders[place]] }

    func key(_ order: UInt64) -> ErpOutboxState.Key? { keys[order] }

    var first: ErpOutboxState.Key? { start < orders.count ? key(at: start) : nil }

    mutating func insert(_ order: UInt64, _ key: ErpOutboxState.Key) {
        keys[order] = key
        orders.append(order)
    }

    mutating func remove(_ order: UInt64) {
        keys[order] = nil
        while start < orders.count, keys[orders[start]] == nil { start += 1 }
        // The gaps are closed once they are the greater part.
        if orders.count > 64, keys.count * 2 < orders.count {
            orders.removeAll { keys[$0] == nil }
            start = 0
        }
    }
}
