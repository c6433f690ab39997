internal import Inventory
internal import LMDB

extension Ledger {
    /// Walks every record of the last commit: order and shape of keys, checksums, journal entries under their position,
    /// counters against a recount. Any thread; pins its snapshot until it returns. Domain rules are not its concern.
    ///
    /// `progress` hears every 65,536 records how many of all are done.
    public func verify(
        progress: (_ done: UInt64, _ total: UInt64) -> Void = { _, _ in }
    ) throws(LedgerError) -> VerificationReport {
        let reader = try makeReader()
        try reader.renew()
        var total: UInt64 = 0
        for tree in Tree.allCases { total += UInt64(try reader.statistics(of: database(tree)).entries) }
        var verification = Verification(reader: reader)
        try verification.findFigures()
        var done: UInt64 = 0
        for tree in Tree.allCases {
            try verification.walk(tree) {
                done += 1
                if done % 65_536 == 0 { progress(done, total) }
            }
        }
        verification.compareCounters()
        progress(done, total)
        return verification.report
    }
}

/// The state of one walk.
struct Verification {
    let reader: SnapshotReader
    var report = VerificationReport()
    private var previousKey: [UInt8] = []
    /// The key of the last position or lot that a journal entry was found to belong to.
    private var owner: [UInt8] = []
    /// What is held of each lot of one position, by the position's key.
    var lotHolds: (position: [UInt8], totals: [String: HoldTotals]) = ([], [:])
    /// Of figures that were made anew and answer, or are being made: whose they are.
    private var owners: [TenantNumber: TenantNumber] = [:]
    /// Figures that answer no more.
    private var retired: Set<TenantNumber> = []

    init(reader: SnapshotReader) {
        self.reader = reader
        report.sequence = reader.sequence
    }

    mutating func walk(_ tree: Tree, visited: () -> Void) throws(LedgerError) {
        previousKey = []
        owner = []
        unsafe try reader.scan(tree, from: UnsafeRawBufferPointer(start: nil, count: 0), descending: false) {
            key, record throws(LedgerError) in
            let isAfter = unsafe previousKey.withUnsafeBytes { unsafe $0.lexicographicallyPrecedes(key) }
            if !isAfter { unsafe report.note("\(describe(key, in: tree)) is out of order") }
            previousKey = unsafe [UInt8](key)
            unsafe try check(key, record, in: tree)
            visited()
            return true
        }
    }

    private mutating func check(_ key: UnsafeRawBufferPointer, _ record: UnsafeRawBufferPointer, in tree: Tree)
        throws(LedgerError)
    {
        let isRight =
            switch tree {
            case .meta: unsafe checkMeta(key, record)
            case .positions: unsafe try checkPosition(key, record)
            case .journal: unsafe try checkJournalEntry(key, record)
            case .lots: unsafe try checkLot(key, record)
            case .lotJournal: unsafe try checkLotJournalEntry(key, record)
            case .eventIDs:
                unsafe count(\.eventIDs, key.count > 4 && EventRecord(record, key: key) != nil)
            case .documents:
                unsafe count(\.documents, key.count >= 3 && RecordHeader.isIntact(record, key: key))
            case .names: unsafe checkName(key, record)
            case .pendingSequences:
                unsafe count(\.pendingSequences, PendingSequence(record, key: key) != nil)
            case .audit:
                unsafe count(\.auditEntries, key.count == 10 && RecordHeader.isIntact(record, key: key))
            case .deadLetters:
                unsafe try checkDeadLetter(key, record)
            case .deadLetterIDs:
                unsafe count(\.deadLetterIDs, key.count == 18 && deadLetterSequence(record, key: key) != nil)
            case .unsettled: unsafe checkUnsettled(key, record)
            case .reservations: unsafe try checkReservation(key, record)
            case .requestIDs: unsafe count(\.requestIDs, RequestRecord(record, key: key) != nil)
            case .references: unsafe count(\.references, ReferenceRecord.decode(record, key: key) != nil)
            case .variances:
                unsafe count(\.variances, key.count == 10 && RecordHeader.isIntact(record, key: key))
            case .openVariances: unsafe RecordHeader.isIntact(record, key: key)
            case .supplies: unsafe try checkSupply(key, record)
            case .changes: unsafe count(\.changes, LedgerChange(record, key: key) != nil)
            }
        if !isRight { unsafe report.note("\(describe(key, in: tree)) is damaged") }
    }

    private mutating func count(_ field: WritableKeyPath<VerificationReport, UInt64>, _ isRight: Bool) -> Bool {
        report[keyPath: field] += 1
        return isRight
    }

    private func checkMeta(_ key: UnsafeRawBufferPointer, _ record: UnsafeRawBufferPointer) -> Bool {
        switch unsafe String(decoding: key, as: UTF8.self) {
        case "identity": (try? unsafe LedgerIdentity(record)) != nil
        case "state": unsafe LedgerState(record, key: key) != nil
        default: unsafe Figures.tenant(ofKey: key) != nil && Figures(record, key: key) != nil
        }
    }

