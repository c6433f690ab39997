public import Engine
public import Inventory
internal import Synchronization

/// The embedded ERP: a stock book of its own in the same process, that follows what it is told of the stock and decides
/// for itself. By its switches it is slow, refuses, goes away, or loses its answers, so that a connector can be developed
/// against what real ERPs do.
///
/// The book is in memory. After a restart of the server it takes over again what the ledger says is held (`adopt`).
public final class EmbeddedErp: ErpAdapter {
    /// How it behaves; may be changed at any time.
    public struct Switches: Sendable, Equatable {
        /// How long an answer takes, in nanoseconds.
        public var latencyNanoseconds: Int64 = 0
        /// Of 100 reserves so many are refused.
        public var refusePercent = 0
        /// It cannot be reached.
        public var isDown = false
        /// Of 100 answers so many are lost, after the effect.
        public var loseAnswerPercent = 0

        public init() {}
    }

    /// A sku's stock at a location, as the accepted events say.
    public struct Stock: Sendable, Equatable {
        /// Gross.
        public var onHand: Int64 = 0
        /// Part of it that nobody can hold: quarantined or damaged.
        public var blocked: Int64 = 0
        /// Held for others than us.
        public var allocated: Int64 = 0

        public init(onHand: Int64 = 0, blocked: Int64 = 0, allocated: Int64 = 0) {
            self.onHand = onHand
            self.blocked = blocked
            self.allocated = allocated
        }
    }

    private typealias Place = ErpPlace

    private struct Book {
        var switches = Switches()
        var stock: [Place: Int64] = [:]
        var allocated: [Place: Int64] = [:]
        /// By our reservation id.
        var holds: [String: [ErpHoldLine]] = [:]
        /// Units of holds that left, as far as it was told, by reservation and line.
        var issued: [String: [UInt32: Int64]] = [:]
        var counter: UInt64 = 0
        /// The newest change of each place.
        var changes: [Place: ErpChangeMark] = [:]
        /// Ahead of the clock where that stood still or went back: no two changes have one time.
        var lastChangeNanoseconds: Int64 = 0

        mutating func noteChange(of place: Place) {
            lastChangeNanoseconds = max(wallClockNanoseconds(), lastChangeNanoseconds + 1)
            let record = changes[place]?.record ?? Int64(changes.count)
            changes[place] = ErpChangeMark(timeNanoseconds: lastChangeNanoseconds, record: record)
        }

        /// 0 to 99, from a counter: deterministic, and as even as switches need it.
        mutating func dice() -> Int {
            counter += 1
            return Int((counter &* 0x9E37_79B9_7F4A_7C15) >> 33) % 100
        }
    }

    private let book = Mutex(Book())
    /// What the book says of a sku that it was never told of.
    private let stock: @Sendable (_ sku: String, _ location: String) -> Stock
    private let alarm: AlarmClock

    public static let capabilities = ErpCapabilities(
        isIdempotent: true, isAtomic: true, allowsPartial: true, takesCommits: true, batchMax: 100,
        latestEffectSeconds: 0)

    public var capabilities: ErpCapabilities { Self.capabilities }

    /// - Parameter stock: what the accepted events say; any thread.
    public init(alarm: AlarmClock, stock: @escaping @Sendable (_ sku: String, _ location: String) -> Stock) {
        self.alarm = alarm
        self.stock = stock
    }

    public var switches: Switches {
        get { book.withLock { $0.switches } }
        set { book.withLock { $0.switches = newValue } }
    }

    /// The units of a sku that are there for us, in place of what the events say; nil: what the events say again.
    public func setStock(_ units: Int64?, sku: String, location: String) {
        let place = Place(sku: sku, location: location)
        book.withLock { book in
            book.stock[place] = units
            book.noteChange(of: place)
        }
    }

    /// Takes over a hold that it had before a restart, and what had left of it.
    public func adopt(_ reservationID: String, _ lines: [ErpHoldLine], issued: [UInt32: Int64] = [:]) {
        book.withLock { book in
            // What it had before is no change.
            let changes = book.changes
            Self.set(&book, reservationID, lines)
            book.changes = changes
            book.issued[reservationID] = issued.isEmpty ? nil : issued
        }
    }

    /// Goods of a hold left, in all so many units of each line: the book lets go of what it was not told of yet. What calls
    /// in flight do to the hold is not touched.
    ///
    /// - Parameter isOver: nothing of it is open any more.
    public func noteIssues(_ reservationID: String, _ issued: [UInt32: Int64], isOver: Bool) {
        book.withLock { book in
            let known = book.issued[reservationID] ?? [:]
            if var lines = book.holds[reservationID] {
                for index in lines.indices {
                    let id = lines[index].lineID
                    let new = issued[id, default: 0] - known[id, default: 0]
                    lines[index].quantity = max(0, lines[index].quantity - max(0, new))
                }
                Self.set(&book, reservationID, lines.filter { $0.quantity > 0 })
            }
            book.issued[reservationID] = isOver ? nil : issued
        }
    }

