public import Inventory
public import Ledger

/// A line of a hold as an ERP names it.
public struct ErpHoldName: Hashable, Sendable {
    public var reservationID: String
    public var lineID: UInt32

    public init(reservationID: String, lineID: UInt32) {
        self.reservationID = reservationID
        self.lineID = lineID
    }
}

/// What a whole read of an ERP's figures says about our holds, beside what the ledger says.
public struct ErpHoldComparison: Sendable {
    /// Confirmed before the read, unchanged since, and not in it: to be looked for.
    public private(set) var missed: MissedHolds
    /// Held there and not here, in order of names: granted after a backup was made that was restored since, or let go
    /// of here while the ERP knows nothing of it.
    public private(set) var unknown: [ErpHoldName] = []

    /// Of one read at most so many are looked for; the next read finds the others.
    private static let missedMax = 1_000
    /// Reservations looked at in one snapshot, so that none is pinned for long.
    private static let perSnapshotMax = 1_000

    /// Any thread but an event loop: it reads every reservation that is not settled.
    ///
    /// - Parameters:
    ///   - named: units by line, of the whole read.
    ///   - askedNanoseconds: when the read was begun: ledger time.
    public init(
        _ named: [ErpHoldName: Int64], of erp: String, askedNanoseconds: WallNanoseconds, ledger: Ledger,
        tenant: TenantNumber
    ) throws(LedgerError) {
        missed = MissedHolds(erp: erp, askedNanoseconds: askedNanoseconds, lines: [:])
        let reader = try ledger.makeReader()
        try reader.renew()
        let numbers = try reader.unsettled(tenant: tenant)
        var left = named
        for (place, number) in numbers.enumerated() {
            if place % Self.perSnapshotMax == 0 { try reader.renew() }
            guard let reservation = try reader.reservation(number, tenant: tenant) else { continue }
            compare(reservation, &left)
        }
        for name in left.keys where try !isOnItsWay(name, reader, tenant) { unknown.append(name) }
        unknown.sort { ($0.reservationID, $0.lineID) < ($1.reservationID, $1.lineID) }
    }

    private mutating func compare(_ reservation: Reservation, _ left: inout [ErpHoldName: Int64]) {
        var lineIDs: Set<UInt32> = []
        for line in reservation.lines where line.erp == missed.erp {
            let units = left.removeValue(forKey: ErpHoldName(reservationID: reservation.id, lineID: line.id)) ?? 0
            if line.isExpectedAtErp, units < line.open { lineIDs.insert(line.id) }
        }
        var trial = reservation
        guard !lineIDs.isEmpty, missed.lines.count < Self.missedMax,
            trial.miss(lineIDs, at: missed.erp, askedNanoseconds: missed.askedNanoseconds)
        else { return }
        missed.lines[reservation.number] = lineIDs
    }

    /// Settled here since the read was begun.
    private func isOnItsWay(
        _ name: ErpHoldName, _ reader: SnapshotReader, _ tenant: TenantNumber
    ) throws(LedgerError) -> Bool {
        guard let id = ReservationID.parse(name.reservationID),
            let reservation = try reader.reservation(id.number, tenant: tenant), reservation.epoch == id.epoch,
            let last = reservation.history.last
        else { return false }
        return last.timeNanoseconds >= missed.askedNanoseconds
    }
}