    /// Counters equal their recomputation from the holds.
    private mutating func checkPosition(
        _ key: UnsafeRawBufferPointer, _ record: UnsafeRawBufferPointer
    ) throws(LedgerError) -> Bool {
        if unsafe StockKey(key)?.isHold == true { return unsafe try checkHold(key, record) }
        report.positions += 1
        guard let stock = unsafe StockKey(key), unsafe stock.isPosition else { return false }
        guard let position = unsafe LentPosition(record, key: key)?.position else { return false }
        if position.shortfall > 0 { report.shortPositions += 1 }
        if unsafe isRetired(key) { return true }
        var holds = HoldTotals()
        var isFirst = true
        unsafe try reader.forEachHold(
            tenant: stock.tenant, sku: String(decoding: stock.sku, as: UTF8.self), location: stock.location
        ) { row throws(LedgerError) in
            holds.add(row)
            // A lot of which nothing is held may have been forgotten, though the row still waits for an ERP.
            if !row.lot.isEmpty, row.open != 0 || row.contained > row.open {
                let lot = unsafe KeyBuffer.lot(
                    tenant: stock.tenant, sku: row.sku, location: row.location, lot: row.lot)
                if unsafe try reader.record(lot.bytes, in: .lots) == nil {
                    holds.problem = "lot \(row.lot) is held and is not there"
                }
            }
            if isFirst,
                position.nextExpiryNanoseconds == 0
                    ? row.expireTimeNanoseconds != .max
                    : row.expireTimeNanoseconds < position.nextExpiryNanoseconds
            {
                holds.problem = "a hold expires before the position says"
            }
            isFirst = false
            return true
        }
        if let problem = holds.problem(of: position) {
            unsafe report.note("\(describe(key, in: .positions)): \(problem)")
        }
        return true
    }

    private func checkUnsettled(_ key: UnsafeRawBufferPointer, _ record: UnsafeRawBufferPointer) -> Bool {
        unsafe key.count == 10 && RecordHeader.isIntact(record, key: key)
    }

    /// A row and its reservation's line say the same.
    private mutating func checkHold(
        _ key: UnsafeRawBufferPointer, _ record: UnsafeRawBufferPointer
    ) throws(LedgerError) -> Bool {
        report.holds += 1
        guard let stock = unsafe StockKey(key), let row = unsafe HoldRow(record, key: key) else { return false }
        if unsafe isRetired(key) { return true }
        let reservation = unsafe try reader.reservation(row.number, tenant: owners[stock.tenant] ?? stock.tenant)
        let line = reservation?.lines.first { $0.id == row.lineID }
        let expected = reservation.flatMap { found in
            line.flatMap { HoldRow($0, of: found, channel: row.channel) }
        }
        if expected != row {
            unsafe report.note("\(describe(key, in: .positions)) is not what its reservation says")
        }
        return true
    }

    /// Every line that is not settled has its row, and the units of each add up.
    private mutating func checkReservation(
        _ key: UnsafeRawBufferPointer, _ record: UnsafeRawBufferPointer
    ) throws(LedgerError) -> Bool {
        report.reservations += 1
        guard let reservation = unsafe ReservationReader.read(record, key: key) else { return false }
        if !reservation.state.isTerminal { report.openReservations += 1 }
        if let problem = reservation.problem { unsafe report.note("\(describe(key, in: .reservations)): \(problem)") }
        let tenant = unsafe key.big(0, TenantNumber.self)
        let channel = try reader.number(of: reservation.channel, kind: .channel, tenant: tenant) ?? 0
        let isListed = unsafe try reader.record(key, in: .unsettled) != nil
        if isListed == reservation.isSettled {
            unsafe report.note("\(describe(key, in: .reservations)) is \(isListed ? "" : "not ")listed as unsettled")
        }
        let running = try reader.figures(of: tenant).running
        for line in reservation.lines {
            guard let row = HoldRow(line, of: reservation, channel: channel) else { continue }
            let rowKey = KeyBuffer.hold(row, tenant: running)
            if unsafe try reader.record(rowKey.bytes, in: .positions) == nil {
                unsafe report.note("\(describe(key, in: .reservations)): line \(line.id) has no row under its position")
            }
        }
        return true
    }

    /// Of a key that begins with a number of figures: whether they answer no more, and are being deleted row by row.
    func isRetired(_ key: UnsafeRawBufferPointer) -> Bool { unsafe retired.contains(key.big(0, TenantNumber.self)) }

    /// Tells the figures that are in use from those that are being deleted.
    mutating func findFigures() throws(LedgerError) {
        var numbers: Set<TenantNumber> = []
        var found: [TenantNumber: TenantNumber] = [:]
        do throws(LedgerError) {
            try reader.forEachName(kind: .tenant, tenant: 0) { number, name throws(LedgerError) in
                numbers.insert(number)
                guard !name.utf8.contains(1) else { return true }
                let figures = try reader.figures(of: number)
                found[figures.running] = number
                if let beside = figures.beside { found[beside] = number }
                return true
            }
        } catch {
            // The walk meets what is damaged and notes it.
            guard case .corrupt = error else { throw error }
        }
        owners = found
        retired = numbers.subtracting(found.keys)
    }

