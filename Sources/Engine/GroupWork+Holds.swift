internal import HotTable
internal import Inventory
internal import Ledger

/// The one way a reservation changes: its record, its rows under their positions, the positions' counters and the change
/// log, all in the group's commit.
extension GroupWork {
    /// A reservation as the group has it; nil when there is none.
    mutating func reservation(_ number: ReservationNumber) throws(LedgerError) -> Reservation? {
        if let touched = touchedReservations[number] { return touched.new }
        return try batch.reservation(number, tenant: tenant)
    }

    /// When and for whom the command at work changes a reservation: takes the next sequence.
    mutating func moment(_ correlationID: String) -> ReservationMoment {
        ReservationMoment(
            ledgerNanoseconds: ledgerNanoseconds, sequence: batch.nextSequence(), correlationID: correlationID)
    }

    /// As `moment`, of the next sequence, which is taken only when something changes.
    func nextMoment(_ correlationID: String) -> ReservationMoment {
        ReservationMoment(
            ledgerNanoseconds: ledgerNanoseconds, sequence: batch.state.sequence + 1, correlationID: correlationID)
    }

    /// Stores a changed reservation in place of its former self.
    mutating func store(_ new: Reservation, replacing old: Reservation?) throws(LedgerError) {
        guard let last = new.history.last else { preconditionFailure("every change is in the history") }
        if let problem = new.problem { throw .invariant("reservation \(new.id): \(problem)") }
        let channel = try number(ofChannel: new.channel)
        try batch.setReservation(new, replacing: old, tenant: tenant)
        for line in new.lines {
            let former = old?.lines.first { $0.id == line.id }
            try moveHold(
                from: former.map { HoldChange($0, of: old ?? new, channel: channel) },
                to: HoldChange(line, of: new, channel: channel), of: new.number, channel: channel,
                sequence: last.sequence)
        }
        try batch.addChange(
            LedgerChange(
                sequence: last.sequence, timeNanoseconds: last.timeNanoseconds,
                subject: .reservation(new.number, channel: channel, cause: last.cause)), tenant: tenant)
        changesAdded += 1
        reservationsChanged += 1
        causes[last.cause, default: 0] += 1
        touchedReservations[new.number] = TouchedReservation(
            old: touchedReservations[new.number].map(\.old) ?? old, new: new)
        if !new.customer.isEmpty {
            customerChanges[ReservationIndex.CustomerKey(new), default: CustomerStanding()].move(from: old, to: new)
        }
        if let old, !old.state.isTerminal, new.state.isTerminal { try settleAllocations(of: new) }
    }

    /// Stores what of a reservation the figures contain, and what is looked for. Nothing that callers see has changed, so
    /// neither its version nor its history does.
    mutating func storeQuietly(_ new: Reservation, replacing old: Reservation) throws(LedgerError) {
        let channel = try number(ofChannel: new.channel)
        try batch.setReservation(new, replacing: old, tenant: tenant)
        let sequence = batch.nextSequence()
        for (former, line) in zip(old.lines, new.lines) where former != line {
            try moveHold(
                from: HoldChange(former, of: old, channel: channel), to: HoldChange(line, of: new, channel: channel),
                of: new.number, channel: channel, sequence: sequence)
        }
        touchedReservations[new.number] = TouchedReservation(
            old: touchedReservations[new.number].map(\.old) ?? old, new: new)
    }

    /// The lines at a position that a figure of it or of a lot names, with the units it contains. What is not known here, or is over and
    /// settled, stays in the figure: somebody else's, or ours for a moment more.
    mutating func containedLines(
        _ contains: [ContainedHold], sku: String, location: LocationNumber, lot: String
    ) throws(LedgerError) -> [ContainedLine: Int64] {
        var found: [ContainedLine: Int64] = [:]
        for hold in contains {
            guard let id = ReservationID.parse(hold.reservationID),
                var reservation = try reservation(id.number), reservation.epoch == id.epoch
            else { continue }
            // What has run out is no hold, whether or not its turn to end has come.
            if reservation.isDue(at: ledgerNanoseconds) { reservation.expire(erps: settings.erps, at: nextMoment("")) }
            var left = hold.quantity
            for line in reservation.lines
            where line.sku == sku && line.location == location && (hold.lineID == 0 || hold.lineID == line.id)
                && !line.isSettled && left > 0
            {
                guard try tells(figureOf: lot, whatIsAllocatedOf: line.lot, sku, at: location) else { continue }
                // Named twice, a line is still contained once.
                let place = ContainedLine(number: id.number, lineID: line.id)
                let units = min(left, line.quantity - found[place, default: 0])
                found[place, default: 0] += units
                left -= units
            }
        }
        return found
    }

