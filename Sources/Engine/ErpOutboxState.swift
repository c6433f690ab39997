public import Inventory

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

    public private(set) var writes: [Key: ErpWrite] = [:]
    private var queues: [String: ErpQueue] = [:]
    /// Places that a call under way is about, by its number.
    private var callPlaces: [UInt64: [ErpQueue.Place]] = [:]
    private var nextOrder: UInt64 = 1
    private var nextCall: UInt64 = 1

    /// Of what waits for its place, at most so many are looked at for one call.
    private static let looksPerCallMax = 512
    /// Writes looked at for one page.
    private static let looksPerPageMax = 10_000

    public init() {}

    public var count: Int { writes.count }

    public func count(of erp: String) -> Int { queues[erp]?.orders.count ?? 0 }

    /// The oldest write of an ERP; nil: none waits.
    public func oldest(of erp: String) -> ErpWrite? {
        queues[erp]?.orders.first.flatMap { writes[$0] }
    }

    /// The ERPs that anything waits for.
    public var erps: [String] { queues.filter { $0.value.orders.count > 0 }.keys.sorted() }

    /// Takes over a committed change of a reservation, or one found at the start.
    ///
    /// - Parameter isRestart: what was asked before the restart is not known, so a reserve may have been sent.
    public mutating func update(
        _ reservation: Reservation, isRestart: Bool = false, nowNanoseconds: WallNanoseconds
    ) {
        var names: [String] = []
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
        queues[key.erp, default: ErpQueue()].insert(write.order, key)
        put(key, write, replacing: nil, nowNanoseconds)
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
        put(key, write, replacing: old, nowNanoseconds)
    }

    private mutating func drop(_ key: Key, _ write: ErpWrite) {
        writes[key] = nil
        queues[key.erp]?.remove(write.order)
        if write.holdsReservesBack { with(key.erp) { $0.forgetRelease(write, kind: $1) } }
    }

    /// The one way a write comes in or changes.
    private mutating func put(
        _ key: Key, _ write: ErpWrite, replacing old: ErpWrite?, _ nowNanoseconds: WallNanoseconds
    ) {
        writes[key] = write
        if let old, old.holdsReservesBack { with(key.erp) { $0.forgetRelease(old, kind: $1) } }
        if write.holdsReservesBack { queues[key.erp]?.noteRelease(write) }
        queues[key.erp]?.wait(write, nowNanoseconds: nowNanoseconds)
    }

    /// A change of an ERP's queue that has to know what its writes are.
    private mutating func with(_ erp: String, _ body: (inout ErpQueue, (UInt64) -> ErpWriteKind?) -> Void) {
        guard var queue = queues.removeValue(forKey: erp) else { return }
        let (orders, writes) = (queue.orders, writes)
        body(&queue) { order in
            orders.key(order).flatMap { writes[$0] }.flatMap { $0.isWaiting ? $0.work.kind : nil }
        }
        queues[erp] = queue
    }

    // MARK: Calls

    /// Takes what may be sent to an ERP now: all of one kind, in the order it became due, at most `limit`; marked as sent.
    public mutating func take(
        erp: String, limit: Int, isIdempotent: Bool, nowNanoseconds: WallNanoseconds
    ) -> [ErpWork] {
        with(erp) { $0.promote(nowNanoseconds: nowNanoseconds, kind: $1) }
        guard var queue = queues.removeValue(forKey: erp) else { return [] }
        defer { queues[erp] = queue }
        var taken: [ErpWork] = []
        var places: [ErpQueue.Place] = []
        var looks = Self.looksPerCallMax + limit
        var queueKind: ErpWriteKind?
        while taken.count < limit, looks > 0, let order = queue.removeFirst(of: queueKind) {
            looks -= 1
            guard let key = queue.orders.key(order), var write = writes[key], write.isWaiting,
                let next = write.nextAttemptNanoseconds
            else { continue }
            guard next <= nowNanoseconds, queueKind.map({ $0 == write.work.kind }) ?? true else {
                queue.wait(write, nowNanoseconds: nowNanoseconds)
                continue
            }
            if let place = queue.obstacle(to: write) {
                queue.park(write, at: place)
                continue
            }
            // What may have been asked before is not asked again before it was looked for.
            let isLookedFor = write.work.kind == .reserve && write.sentNanoseconds != nil && !isIdempotent
            let kind = isLookedFor ? .lookUp : write.work.kind
            guard taken.first.map({ $0.kind == kind }) ?? true else {
                queue.wait(write, nowNanoseconds: nowNanoseconds)
                break
            }
            queueKind = write.work.kind
            let work = mark(&write, asSent: kind, nowNanoseconds)
            callPlaces[work.call] = write.places
            places += write.places
            writes[key] = write
            taken.append(work)
        }
        // Only now: those of one call do not stand in each other's way.
        queue.occupy(places)
        return taken
    }

    private mutating func mark(
        _ write: inout ErpWrite, asSent kind: ErpWriteKind, _ nowNanoseconds: WallNanoseconds
    ) -> ErpWork {
        write.call = nextCall
        nextCall += 1
        write.askedNanoseconds = nowNanoseconds
        write.sentEarlierNanoseconds = write.sentNanoseconds
        if kind == .reserve { write.sentNanoseconds = nowNanoseconds }
        write.state = .sent
        write.attempts += 1
        write.updateTimeNanoseconds = nowNanoseconds
        var work = write.work
        work.kind = kind
        work.call = write.call
        return work
    }

    /// Whether a reserve was never sent: its release then needs no call.
    public func isNeverSent(_ work: ErpWork) -> Bool {
        writes[Key(number: work.number, erp: work.erp)].map { $0.sentNanoseconds == nil } ?? false
    }

    /// When the first waiting write of an ERP may be sent; nil: none waits by itself.
    public func nextAttemptNanoseconds(of erp: String, nowNanoseconds: WallNanoseconds) -> WallNanoseconds? {
        queues[erp]?.nextAttemptNanoseconds(nowNanoseconds: nowNanoseconds)
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

    /// What became of a call about one write.
    public enum Ending: Sendable, Equatable {
        /// The ERP's answer is in the ledger.
        case answered
        /// So is that it does not know it, and nothing that was sent can still take effect: it may be asked anew.
        case notThere
        /// It may have taken effect.
        case unknown
        /// It surely had none.
        case neverSent
        /// It surely had none, and a person has to look.
        case failed
    }

    /// A call is over: its write waits for what is next, or for `retryAtNanoseconds`.
    public mutating func finish(
        _ work: ErpWork, _ ending: Ending, error: String = "", retryAtNanoseconds: WallNanoseconds? = nil,
        nowNanoseconds: WallNanoseconds
    ) {
        if let places = callPlaces.removeValue(forKey: work.call) {
            with(work.erp) { $0.vacate(places, kind: $1) }
        }
        let key = Key(number: work.number, erp: work.erp)
        // Another call may be about it by now: what was answered took it out, and something new came in.
        guard let old = writes[key], old.state == .sent, old.call == work.call else { return }
        var write = old
        write.call = 0
        write.lastError = error
        write.updateTimeNanoseconds = nowNanoseconds
        write.nextAttemptNanoseconds = ending == .failed ? nil : retryAtNanoseconds ?? nowNanoseconds
        switch ending {
        case .answered, .notThere, .neverSent: write.state = .waiting
        case .unknown: write.state = .unknown
        case .failed: write.state = .failed
        }
        if ending == .notThere { write.sentNanoseconds = nil }
        if work.kind == .reserve, ending == .neverSent || ending == .failed {
            write.sentNanoseconds = write.sentEarlierNanoseconds
        }
        put(key, write, replacing: old, nowNanoseconds)
    }

    /// Has a write tried now. False when there is none of that name, or it is being sent.
    public mutating func retry(_ key: Key, nowNanoseconds: WallNanoseconds) -> Bool {
        guard let old = writes[key], old.state != .sent else { return false }
        var write = old
        if write.state == .failed { write.state = .waiting }
        write.nextAttemptNanoseconds = nowNanoseconds
        put(key, write, replacing: old, nowNanoseconds)
        return true
    }

    // MARK: Looking

    /// A part of the writes in the order they became due.
    public struct Page: Sendable {
        public var writes: [ErpWrite] = []
        /// The order to go on after; nil: there are no more.
        public var next: UInt64?

        public init() {}
    }

    /// Those after an order that match, at most `limit`. A page may be short, or empty, though there are more: it costs a
    /// bounded number of looks.
    public func page(
        after order: UInt64, erp: String?, limit: Int, where matches: (ErpWrite) -> Bool
    ) -> Page {
        var page = Page()
        for (name, queue) in queues where erp == nil || erp == name {
            var found = 0
            var looks = 0
            let orders = queue.orders.orders(after: order)
            for order in orders {
                looks += 1
                if let write = queue.orders.key(order).flatMap({ writes[$0] }), matches(write) {
                    page.writes.append(write)
                    found += 1
                }
                guard found == limit || looks == Self.looksPerPageMax, order != orders.last else { continue }
                page.next = min(page.next ?? .max, order)
                break
            }
        }
        page.writes.sort { $0.order < $1.order }
        if let next = page.next { page.writes.removeAll { $0.order > next } }
        if page.writes.count > limit {
            page.writes.removeLast(page.writes.count - limit)
            page.next = page.writes.last?.order
        }
        return page
    }

    /// What waits of one reservation.
    public func writes(of number: ReservationNumber) -> [ErpWrite] {
        queues.keys.compactMap { writes[Key(number: number, erp: $0)] }.sorted { $0.order < $1.order }
    }
}

extension ErpWrite {
    /// A release that was given up holds nobody back.
    fileprivate var holdsReservesBack: Bool { work.kind == .release && state != .failed }
}