    private mutating func checkSupply(
        _ key: UnsafeRawBufferPointer, _ record: UnsafeRawBufferPointer
    ) throws(LedgerError) -> Bool {
        report.supplies += 1
        guard let stock = unsafe StockKey(key), unsafe !stock.isHold, unsafe !stock.rest.isEmpty else { return false }
        let position = unsafe UnsafeRawBufferPointer(rebasing: key[..<(key.count - stock.rest.count)])
        if unsafe !isRetired(key), unsafe try reader.record(position, in: .positions) == nil {
            unsafe report.note("\(describe(key, in: .supplies)) has no position")
        }
        return unsafe SupplyRecord.decode(record, key: key) != nil
    }

    /// Its digest leads to it.
    private mutating func checkDeadLetter(
        _ key: UnsafeRawBufferPointer, _ record: UnsafeRawBufferPointer
    ) throws(LedgerError) -> Bool {
        report.deadLetters += 1
        report.deadLetterBytes += UInt64(record.count)
        guard let letter = unsafe DeadLetter(record, key: key) else { return false }
        let idKey = KeyBuffer.deadLetterID(tenant: unsafe key.big(0, TenantNumber.self), digest: letter.digest)
        let idRecord = unsafe try reader.record(idKey.bytes, in: .deadLetterIDs)
        if unsafe idRecord.flatMap({ unsafe deadLetterSequence($0, key: idKey.bytes) }) != letter.sequence {
            unsafe report.note("\(describe(key, in: .deadLetters)) is not what its digest leads to")
        }
        return true
    }

    private mutating func checkJournalEntry(
        _ key: UnsafeRawBufferPointer, _ record: UnsafeRawBufferPointer
    ) throws(LedgerError) -> Bool {
        guard let stock = unsafe StockKey(key) else { return false }
        let position = unsafe UnsafeRawBufferPointer(rebasing: key[..<(key.count - stock.rest.count)])
        return unsafe try checkJournalEntry(key, record, of: position, in: .positions, order: OrderKey(stock.rest))
    }

    /// - Parameter part: the key of the position or lot that it belongs to.
    mutating func checkJournalEntry(
        _ key: UnsafeRawBufferPointer, _ record: UnsafeRawBufferPointer, of part: UnsafeRawBufferPointer, in tree: Tree,
        order: OrderKey?
    ) throws(LedgerError) -> Bool {
        report.journalEntries += 1
        guard let order else { return false }
        if unsafe !part.elementsEqual(owner) {
            if unsafe !isRetired(key), unsafe try reader.record(part, in: tree) == nil {
                let what = tree == .lots ? "lot" : "position"
                unsafe report.note("\(describe(key, in: tree == .lots ? .lotJournal : .journal)) has no \(what)")
            }
            owner = unsafe [UInt8](part)
        }
        return unsafe JournalRecord.decode(record, key: key, isAbsolute: order.isAbsolute) != nil
    }

    /// Name and number must point at each other.
    private mutating func checkName(_ key: UnsafeRawBufferPointer, _ record: UnsafeRawBufferPointer) -> Bool {
        guard key.count >= 5, let kind = NameKind(rawValue: unsafe key[0]),
            unsafe RecordHeader.isIntact(record, key: key)
        else { return false }
        let tenant = unsafe key.big(1, TenantNumber.self)
        if unsafe key[3] == 0 {
            report.names += 1
            let name = unsafe String(decoding: key.from(4), as: UTF8.self)
            let number = unsafe record.little(2, UInt16.self)
            return (try? reader.name(of: number, kind: kind, tenant: tenant)) == name
        }
        guard key.count == 6, unsafe key[3] == 1 else { return false }
        let name = unsafe String(decoding: record.from(RecordHeader.bytes), as: UTF8.self)
        let number = unsafe key.big(4, UInt16.self)
        return (try? reader.number(of: name, kind: kind, tenant: tenant)) == number
    }

    mutating func compareCounters() {
        let state = reader.state
        let pairs = [
            ("positions", state.positions, report.positions),
            ("journal entries", state.journalEntries, report.journalEntries),
            ("dead letters", state.deadLetters, report.deadLetters),
            ("dead letters", state.deadLetters, report.deadLetterIDs),
            ("bytes of dead letters", state.deadLetterBytes, report.deadLetterBytes),
            ("audit entries", state.auditEntries, report.auditEntries),
            ("reservations", state.reservations, report.reservations),
            ("open reservations", state.openReservations, report.openReservations),
            ("holds", state.holds, report.holds),
            ("request ids", state.requestIDs, report.requestIDs),
            ("short positions", state.shortPositions, report.shortPositions),
            ("references", state.references, report.references),
            ("variances", state.variances, report.variances),
            ("supplies", state.supplies, report.supplies),
            ("lots", state.lots, report.lots),
        ]
        for (name, stored, counted) in pairs where stored != counted {
            report.note("the counter of \(name) says \(stored), there are \(counted)")
        }
    }
}
