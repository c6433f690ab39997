internal import Inventory
internal import Ledger

/// Positions that are split by lot. The position's row is the whole and each lot has a row and a time line of its own, so that
/// readers of the whole never look for lots; what belongs to none has the time line beside the position. Where figures
/// without a lot include the lots (`LotMode.included`) that time line is the whole's, and what moves a lot moves both.
extension GroupWork {
    static let noRoom = EventRejection(
        .outOfRange, "lot: at most \(Limits.lotsPerPositionMax) are kept of one position")

    /// The lot of a position as it stands, new if need be; without a lot the position itself.
    func part(
        _ lot: String, of position: Position, _ sku: String, at location: LocationNumber
    ) throws(LedgerError) -> Position {
        if lot.isEmpty { return position }
        return try batch.lot(tenant: figures, sku: sku, location: location, lot: lot) ?? Position(newLotOf: position)
    }

    /// Whether a lot has its place at a position or can get one. For a new one, those that are empty and of which nothing
    /// within the horizon is known are forgotten; what is too old for them becomes too old for the position.
    mutating func hasRoom(
        for lot: String, _ sku: String, at location: LocationNumber
    ) throws(LedgerError) -> Bool {
        if lot.isEmpty { return true }
        if try batch.lot(tenant: figures, sku: sku, location: location, lot: lot) != nil { return true }
        guard var position = try batch.position(tenant: figures, sku: sku, location: location), position.isSplit else {
            return true
        }
        var count = 0
        var empty: [(lot: String, prunedThroughPrimary: Int64)] = []
        try batch.forEachLot(tenant: figures, sku: sku, location: location) { lot, part throws(LedgerError) in
            count += 1
            if part.isEmpty { empty.append((lot, part.prunedThroughPrimary)) }
            return true
        }
        for (lot, prunedThroughPrimary) in empty {
            var hasJournal = false
            try batch.forEachJournalEntry(
                tenant: figures, sku: sku, location: location, lot: lot
            ) { _ throws(LedgerError) in
                hasJournal = true
                return false
            }
            if hasJournal { continue }
            try batch.deleteLot(tenant: figures, sku: sku, location: location, lot: lot)
            count -= 1
            guard prunedThroughPrimary > position.prunedThroughPrimary else { continue }
            position.prunedThroughPrimary = prunedThroughPrimary
            try batch.setPosition(position, tenant: figures, sku: sku, location: location)
        }
        return count < Limits.lotsPerPositionMax
    }

    // MARK: Events

    /// An ERP's reading knows no lots: beside a position's lots its figure would count them again. Nil: it does not.
    func lotRefusal(of accepted: AcceptedEvent, _ incoming: IncomingEvent) throws(LedgerError) -> EventRejection? {
        guard incoming.contentType == .erpReading, let location = accepted.stock?.location,
            catalogue.directory.lotMode(at: location) == .separate,
            try batch.position(tenant: figures, sku: incoming.event.sku, location: location)?.isSplit == true
        else { return nil }
        return EventRejection(
            .lotNotSupported,
            "lot: the position is split by lot and the reading is not; source \(incoming.event.source) needs lots: included "
                + "and must own on_hand there")
    }

    /// Remembers whether an ERP's reading is the figure of what belongs to no lot. It stays so until somebody else tells it.
    func noteReading(
        _ entry: JournalEntry, of event: InventoryEvent, isReading: Bool, in position: inout Position
    ) {
        guard event.lot.isEmpty, entry.effect.isAbsolute, entry.effect.touched.contains(.onHand) else { return }
        if isReading {
            position.isRead = !position.isSplit
        } else if entry.key.primary >= position.newestAbsolutePrimary {
            position.isRead = false
        }
    }

    /// The first of a position's lots was told, and beside lots an ERP's reading counts as little if it came before them as if
    /// it comes after them (`lotRefusal`): its figure becomes 0, with all differences since.
    mutating func leaveOutReading(_ sku: String, at location: LocationNumber) throws(LedgerError) {
        guard var position = try batch.position(tenant: figures, sku: sku, location: location), position.isRead,
            position.isSplit, catalogue.directory.lotMode(at: location) == .separate
        else { return }
        let (shortfall, contained) = (position.shortfall, position.contained)
        let lots = try sumOfLots(sku, at: location)
        journalPlace = (sku, location, "")
        // Nil: it lies behind the horizon, so that nothing but the stock is known to be its own.
        let (reading, since) = try newestFigure(of: .onHand)
        position.buckets[.onHand] = lots[.onHand] + min(position.buckets[.onHand] - lots[.onHand], since)
        if var reading {
            reading.effect.values[.onHand] = 0
            try put(reading)
            var (figure, since) = try newestFigure(of: .allocated)
            if figure?.key.source == reading.key.source {
                position.buckets[.allocated] = lots[.allocated] + since
                figure?.effect.values[.allocated] = 0
                if let figure { try put(figure) }
            }
        }
        position.isRead = false
        position.sequence = batch.nextSequence()
        try batch.setPosition(position, tenant: figures, sku: sku, location: location)
        try noteShortfall(of: position, before: shortfall, sku: sku, location: location)
        show(position, sku: sku, location: location)
        if !isBeside, contained != 0 {
            try setContained([:], sku: sku, location: location, lot: "", before: contained)
        }
        lotRemark = "LOT_NOT_SUPPORTED: what an ERP that knows no lots told of the position does not count beside them"
    }