    // MARK: ErpAdapter

    public func reserve(
        _ holds: [ErpHold], deadline: ContinuousClock.Instant
    ) async throws(ErpFailure) -> [ErpReply] {
        try await call(deadline) { book in holds.map { self.reserve($0, &book) } }
    }

    public func release(
        _ holds: [ErpHold], deadline: ContinuousClock.Instant
    ) async throws(ErpFailure) -> [ErpReply] {
        try await call(deadline) { book in holds.map { Self.release($0, &book) } }
    }

    public func commit(
        _ holds: [ErpHold], deadline: ContinuousClock.Instant
    ) async throws(ErpFailure) -> [ErpReply] {
        try await call(deadline) { book in
            holds.map { hold in
                guard let lines = book.holds[hold.reservationID] else { return .answer(.notFound) }
                return .answer(.holds(lines.map { Self.answer($0, hold.reservationID) }))
            }
        }
    }

    public func lookUp(
        _ holds: [ErpHold], deadline: ContinuousClock.Instant
    ) async throws(ErpFailure) -> [ErpReply] {
        try await call(deadline) { book in
            holds.map { hold in
                guard let lines = book.holds[hold.reservationID] else { return .answer(.notFound) }
                return .answer(.holds(lines.map { Self.answer($0, hold.reservationID) }))
            }
        }
    }

    public func readPositions(
        locations: [String], after sku: String, limit: Int, deadline: ContinuousClock.Instant
    ) async throws(ErpFailure) -> ErpPositionPage {
        try await call(deadline) { book in
            let places = Self.places(in: book) { locations.contains($0.location) && $0.sku > sku }
            let skus = Set(places.map(\.sku)).sorted()
            let page = Set(skus.prefix(limit))
            return ErpPositionPage(
                positions: places.filter { page.contains($0.sku) }.map { self.position(of: $0, book) },
                next: skus.count > limit ? skus[limit - 1] : nil)
        }
    }

    public func readPositions(
        skus: [String], locations: [String], deadline: ContinuousClock.Instant
    ) async throws(ErpFailure) -> [ErpPosition] {
        try await call(deadline) { book in
            Self.places(in: book) { skus.contains($0.sku) && locations.contains($0.location) }
                .map { self.position(of: $0, book) }
        }
    }

    /// The newest change of each place: what was changed again is told once.
    public func changes(
        at locations: [String], after mark: ErpChangeMark, limit: Int, deadline: ContinuousClock.Instant
    ) async throws(ErpFailure) -> ErpChangePage {
        try await call(deadline) { book in
            // The clock went back over a restart: nothing may be passed over.
            let isAhead = mark.timeNanoseconds > max(wallClockNanoseconds(), book.lastChangeNanoseconds)
            let mark = isAhead ? ErpChangeMark(beforeNanoseconds: 0) : mark
            let found = book.changes.filter { locations.contains($0.key.location) && $0.value > mark }
                .sorted { $0.value < $1.value }
            let page = found.prefix(limit).map { ErpChange(mark: $0.value, places: [$0.key]) }
            return ErpChangePage(changes: page, reached: page.last?.mark, hasMore: found.count > limit)
        }
    }

    public func newestChange(
        at locations: [String], deadline: ContinuousClock.Instant
    ) async throws(ErpFailure) -> ErpChangeMark? {
        try await call(deadline) { book in
            book.changes.filter { locations.contains($0.key.location) }.map(\.value).max()
        }
    }

    public func checkHealth(deadline: ContinuousClock.Instant) async throws(ErpFailure) {
        try await call(deadline) { _ in }
    }

    // MARK: The book

    /// One call: the way there, the effect, the way back; each may fail as the switches say.
    private func call<Result: Sendable>(
        _ deadline: ContinuousClock.Instant, _ body: (inout Book) -> Result
    ) async throws(ErpFailure) -> Result {
        let switches = switches
        if switches.isDown { throw .notSent("the embedded ERP is switched off") }
        if switches.latencyNanoseconds > 0 {
            let wanted = ContinuousClock.now + .nanoseconds(switches.latencyNanoseconds)
            await alarm.sleep(until: min(wanted, deadline))
            if Task.isCancelled { throw .notSent("cancelled") }
            if wanted > deadline { throw .noAnswer("the embedded ERP is slower than the deadline") }
        }
        let (result, isLost) = book.withLock { book in
            let result = body(&book)
            return (result, book.dice() < book.switches.loseAnswerPercent)
        }
        if isLost { throw .noAnswer("the embedded ERP lost its answer") }
        return result
    }

