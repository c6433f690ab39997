public import Inventory
internal import LMDB
internal import Synchronization

extension WriteBatch {
    /// Stores a reservation in place of `old`, its former self; nil for a new one.
    public mutating func setReservation(
        _ reservation: Reservation, replacing old: Reservation?, tenant: TenantNumber
    ) throws(LedgerError) {
        let key = KeyBuffer.reservation(tenant: tenant, number: reservation.number)
        let count = ReservationRecord.bytes(of: reservation)
        func fill(_ record: UnsafeMutableRawBufferPointer) {
            unsafe ReservationRecord.encode(reservation, into: record, key: key.bytes)
        }
        if old == nil {
            unsafe try append(key.bytes, reserving: count, in: .reservations, fill: fill)
        } else {
            unsafe try put(key.bytes, reserving: count, in: .reservations, fill: fill)
        }
        try noteUnsettled(reservation, was: old.map { !$0.isSettled } ?? false, key: key)
        if old == nil { state.reservations += 1 }
        let wasOpen = old.map { !$0.state.isTerminal } ?? false
        switch (wasOpen, !reservation.state.isTerminal) {
        case (false, true): state.openReservations += 1
        case (true, false): state.openReservations -= 1
        case (true, true), (false, false): break
        }
    }

    private mutating func noteUnsettled(
        _ reservation: Reservation, was wasUnsettled: Bool, key: borrowing KeyBuffer
    ) throws(LedgerError) {
        if wasUnsettled == !reservation.isSettled { return }
        if wasUnsettled {
            _ = unsafe try delete(key.bytes, in: .unsettled)
        } else {
            unsafe try append(key.bytes, reserving: RecordHeader.bytes, in: .unsettled) { record in
                unsafe RecordHeader.seal(record, key: key.bytes)
            }
        }
    }

    /// Stores a line's row, new or changed.
    public mutating func setHold(_ row: HoldRow, tenant: TenantNumber) throws(LedgerError) {
        let key = KeyBuffer.hold(row, tenant: tenant)
        let isNew = unsafe try upsert(key.bytes, reserving: row.bytes, in: .positions) { record in
            unsafe row.encode(into: record, key: key.bytes)
        }
        if isNew { state.holds += 1 }
    }

    /// False when there was none.
    @discardableResult
    public mutating func deleteHold(_ row: HoldRow, tenant: TenantNumber) throws(LedgerError) -> Bool {
        let key = KeyBuffer.hold(row, tenant: tenant)
        guard unsafe try delete(key.bytes, in: .positions) else { return false }
        state.holds -= 1
        return true
    }

    /// Remembers a new request.
    public mutating func addRequest(
        _ request: RequestRecord, tenant: TenantNumber, channel: ChannelNumber, method: RequestMethod, id: String
    ) throws(LedgerError) {
        let key = KeyBuffer.requestID(tenant: tenant, channel: channel, method: method, id: id)
        // One that is forgotten and was not met by the hand yet is replaced.
        let isNew = unsafe try upsert(key.bytes, reserving: RequestRecord.bytes, in: .requestIDs) { record in
            unsafe request.encode(into: record, key: key.bytes)
        }
        if isNew { state.requestIDs += 1 }
    }

    /// Appends to the change log.
    public mutating func addChange(_ change: LedgerChange, tenant: TenantNumber) throws(LedgerError) {
        let key = KeyBuffer.change(tenant: tenant, sequence: change.sequence)
        unsafe try append(key.bytes, reserving: change.bytes, in: .changes) { record in
            unsafe change.encode(into: record, key: key.bytes)
        }
    }

    // MARK: Pruning

    /// Forgets changes before a time, the oldest first, at most `limit`.
    public mutating func pruneChanges(
        tenant: TenantNumber, before nanoseconds: WallNanoseconds, limit: Int
    ) throws(LedgerError) {
        let start = KeyBuffer.change(tenant: tenant, sequence: nil)
        do throws(LMDBError) {
            var cursor = try transaction.openCursor(ledger.database(.changes))
            var entry = unsafe try cursor.seek(atOrAfter: start.bytes)
            var count = 0
            while count < limit, let found = unsafe entry, unsafe found.key.starts(with: start.bytes) {
                guard let change = unsafe LedgerChange(found.value, key: found.key),
                    change.timeNanoseconds < nanoseconds
                else { return }
                try cursor.delete()
                state.changesPrunedThrough = change.sequence
                count += 1
                unsafe entry = try cursor.next()
            }
        } catch { throw LedgerError(error) }
    }

    /// Looks at the next `count` reservations and request ids from where the last call stopped, wrapping round, and
    /// forgets those that are over and older than a time. Called with every commit and a count above the number that a
    /// commit adds, it bounds both trees. A damaged record is passed over.
    public mutating func pruneReservations(
        tenant: TenantNumber, visiting count: Int, before nanoseconds: WallNanoseconds
    ) throws(LedgerError) {
        let reservations = unsafe try prune(.reservations, visiting: count) { key, record in
            // How long another tenant keeps what is its own is not known here. Most are told by their first bytes.
            guard key.count > 2, unsafe key.big(0, TenantNumber.self) == tenant, record.count > 1,
                let state = unsafe ReservationState(rawValue: record[1]), state.isTerminal,
                let reservation = unsafe ReservationReader.read(record, key: key)
            else { return false }
            return reservation.isSettled && (reservation.history.last?.timeNanoseconds ?? 0) < nanoseconds
        }
        let requests = unsafe try prune(.requestIDs, visiting: count) { key, record in
            guard key.count > 2, unsafe key.big(0, TenantNumber.self) == tenant,
                let request = unsafe RequestRecord(record, key: key)
            else { return false }
            return request.timeNanoseconds < nanoseconds
        }
        state.reservations -= UInt64(reservations)
        state.requestIDs -= UInt64(requests)
    }
}