    /// Has the lines at a position know what of them its figures contain now: those named, and no others.
    mutating func setContained(
        _ named: [ContainedLine: Int64], sku: String, location: LocationNumber, lot: String, before: Int64
    ) throws(LedgerError) {
        var wanted = named
        var unnamed: [HoldRow] = []
        if before != 0 {
            try batch.forEachHold(tenant: figures, sku: sku, location: location) { row throws(LedgerError) in
                let line = ContainedLine(number: row.number, lineID: row.lineID)
                if row.contained != 0, named[line] == nil { unnamed.append(row) }
                return true
            }
        }
        for row in unnamed where try tells(figureOf: lot, whatIsAllocatedOf: row.lot, sku, at: location) {
            wanted[ContainedLine(number: row.number, lineID: row.lineID)] = 0
        }
        for (place, units) in wanted.sorted(by: { ($0.key.number, $0.key.lineID) < ($1.key.number, $1.key.lineID) }) {
            guard let old = try reservation(place.number),
                let index = old.lines.firstIndex(where: { $0.id == place.lineID }),
                old.lines[index].contained != units
            else { continue }
            var new = old
            new.lines[index].contained = units
            try storeQuietly(new, replacing: old)
        }
    }

    /// One line's part in its position.
    private struct HoldChange {
        var line: ReservationLine
        var row: HoldRow?
        var channelID: String

        init(_ line: ReservationLine, of reservation: Reservation, channel: ChannelNumber) {
            self.line = line
            channelID = reservation.channel
            row = HoldRow(line, of: reservation, channel: channel)
        }
    }

    /// In the running figures, and in those being made once they have the reservation's holds.
    private mutating func moveHold(
        from old: HoldChange?, to new: HoldChange, of number: ReservationNumber, channel: ChannelNumber,
        sequence: UInt64
    ) throws(LedgerError) {
        try moveRow(from: old, to: new, channel: channel, sequence: sequence)
        guard beside != nil, let rebuild = catalogue.rebuild, number <= rebuild.holdsCopiedThrough else { return }
        try doBeside { work throws(LedgerError) in
            try work.moveRow(from: old, to: new, channel: channel, sequence: sequence)
        }
    }

    /// Puts the holds of a reservation beside the positions of the figures being made, which have none of them.
    mutating func copyHolds(of reservation: Reservation) throws(LedgerError) {
        let channel = try number(ofChannel: reservation.channel)
        let sequence = batch.nextSequence()
        try doBeside { work throws(LedgerError) in
            for line in reservation.lines {
                try work.moveRow(
                    from: nil, to: HoldChange(line, of: reservation, channel: channel), channel: channel,
                    sequence: sequence)
            }
        }
    }

    private mutating func moveRow(
        from old: HoldChange?, to new: HoldChange, channel: ChannelNumber, sequence: UInt64
    ) throws(LedgerError) {
        if old?.row != new.row {
            if let row = old?.row, row.expireTimeNanoseconds != new.row?.expireTimeNanoseconds {
                try batch.deleteHold(row, tenant: figures)
            }
            if let row = new.row { try batch.setHold(row, tenant: figures) }
        }
        let reserved = new.line.open - (old?.line.open ?? 0)
        let releasing = new.line.releasing - (old?.line.releasing ?? 0)
        let expiry = new.row.flatMap { $0.expireTimeNanoseconds == .max ? nil : $0.expireTimeNanoseconds }
        let isEarlier = expiry != nil && expiry != old?.row?.expireTimeNanoseconds
        let contained = new.line.contained - (old?.line.contained ?? 0)
        guard reserved != 0 || releasing != 0 || contained != 0 || isEarlier else { return }
        let line = new.line
        let known = try batch.position(tenant: figures, sku: line.sku, location: line.location)
        // What is being made may have to hold what it was not told of yet.
        guard var position = known ?? (isBeside ? Position() : nil) else {
            throw .invariant("\(line.sku) has holds at location \(line.location) and no position")
        }
        let shortfall = position.shortfall
        position.hold(reserved, for: channel)
        position.buckets[.releasing] += releasing
        position.contained += contained
        if reserved > 0, !isBeside { try checkGrant(position, line, channelID: new.channelID) }
        try updateExpiry(of: &position, line, expiry)
        position.sequence = sequence
        try moveHold(inLotOf: line, of: &position, reserved: reserved, releasing: releasing)
        try batch.setPosition(position, tenant: figures, sku: line.sku, location: line.location)
        try noteShortfall(of: position, before: shortfall, sku: line.sku, location: line.location)
        show(position, sku: line.sku, location: line.location)
    }

    /// Tells the table in memory, and those who watch, what became of a position.
    mutating func show(_ position: Position, sku: String, location: LocationNumber) {
        guard !isBeside else { return }
        changes?.append(HotTable.Change(sku: sku, location: location, figures: StockFigures(position)))
    }

    /// Tells those who watch when a position's stock sinks below its holds, or no longer is; at the end of the event at work.
    mutating func noteShortfall(
        of position: Position, before: Int64, sku: String, location: LocationNumber
    ) throws(LedgerError) {
        let place = StockPlace(sku: sku, location: location)
        let now = position.shortfall
        if isBeside {
            if (now == 0) != (before == 0) { batch.countShortPosition(now > 0) }
            return
        }
        guard shortfallsBefore != nil else { return try tellShortfall(now, before: before, at: place) }
        let first = shortfallsBefore?[place]?.units ?? before
        shortfallsBefore?[place] = ShortfallBefore(units: first, now: now)
    }