    /// The newest figure of a bucket in the journal at work, and the differences after it.
    private mutating func newestFigure(of bucket: Bucket) throws(LedgerError) -> (JournalEntry?, since: Int64) {
        var figure: JournalEntry?
        var since: Int64 = 0
        try forEachEntry(after: .lowest) { entry in
            guard entry.effect.touched.contains(bucket) else { return true }
            if entry.effect.isAbsolute { (figure, since) = (entry, 0) } else { since += entry.effect.values[bucket] }
            return true
        }
        return (figure, since)
    }

    /// Puts an entry in its place on the time line of the part that its event is about, and has the whole follow.
    mutating func place(
        _ entry: JournalEntry, of event: InventoryEvent, source: SourceNumber, at location: LocationNumber,
        in position: inout Position
    ) throws(LedgerError) -> EventPlacement {
        let time = event.occurredAtNanoseconds
        let areIncluded = catalogue.directory.lotMode(at: location) == .included
        guard event.lot.isEmpty else {
            return try placeInLot(entry, of: event, source: source, at: location, in: &position, areIncluded)
        }
        if entry.effect.touched.isEmpty {
            position.see(source: source, occurredAtNanoseconds: time)
            return .applied
        }
        journalPlace = (event.sku, location, "")
        // A difference moves the whole by as much as the part, so only a figure needs to know the part.
        guard position.isSplit, entry.effect.isAbsolute, !areIncluded else {
            return try position.apply(entry, source: source, occurredAtNanoseconds: time, journal: &self)
        }
        let lots = try sumOfLots(event.sku, at: location)
        position.buckets = position.buckets - lots
        let placement = try position.apply(
            entry, source: source, occurredAtNanoseconds: time, journal: &self, fits: { ($0 + lots).isInRange })
        position.buckets = position.buckets + lots
        return placement
    }

    private mutating func placeInLot(
        _ entry: JournalEntry, of event: InventoryEvent, source: SourceNumber, at location: LocationNumber,
        in position: inout Position, _ areIncluded: Bool
    ) throws(LedgerError) -> EventPlacement {
        var lot = try part(event.lot, of: position, event.sku, at: location)
        let time = event.occurredAtNanoseconds
        var placement = EventPlacement.applied
        if entry.effect.touched.isEmpty {
            lot.see(source: source, occurredAtNanoseconds: time)
        } else if areIncluded && !entry.effect.isAbsolute {
            if entry.key.primary <= lot.prunedThroughPrimary { return .tooOld }
            journalPlace = (event.sku, location, "")
            let ofWhole = try position.apply(entry, source: source, occurredAtNanoseconds: time, journal: &self)
            guard ofWhole == .applied || ofWhole == .superseded else { return ofWhole }
            journalPlace = (event.sku, location, event.lot)
            placement = try lot.apply(entry, source: source, occurredAtNanoseconds: time, journal: &self)
            if placement == .outOfRange, ofWhole == .applied {
                journalPlace = (event.sku, location, "")
                try remove(entry.key)
            }
            if placement == .superseded { placement = ofWhole }
        } else {
            let others = areIncluded ? Buckets() : position.buckets - lot.buckets
            journalPlace = (event.sku, location, event.lot)
            placement = try lot.apply(
                entry, source: source, occurredAtNanoseconds: time, journal: &self, fits: { (others + $0).isInRange })
            if !areIncluded { position.buckets = others + lot.buckets }
        }
        guard placement == .applied || placement == .superseded else { return placement }
        if entry.effect.isAbsolute, entry.effect.touched.contains(.allocated) { lot.tellsAllocated = true }
        journalPlace = (event.sku, location, event.lot)
        if !entry.effect.touched.isEmpty { try prune(&lot, by: event.source) }
        position.see(source: source, occurredAtNanoseconds: time)
        try store(lot, event.lot, of: &position, event.sku, at: location)
        return placement
    }

    /// With the sequence that the position gets right after it.
    private mutating func store(
        _ part: Position, _ lot: String, of position: inout Position, _ sku: String, at location: LocationNumber
    ) throws(LedgerError) {
        var part = part
        part.sequence = batch.state.sequence + 1
        position.isSplit = true
        try batch.setLot(part, tenant: figures, sku: sku, location: location, lot: lot)
    }

    private func sumOfLots(_ sku: String, at location: LocationNumber) throws(LedgerError) -> Buckets {
        var sum = Buckets()
        try batch.forEachLot(tenant: figures, sku: sku, location: location) { _, part throws(LedgerError) in
            sum = sum + part.buckets
            return true
        }
        return sum
    }

