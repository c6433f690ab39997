public import Inventory

extension LedgerReading where Self: ~Copyable {
    /// Nil when there is none of that number.
    public borrowing func reservation(
        _ number: ReservationNumber, tenant: TenantNumber
    ) throws(LedgerError) -> Reservation? {
        let key = KeyBuffer.reservation(tenant: tenant, number: number)
        guard let record = unsafe try record(key.bytes, in: .reservations) else { return nil }
        guard let reservation = unsafe ReservationReader.read(record, key: key.bytes) else {
            throw unsafe damaged(key.bytes, in: .reservations)
        }
        return reservation
    }

    /// Reservations from the newest, or from the one before `before`, backwards; until `body` says false.
    public borrowing func forEachReservationBackwards(
        tenant: TenantNumber, before: ReservationNumber = .max,
        _ body: (Reservation) throws(LedgerError) -> Bool
    ) throws(LedgerError) {
        let start = KeyBuffer.reservation(tenant: tenant, number: before)
        unsafe try scan(.reservations, from: start.bytes, descending: true) { key, record throws(LedgerError) in
            guard key.count == 10, unsafe key.big(0, TenantNumber.self) == tenant else { return false }
            guard let reservation = unsafe ReservationReader.read(record, key: key) else {
                throw unsafe damaged(key, in: .reservations)
            }
            return try body(reservation)
        }
    }

    /// Reservations in order of their numbers, those up to `after` left out. Of each the number and state are told first, so
    /// that what is not wanted need not be read; until `body` says false.
    public borrowing func forEachReservation(
        tenant: TenantNumber, after: ReservationNumber, where isWanted: (ReservationNumber, ReservationState) -> Bool,
        _ body: (ReservationNumber, Reservation?) throws(LedgerError) -> Bool
    ) throws(LedgerError) {
        let start = KeyBuffer.reservation(tenant: tenant, number: after == .max ? after : after + 1)
        unsafe try scan(.reservations, from: start.bytes, descending: false) { key, record throws(LedgerError) in
            guard key.count == 10, unsafe key.big(0, TenantNumber.self) == tenant else { return false }
            let number = unsafe key.big(2, ReservationNumber.self)
            guard record.count > 1, let state = unsafe ReservationState(rawValue: record[1]), isWanted(number, state)
            else { return try body(number, nil) }
            guard let reservation = unsafe ReservationReader.read(record, key: key) else {
                throw unsafe damaged(key, in: .reservations)
            }
            return try body(number, reservation)
        }
    }

    /// The holds of a position, the next to expire first; until `body` says false.
    public borrowing func forEachHold(
        tenant: TenantNumber, sku: String, location: LocationNumber,
        _ body: (HoldRow) throws(LedgerError) -> Bool
    ) throws(LedgerError) {
        let prefix = KeyBuffer.holds(tenant: tenant, sku: sku, location: location)
        unsafe try scan(.positions, from: prefix.bytes, descending: false) { key, record throws(LedgerError) in
            guard unsafe key.starts(with: prefix.bytes) else { return false }
            guard let row = unsafe HoldRow(record, key: key) else { throw unsafe damaged(key, in: .positions) }
            return try body(row)
        }
    }

    /// The numbers of all reservations that are not settled: open, or with something left at an ERP. In order.
    public borrowing func unsettled(tenant: TenantNumber) throws(LedgerError) -> [ReservationNumber] {
        var numbers: [ReservationNumber] = []
        let start = KeyBuffer.reservation(tenant: tenant, number: nil)
        unsafe try scan(.unsettled, from: start.bytes, descending: false) { key, _ throws(LedgerError) in
            guard key.count == 10, unsafe key.big(0, TenantNumber.self) == tenant else { return false }
            unsafe numbers.append(key.big(2, ReservationNumber.self))
            return true
        }
        return numbers
    }

    /// The next of them behind a number, at most `limit`; fewer only when they are the last.
    public borrowing func unsettled(
        tenant: TenantNumber, after: ReservationNumber, limit: Int
    ) throws(LedgerError) -> [ReservationNumber] {
        var numbers: [ReservationNumber] = []
        let start = KeyBuffer.reservation(tenant: tenant, number: after == .max ? after : after + 1)
        unsafe try scan(.unsettled, from: start.bytes, descending: false) { key, _ throws(LedgerError) in
            guard key.count == 10, unsafe key.big(0, TenantNumber.self) == tenant else { return false }
            unsafe numbers.append(key.big(2, ReservationNumber.self))
            return numbers.count < limit
        }
        return numbers
    }

    /// What is remembered of a request; nil when it is new or pruned.
    public borrowing func request(
        tenant: TenantNumber, channel: ChannelNumber, method: RequestMethod, id: String
    ) throws(LedgerError) -> RequestRecord? {
        let key = KeyBuffer.requestID(tenant: tenant, channel: channel, method: method, id: id)
        guard let record = unsafe try record(key.bytes, in: .requestIDs) else { return nil }
        guard let request = unsafe RequestRecord(record, key: key.bytes) else {
            throw unsafe damaged(key.bytes, in: .requestIDs)
        }
        return request
    }

    /// The change log in order, those up to `after` left out; until `body` says false.
    public borrowing func forEachChange(
        tenant: TenantNumber, after: UInt64 = 0, _ body: (LedgerChange) throws(LedgerError) -> Bool
    ) throws(LedgerError) {
        let start = KeyBuffer.change(tenant: tenant, sequence: after == .max ? after : after + 1)
        unsafe try scan(.changes, from: start.bytes, descending: false) { key, record throws(LedgerError) in
            guard key.count == 10, unsafe key.big(0, TenantNumber.self) == tenant else { return false }
            guard let change = unsafe LedgerChange(record, key: key) else {
                throw unsafe damaged(key, in: .changes)
            }
            return try body(change)
        }
    }
}