    private mutating func tellShortfall(
        _ now: Int64, before: Int64, at place: StockPlace
    ) throws(LedgerError) {
        guard now != before else { return }
        if (now == 0) != (before == 0) { batch.countShortPosition(now > 0) }
        try tell(now, at: place)
    }

    /// Has those who watch reservations hear of a shortfall.
    mutating func tell(_ now: Int64, at place: StockPlace) throws(LedgerError) {
        try batch.addChange(
            LedgerChange(
                sequence: batch.nextSequence(), timeNanoseconds: ledgerNanoseconds,
                subject: .shortfall(now, sku: place.sku, location: place.location)), tenant: tenant)
        changesAdded += 1
        hasShortfallChanged = true
    }

    /// The event at work is done: tells of the shortfalls it leaves.
    mutating func settleShortfalls() throws(LedgerError) {
        let noted = shortfallsBefore ?? [:]
        shortfallsBefore = nil
        for (place, shortfall) in noted.sorted(by: { ($0.key.sku, $0.key.location) < ($1.key.sku, $1.key.location) }) {
            try tellShortfall(shortfall.now, before: shortfall.units, at: place)
        }
    }

    /// The promise itself, checked once more where it is written: what is held is there.
    private func checkGrant(
        _ position: Position, _ line: ReservationLine, channelID: String
    ) throws(LedgerError) {
        let compiled = catalogue.channels[channelID]?.compiled
        var sku = line.sku
        let terms = sku.withUTF8 { compiled?.terms(sku: UnsafeRawBufferPointer($0), location: line.location) }
        guard position.sellable + (terms?.allowedOversell ?? 0) < 0 else { return }
        throw .invariant("a grant of \(line.sku) at location \(line.location) would leave \(position.sellable)")
    }

    /// Keeps the bound a bound. Once it has passed it is made exact again, from the first row.
    private func updateExpiry(
        of position: inout Position, _ line: ReservationLine, _ expiry: WallNanoseconds?
    ) throws(LedgerError) {
        if position.channelHolds.isEmpty { return position.nextExpiryNanoseconds = 0 }
        if let expiry, position.nextExpiryNanoseconds == 0 || expiry < position.nextExpiryNanoseconds {
            position.nextExpiryNanoseconds = expiry
        }
        guard position.nextExpiryNanoseconds != 0, position.nextExpiryNanoseconds <= ledgerNanoseconds else { return }
        var next: WallNanoseconds = 0
        try batch.forEachHold(tenant: figures, sku: line.sku, location: line.location) { row throws(LedgerError) in
            if row.expireTimeNanoseconds != .max { next = row.expireTimeNanoseconds }
            return false
        }
        position.nextExpiryNanoseconds = next
    }

    /// The number of a channel, new for one that never held anything.
    mutating func number(ofChannel id: String) throws(LedgerError) -> ChannelNumber {
        if let known = catalogue.channelNumbers[id] { return known }
        let number = try batch.intern(id, kind: .channel, tenant: tenant)
        catalogue.channelNumbers[id] = number
        return number
    }

    // MARK: Expiry

    /// Ends what is due; one that was extended or ended meanwhile is passed over. Returns the first that cannot be ended, since a
    /// record is damaged: half of its change may be in the batch, which must be dropped.
    mutating func expire(_ due: [Expiry]) throws(LedgerError) -> Expiry? {
        for entry in due {
            do throws(LedgerError) {
                guard let reservation = try reservation(entry.number) else { continue }
                _ = try expireIfDue(reservation)
            } catch {
                guard case .corrupt = error else { throw error }
                return entry
            }
        }
        return nil
    }

    /// The reservation as it stands now: expired, when its time has run out.
    mutating func expireIfDue(_ reservation: Reservation) throws(LedgerError) -> Reservation {
        guard reservation.isDue(at: ledgerNanoseconds) else { return reservation }
        var expired = reservation
        expired.expire(erps: settings.erps, at: moment(""))
        try store(expired, replacing: reservation)
        return expired
    }

    /// Ends what has run out at one position, so that its counters say what is held now.
    mutating func expireHolds(sku: String, location: LocationNumber) throws(LedgerError) {
        let now = ledgerNanoseconds
        var due: [ReservationNumber] = []
        try batch.forEachHold(tenant: figures, sku: sku, location: location) { row throws(LedgerError) in
            guard row.expireTimeNanoseconds <= now else { return false }
            due.append(row.number)
            return true
        }
        for number in due {
            guard let reservation = try reservation(number) else { continue }
            _ = try expireIfDue(reservation)
        }
    }
}

/// A position, by its names.
struct StockPlace: Hashable {
    var sku: String
    var location: LocationNumber
}

/// A position's shortfall before an event and as its changes so far leave it.
struct ShortfallBefore {
    var units: Int64
    var now: Int64
}

/// A line of a reservation, by its number.
struct ContainedLine: Hashable {
    var number: ReservationNumber
    var lineID: UInt32
}

/// A reservation before and after a group.
struct TouchedReservation {
    let old: Reservation?
    var new: Reservation
}
