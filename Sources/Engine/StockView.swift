public import HotTable
public import Inventory
public import Ledger

/// One event loop's view of the stock: the published state, the hot table, and a snapshot of the ledger. This is the one
/// seam that reads go through.
///
/// Thread: the owning loop's only. `beginTurn` before the requests of a socket read, `endTurn` after them: nothing is
/// pinned while the loop sleeps. The snapshot is opened only when the ledger is asked.
public final class StockView {
    private let board: StateBoard
    /// The snapshot of the turn, once it is open; for what is not asked often.
    public let reader: SnapshotReader
    private let tenant: TenantNumber
    /// Whose rows are the tenant's figures in the open snapshot.
    private var figures: TenantNumber
    /// The ledger sequence at which `figures` was read; each switch has one of its own.
    private var figuresSequence = UInt64.max
    private var seenVersion: UInt64
    private var isOpen = false
    /// The greatest sequence the hot table has shown to this loop's callers.
    private var shownSequence: UInt64 = 0
    /// The policies and watermarks that belong to the present turn.
    public private(set) var state: PublishedState
    /// The same, uncounted; valid until the turn ends.
    public private(set) var lentState: Unmanaged<PublishedState>
    /// The positions in memory; nil when it is switched off. Uncounted; valid until the turn ends.
    public private(set) var lentHotTable: Unmanaged<HotTable>?
    /// Who answered this loop's reads.
    public let counts = ReadCounts()

    public init(ledger: Ledger, board: StateBoard, tenant: TenantNumber) throws(LedgerError) {
        self.board = board
        self.tenant = tenant
        figures = tenant
        reader = try ledger.makeReader()
        state = board.state
        lentState = Unmanaged.passUnretained(state)
        seenVersion = .max
        lentHotTable = state.hotTable.map { Unmanaged.passUnretained($0) }
        board.register(counts)
    }

    /// Takes the newest state. It is taken before any position is read, so that a watermark never vouches for a position
    /// that is older than itself.
    @inline(__always)
    public func beginTurn() {
        guard let newer = board.newer(than: &seenVersion) else { return }
        state = newer
        lentState = Unmanaged.passUnretained(newer)
        lentHotTable = newer.hotTable.map { Unmanaged.passUnretained($0) }
    }

    public func endTurn() {
        guard isOpen else { return }
        reader.release()
        isOpen = false
    }

    /// Opens the turn's snapshot: the newest commit. Every read of the ledger below needs it. What the hot table has shown
    /// is in the ledger already, so the sequence a caller sees never runs back.
    @inline(__always)
    public func openSnapshot() throws(LedgerError) {
        if isOpen, reader.sequence >= shownSequence { return }
        try reader.renew()
        isOpen = true
        if reader.sequence != figuresSequence { try readFigures() }
    }

    /// Whose rows answer is a matter of the snapshot itself: so no answer is of two rebuilds.
    @inline(never)
    private func readFigures() throws(LedgerError) {
        figures = try reader.figures(of: tenant).running
        figuresSequence = reader.sequence
    }

    /// Says that an answer was given from the hot table as it stood at a sequence.
    @inline(__always)
    public func showed(_ sequence: UInt64) {
        shownSequence = sequence
    }

    /// The ledger sequence of the open snapshot.
    public var sequence: UInt64 { reader.sequence }

    /// Every commit up to this ledger sequence can be seen by reads that begin now.
    public var committedSequence: UInt64 { board.changes.sequence }

    /// Lends every position of a sku in order of location numbers; returns how many there are.
    @inline(__always)
    public func positions(
        of sku: UnsafeRawBufferPointer, _ body: (LocationNumber, LentPosition) -> Void
    ) throws(LedgerError) -> Int {
        try reader.positions(tenant: figures, sku: sku, body)
    }

    /// One position; nil when there is none.
    @inline(__always)
    public func position(
        of sku: UnsafeRawBufferPointer, at location: LocationNumber
    ) throws(LedgerError) -> LentPosition? {
        try reader.position(tenant: figures, sku: sku, location: location)
    }

    /// Every position of a sku as it is at a moment of ledger time: what has run out by then is not held any more, swept or
    /// not. For the rare reader who meets a position past its `nextExpiryNanoseconds`, or needs the whole of it.
    public func livePositions(
        of sku: String, ledgerNanoseconds: WallNanoseconds
    ) throws(LedgerError) -> [(location: LocationNumber, position: Position)] {
        var positions = try reader.positions(tenant: figures, sku: sku)
        for index in positions.indices {
            positions[index].position = try live(
                positions[index].position, of: sku, at: positions[index].location,
                ledgerNanoseconds: ledgerNanoseconds)
        }
        return positions
    }