    /// What the book has of its own, in the order of skus.
    private static func places(in book: Book, _ isWanted: (Place) -> Bool) -> [Place] {
        Set(book.stock.keys).union(book.allocated.keys).union(book.changes.keys).filter(isWanted)
            .sorted { ($0.sku, $0.location) < ($1.sku, $1.location) }
    }

    private func position(of place: Place, _ book: Book) -> ErpPosition {
        let contains = book.holds.flatMap { id, lines in
            lines.filter { $0.sku == place.sku && $0.location == place.location && $0.quantity > 0 }
                .map { ContainedHold(reservationID: id, lineID: $0.lineID, quantity: $0.quantity) }
        }.sorted { ($0.reservationID, $0.lineID) < ($1.reservationID, $1.lineID) }
        var stock = self.stock(place.sku, place.location)
        if let own = book.stock[place] { stock.onHand = own + stock.blocked + stock.allocated }
        return ErpPosition(
            sku: place.sku, location: place.location, onHand: stock.onHand,
            allocated: stock.allocated + book.allocated[place, default: 0], contains: contains)
    }

    /// Units that are there for holds of ours.
    private func stock(of place: Place, _ book: Book) -> Int64 {
        if let own = book.stock[place] { return own }
        let stock = stock(place.sku, place.location)
        return stock.onHand - stock.blocked - stock.allocated
    }

    /// Idempotent by our id: what is held already is told again.
    private func reserve(_ hold: ErpHold, _ book: inout Book) -> ErpReply {
        if let known = book.holds[hold.reservationID] {
            let asked = Set(hold.lines.map(\.lineID))
            let there = Set(known.map(\.lineID))
            if asked.isSubset(of: there) {
                return .answer(.holds(known.map { Self.answer($0, hold.reservationID) }))
            }
        }
        let isRefused = book.dice() < book.switches.refusePercent
        var wanted: [Place: Int64] = [:]
        var granted: [ErpHoldLine] = []
        var answers: [ErpLineAnswer] = []
        for line in hold.lines {
            let place = Place(sku: line.sku, location: line.location)
            let free =
                stock(of: place, book) - book.allocated[place, default: 0] - wanted[place, default: 0]
            var given = line
            given.quantity = isRefused ? 0 : min(line.quantity, max(0, free))
            if given.quantity < line.quantity && !hold.allowsPartial { given.quantity = 0 }
            wanted[place, default: 0] += given.quantity
            granted.append(given)
            var answer = Self.answer(given, hold.reservationID)
            if given.quantity < line.quantity {
                answer.reason =
                    isRefused
                    ? "ERP_REJECTED: the embedded ERP was told to refuse"
                    : "ERP_REJECTED: the ERP has \(max(0, free)) of \(line.sku)"
            }
            answers.append(answer)
        }
        let isWhole = zip(granted, hold.lines).allSatisfy { $0.quantity == $1.quantity }
        if !isWhole && !hold.allowsPartial {
            // All or none: those that could have been held say so by having no reason.
            for index in answers.indices { answers[index].quantity = 0 }
            return .answer(.holds(answers))
        }
        Self.set(&book, hold.reservationID, granted.filter { $0.quantity > 0 })
        return .answer(.holds(answers))
    }

    private static func release(_ hold: ErpHold, _ book: inout Book) -> ErpReply {
        guard let known = book.holds[hold.reservationID] else { return .answer(.notFound) }
        let left = known.compactMap { line -> ErpHoldLine? in
            guard let asked = hold.lines.first(where: { $0.lineID == line.lineID }) else { return line }
            var line = line
            line.quantity = min(line.quantity, asked.quantity)
            return line.quantity > 0 ? line : nil
        }
        set(&book, hold.reservationID, left)
        return .answer(.holds(left.map { answer($0, hold.reservationID) }))
    }

    private static func set(_ book: inout Book, _ id: String, _ lines: [ErpHoldLine]) {
        for (line, sign) in (book.holds[id] ?? []).map({ ($0, -1) }) + lines.map({ ($0, 1) }) {
            let place = Place(sku: line.sku, location: line.location)
            book.allocated[place, default: 0] += Int64(sign) * line.quantity
            book.noteChange(of: place)
        }
        book.holds[id] = lines.isEmpty ? nil : lines
    }

    private static func answer(_ line: ErpHoldLine, _ id: String) -> ErpLineAnswer {
        ErpLineAnswer(lineID: line.lineID, quantity: line.quantity, reference: "EMBEDDED-\(id)")
    }
}