    /// Changes what one event does to one bucket of a lot, and has the whole follow. What is not done changed nothing.
    mutating func amend(
        _ lot: String, of position: inout Position, _ sku: String, at location: LocationNumber, _ key: OrderKey,
        _ bucket: Bucket, by difference: Int64
    ) throws(LedgerError) -> Amendment {
        var part = try part(lot, of: position, sku, at: location)
        let areIncluded = catalogue.directory.lotMode(at: location) == .included
        if areIncluded {
            if key.primary <= part.prunedThroughPrimary { return .tooOld }
            journalPlace = (sku, location, "")
            let ofWhole = try position.amend(key, bucket, by: difference, journal: &self)
            guard ofWhole == .done else { return ofWhole }
        }
        let before = part.buckets
        journalPlace = (sku, location, lot)
        let amendment = try part.amend(key, bucket, by: difference, journal: &self)
        if !areIncluded { position.buckets = position.buckets - before + part.buckets }
        guard amendment == .done, areIncluded || position.buckets.isInRange else {
            journalPlace = (sku, location, areIncluded ? "" : lot)
            if areIncluded {
                _ = try position.amend(key, bucket, by: -difference, journal: &self)
            } else if amendment == .done {
                _ = try part.amend(key, bucket, by: -difference, journal: &self)
            }
            return amendment == .done ? .outOfRange : amendment
        }
        try store(part, lot, of: &position, sku, at: location)
        return .done
    }

    // MARK: Holds

    /// A hold on a lot is held of the lot as well.
    mutating func moveHold(
        inLotOf line: ReservationLine, of position: inout Position, reserved: Int64, releasing: Int64
    ) throws(LedgerError) {
        guard !line.lot.isEmpty, reserved != 0 || releasing != 0 else { return }
        let known = try batch.lot(tenant: figures, sku: line.sku, location: line.location, lot: line.lot)
        // What is being made may have to hold what it was not told of yet.
        guard var lot = known ?? (isBeside ? Position(newLotOf: position) : nil) else {
            throw .invariant("lot \(line.lot) of \(line.sku) has holds at location \(line.location) and is not there")
        }
        lot.buckets[.reserved] += reserved
        lot.buckets[.releasing] += releasing
        if reserved > 0, !isBeside, lot.sellable < 0 {
            throw .invariant(
                "a grant of lot \(line.lot) of \(line.sku) at location \(line.location) would leave \(lot.sellable)")
        }
        lot.sequence = position.sequence
        position.isSplit = true
        try batch.setLot(lot, tenant: figures, sku: line.sku, location: line.location, lot: line.lot)
    }

    /// Takes the holds that a figure contains out of it. Nil: the figure is not the newest, or does not say which holds the
    /// position's figures contain. Only the newest says so: of a late one that is in doubt, and what is in doubt is
    /// subtracted. Where the whole has a figure of its own, it is that one's to say.
    mutating func takeContained(
        out entry: inout JournalEntry, _ event: InventoryEvent, at location: LocationNumber, _ position: Position
    ) throws(LedgerError) -> [ContainedLine: Int64]? {
        guard entry.effect.isAbsolute, entry.effect.touched.contains(.allocated) else { return nil }
        if isBeside {
            if !event.contains.isEmpty { try allocateAsRunning(&entry, event.sku, at: location, lot: event.lot) }
            return nil
        }
        journalPlace = (event.sku, location, event.lot)
        let part = try part(event.lot, of: position, event.sku, at: location)
        guard try isNewestFigure(entry.key, of: .allocated, at: part) else { return nil }
        let lines = try containedLines(event.contains, sku: event.sku, location: location, lot: event.lot)
        entry.effect.values[.allocated] -= lines.values.reduce(0, +)
        let isOfWhole = event.lot.isEmpty || catalogue.directory.lotMode(at: location) == .separate
        return isOfWhole ? lines : nil
    }

    /// Whether no figure beyond a place on the time line of a part sets the bucket.
    mutating func isNewestFigure(
        _ key: OrderKey, of bucket: Bucket, at part: Position
    ) throws(LedgerError) -> Bool {
        guard key.primary <= part.newestAbsolutePrimary else { return true }
        var isNewest = true
        try forEachEntry(after: key) { entry in
            if entry.effect.isAbsolute, entry.effect.touched.contains(bucket) { isNewest = false }
            return isNewest
        }
        return isNewest
    }

    /// Whether a figure of what is allocated, of a lot or without one, is about what is allocated of a held lot: without a lot
    /// it is, unless it leaves out the lots and that lot has a figure of its own.
    func tells(
        figureOf lot: String, whatIsAllocatedOf held: String, _ sku: String, at location: LocationNumber
    ) throws(LedgerError) -> Bool {
        guard lot.isEmpty else { return lot == held }
        if held.isEmpty || catalogue.directory.lotMode(at: location) == .included { return true }
        let part = try batch.lot(tenant: figures, sku: sku, location: location, lot: held)
        return part?.tellsAllocated != true
    }
}