    /// A position just read, as it is at a moment of ledger time.
    public func live(
        _ stored: Position, of sku: String, at location: LocationNumber, ledgerNanoseconds: WallNanoseconds
    ) throws(LedgerError) -> Position {
        guard stored.nextExpiryNanoseconds != 0, stored.nextExpiryNanoseconds <= ledgerNanoseconds else {
            return stored
        }
        var position = stored
        try reader.forEachHold(tenant: figures, sku: sku, location: location) { row throws(LedgerError) in
            guard row.expireTimeNanoseconds <= ledgerNanoseconds else { return false }
            position.expire(open: row.open, contained: row.contained, of: row.channel)
            return true
        }
        return position
    }

    /// The lots of a position as they are at a moment of ledger time, in order of their bytes.
    public func liveLots(
        of sku: String, at location: LocationNumber, ledgerNanoseconds: WallNanoseconds
    ) throws(LedgerError) -> [(lot: String, part: Position)] {
        var lots: [(lot: String, part: Position)] = []
        try reader.forEachLot(tenant: figures, sku: sku, location: location) { lot, part throws(LedgerError) in
            lots.append((lot, part))
            return true
        }
        guard lots.contains(where: { $0.part.buckets[.reserved] != 0 }) else { return lots }
        try reader.forEachHold(tenant: figures, sku: sku, location: location) { row throws(LedgerError) in
            guard row.expireTimeNanoseconds <= ledgerNanoseconds else { return false }
            if let index = lots.firstIndex(where: { $0.lot == row.lot }) {
                lots[index].part.buckets[.reserved] -= row.open
                lots[index].part.buckets[.releasing] += min(row.open, row.contained)
            }
            return true
        }
        return lots
    }

    /// The supplies of a sku in order of location number and id, of all locations or of one; until `body` says false.
    public func forEachSupply(
        of sku: String, at location: LocationNumber? = nil,
        _ body: (LocationNumber, _ id: String, SupplyLine) throws(LedgerError) -> Bool
    ) throws(LedgerError) {
        try reader.forEachSupply(tenant: figures, sku: sku, location: location, body)
    }

    /// The number of a channel; 0 when it never held anything.
    public func channelNumber(_ id: String) -> ChannelNumber { state.channelNumbers[id] ?? 0 }

    /// See `StateBoard.nextExpiryNanoseconds`.
    @inline(__always)
    public var nextExpiryNanoseconds: WallNanoseconds { board.nextExpiryNanoseconds }

    /// One reservation as it stands in the open snapshot; nil when there is none.
    public func reservation(
        number: ReservationNumber, epoch: UInt64
    ) throws(LedgerError) -> Reservation? {
        guard let found = try reader.reservation(number, tenant: tenant), found.epoch == epoch else { return nil }
        return found
    }

    /// Reservations from the newest, or from the one before `before`, backwards; until `body` says false.
    public func forEachReservationBackwards(
        before: ReservationNumber, _ body: (Reservation) throws(LedgerError) -> Bool
    ) throws(LedgerError) {
        try reader.forEachReservationBackwards(tenant: tenant, before: before, body)
    }

    /// The dead letter that callers call so; nil when there is none.
    public func deadLetter(_ id: String) throws(LedgerError) -> DeadLetter? {
        try reader.deadLetter(tenant: tenant, id: id)
    }

    /// Dead letters from the oldest, those up to the sequence `after` left out; until `body` says false.
    public func forEachDeadLetter(
        after: UInt64, _ body: (DeadLetter) throws(LedgerError) -> Bool
    ) throws(LedgerError) {
        try reader.forEachDeadLetter(tenant: tenant, after: after, body)
    }

    /// How many there are, in the open snapshot.
    public var deadLetters: UInt64 { reader.state.deadLetters }

    /// The next skus in order, at most `countMax` of them; fewer only at the end. `after` is the last of the page before.
    public func skus(after: [UInt8]?, countMax: Int) throws(LedgerError) -> [SkuRows] {
        try reader.skus(tenant: figures, after: after, countMax: countMax)
    }

    /// Every sku in order, those up to `after` left out, each with its position at one location, if it has one there; until
    /// `body` says false.
    public func forEachSku(
        after: String?, at location: LocationNumber,
        _ body: (_ sku: String, LentPosition?) throws(LedgerError) -> Bool
    ) throws(LedgerError) {
        try reader.forEachSku(tenant: figures, after: after, at: location, body)
    }

    /// Audit entries from the newest, or from the one before the number `before`, backwards; until `body` says false.
    public func forEachAuditEntryBackwards(
        before: UInt64, _ body: (_ number: UInt64, _ bytes: Int, AuditEntry) throws(LedgerError) -> Bool
    ) throws(LedgerError) {
        try reader.forEachAuditEntryBackwards(AuditEntry.self, tenant: tenant, before: before, body)
    }

    /// Whether the sku has a position anywhere.
    public func isKnown(_ sku: UnsafeRawBufferPointer) throws(LedgerError) -> Bool {
        try reader.isKnown(tenant: figures, sku: sku)
    }
}
