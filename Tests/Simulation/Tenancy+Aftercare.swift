import Engine
import Inventory
import Ledger

/// The people who look after the ledger: they try dead letters again or give them up, compare it with an ERP and repair it.
extension Tenancy {
    private static let looker = "simulator"

    // MARK: Dead letters

    /// Some are tried again or given up, now and then; more often where there is little room.
    func letterWish(_ chance: inout Chance) throws(Violation) -> EngineCommand? {
        guard chance.oneIn(model.letters.mayOverflow(by: 3) ? 2 : 8) else { return nil }
        var ids: [(id: String, key: LetterBook.Key)] = []
        try look { view throws(LedgerError) in
            try view.forEachDeadLetter(after: 0) { letter throws(LedgerError) in
                let key = LetterBook.Key(source: letter.source, eventID: letter.eventID, original: letter.original)
                ids.append((letter.id, key))
                return true
            }
        }
        guard !ids.isEmpty else { return nil }
        let kind: DeadLetterWish.Kind = chance.oneIn(3) ? .discard : .replay
        var letters: [DeadLetterWish.Letter] = []
        for _ in 0..<(1 + chance.below(3)) {
            let (id, key) = chance.pick(ids)
            model.letters.seen[id] = key
            let incoming = model.letters.letters[key].map { mended($0.incoming, &chance) }
            let isUnreadable = kind == .discard || chance.oneIn(12)
            letters.append(.init(id: id, incoming: isUnreadable ? nil : incoming))
        }
        if chance.oneIn(10) { letters.append(.init(id: "7v-1")) }
        return .dealWithDeadLetters(
            tenant: engine.tenantNumber,
            DeadLetterWish(kind: kind, letters: letters, actor: Self.looker, reason: "mended", requestID: ""))
    }

    /// As its original bytes are read by a map that knows the location now; what came too early may be in time by now.
    private func mended(_ incoming: IncomingEvent, _ chance: inout Chance) -> IncomingEvent {
        var event = incoming.event
        if event.location == WorldTerms.unknownLocation, !chance.oneIn(4) {
            event.location = chance.pick(WorldTerms.locationNames)
        }
        return IncomingEvent(event: event, original: incoming.original)
    }

    // MARK: Reconciliation

    /// To be put at the head of a group, so that it is known what a comparison and its repairs meet.
    func reconciliation(_ time: EngineTime, _ chance: inout Chance) throws(Violation) -> [EngineCommand] {
        var commands: [EngineCommand] = []
        if chance.oneIn(8), let repair = try repair(&chance) { commands.append(repair) }
        if chance.oneIn(6), let comparison = try comparison(time, &chance) { commands.append(comparison) }
        return commands
    }

    private func comparison(_ time: EngineTime, _ chance: inout Chance) throws(Violation) -> EngineCommand? {
        guard let request = model.variances.running, let running = model.variances.comparisons[request] else {
            let number = model.variances.comparisons.count
            // Somebody asks twice now and then.
            let request = chance.oneIn(5) ? max(0, number - 1) : number
            let record = Reconciliation(
                id: "c-\(100_000 + request)", requestID: "r\(request)", erp: "able",
                createTimeNanoseconds: time.wallNanoseconds, actor: Self.looker, reason: "")
            return .reconcile(tenant: engine.tenantNumber, .start(record))
        }
        var figures: [ErpPosition] = []
        for _ in 0..<(1 + chance.below(4)) {
            // Those that differed before are worth another look.
            let again = model.variances.open.keys.map(\.place).sorted { ($0.sku, $0.location) < ($1.sku, $1.location) }
            let place =
                again.isEmpty || chance.oneIn(2)
                ? Place(sku: chance.pick(WorldTerms.skus), location: LocationNumber(1 + chance.below(3)))
                : chance.pick(again)
            guard !figures.contains(where: { $0.sku == place.sku && $0.location == terms.locations[place.location] })
            else { continue }
            figures.append(figure(of: place, &chance))
        }
        try noteEnds(of: figures.map(\.sku))
        let page = ComparisonPage(
            reconciliationID: running.id, figures: figures, askedWallNanoseconds: time.wallNanoseconds,
            askedLedgerNanoseconds: time.ledgerNanoseconds, askedSequence: 0, cursor: figures.last?.sku ?? "",
            end: chance.oneIn(10) ? chance.pick([.succeeded, .failed]) : nil)
        return .reconcile(tenant: engine.tenantNumber, .compare(page))
    }

    /// What the ERP says of a place: mostly what we have, with some of our holds in it.
    private func figure(of place: Place, _ chance: inout Chance) -> ErpPosition {
        let contains = chance.oneIn(2) ? [] : caller.holds(at: place, model, &chance)
        guard let ours = model.stock[place]?.values else {
            // A place that only a repair ever told of would be unknown to figures made anew.
            return ErpPosition(
                sku: place.sku, location: terms.locations[place.location] ?? "", onHand: 0, allocated: 0, contains: [])
        }
        let allocated = ours[.allocated] + model.contained(in: contains, lot: "", at: place)
        return ErpPosition(
            sku: place.sku, location: terms.locations[place.location] ?? "",
            onHand: ours[.onHand] + chance.pick([0, 0, 0, -3, 2]),
            allocated: allocated + chance.pick([0, 0, 0, 0, 1]), contains: contains)
    }

    private func repair(_ chance: inout Chance) throws(Violation) -> EngineCommand? {
        // What is repaired while figures are made anew is in both of them: the tests of the engine tell of that.
        if engine.board.state.rebuild?.state.isOpen == true { return nil }
        var numbers: [UInt64] = []
        try forEachVariance { number, variance in
            numbers.append(number)
            if let key = key(of: variance) {
                model.variances.seen[number] = .figure(key)
                if variance.state == .open { model.variances.open[key]?.number = number }
            } else {
                model.variances.seen[number] = .shipment
            }
            return numbers.count < 30
        }
        guard !numbers.isEmpty else { return nil }
        var wanted = (0..<(1 + chance.below(4))).map { _ in chance.pick(numbers) }
        if chance.oneIn(10) { wanted.append(1 << 40) }
        let places = wanted.compactMap { number -> String? in
            guard case .figure(let key) = model.variances.seen[number] else { return nil }
            return key.place.sku
        }
        try noteEnds(of: places)
        return .reconcile(
            tenant: engine.tenantNumber,
            .repair(
                VarianceRepair(
                    numbers: wanted, actor: Self.looker, reason: "", requestID: "", validateOnly: chance.oneIn(5))))
    }

    private func key(of variance: Variance) -> VarianceBook.Key? {
        guard let bucket = Model.comparedBuckets.first(where: { $0.name == variance.bucket }) else { return nil }
        return VarianceBook.Key(place: Place(sku: variance.sku, location: variance.location), bucket: bucket)
    }

    /// The newest first.
    private func forEachVariance(_ body: (UInt64, Variance) -> Bool) throws(Violation) {
        try look { view throws(LedgerError) in
            try view.reader.forEachVarianceBackwards(tenant: engine.tenantNumber) { number, variance in
                body(number, variance)
            }
        }
    }

    /// Where the time lines of some skus end.
    private func noteEnds(of skus: [String]) throws(Violation) {
        let now = model.now
        for sku in skus {
            let positions = try look { view throws(LedgerError) in
                try view.livePositions(of: sku, ledgerNanoseconds: now)
            }
            for location in terms.locations.keys {
                let found = positions.first { $0.location == location }
                model.variances.newestPrimaries[Place(sku: sku, location: location)] = found?.position.newestPrimary
            }
        }
    }

    // MARK: The whole of it

    /// Every dead letter in its place with its count, every variance as it stands, and an entry of the audit log for each
    /// decision.
    func checkAftercare() throws(Violation) {
        try checkLetters()
        try checkVariances()
        struct Entry: Decodable {
            var action: AuditAction
        }
        var (letters, variances) = (0, 0)
        try look { view throws(LedgerError) in
            try view.reader.forEachAuditEntry(Entry.self, tenant: engine.tenantNumber) { _, entry in
                if [.replayDeadLetters, .discardDeadLetters].contains(entry.action) { letters += 1 }
                if entry.action == .applyVariances { variances += 1 }
                return true
            }
        }
        try require(
            letters == model.letters.decisions && variances == model.variances.decisions, .nothingLostSilently,
            "the audit log tells of \(letters) decisions about dead letters and \(variances) repairs, expected "
                + "\(model.letters.decisions) and \(model.variances.decisions)")
    }

    private func checkLetters() throws(Violation) {
        var found: [(key: LetterBook.Key, attempts: UInt32)] = []
        try look { view throws(LedgerError) in
            try view.forEachDeadLetter(after: 0) { letter throws(LedgerError) in
                let key = LetterBook.Key(source: letter.source, eventID: letter.eventID, original: letter.original)
                found.append((key, letter.attempts))
                return true
            }
        }
        let expected = model.letters.letters.sorted { $0.value.order < $1.value.order }
        try require(
            found.count == expected.count, .nothingLostSilently,
            "\(found.count) dead letters are kept, expected \(expected.count): "
                + "\(Set(found.map(\.key)).symmetricDifference(expected.map(\.key)).map(\.eventID).sorted())")
        for (letter, wanted) in zip(found, expected) {
            try require(
                letter.key == wanted.key && letter.attempts == wanted.value.attempts, .nothingLostSilently,
                "the dead letter of \(letter.key.eventID) was tried \(letter.attempts) times, expected "
                    + "\(wanted.key.eventID) and \(wanted.value.attempts)")
        }
        if let most = model.letters.mostLetters {
            try require(
                found.count <= most, .nothingLostSilently, "\(found.count) dead letters, at most \(most) may be")
        }
    }

    private func checkVariances() throws(Violation) {
        var open: [VarianceBook.Key: Variance] = [:]
        var (applied, resolved, shipments, noted) = (0, 0, 0, 0)
        try forEachVariance { _, variance in
            guard let key = key(of: variance) else {
                shipments += 1
                if variance.state == .applied { noted += 1 }
                return true
            }
            switch variance.state {
            case .open: open[key] = variance
            case .applied: applied += 1
            case .resolved: resolved += 1
            }
            return true
        }
        let book = model.variances
        try require(
            (applied, resolved, shipments, noted) == (book.applied, book.resolved, book.shipments, book.noted.count),
            .nothingLostSilently,
            "\(applied) variances are applied, \(resolved) resolved, \(shipments) of shipments, \(noted) noted; expected "
                + "\(book.applied), \(book.resolved), \(book.shipments), \(book.noted.count)")
        try require(
            Set(open.keys) == Set(book.open.keys), .nothingLostSilently,
            "open variances: \(open.keys), expected \(book.open.keys)")
        for (key, variance) in open {
            let isSame = (variance.ours, variance.theirs) == (book.open[key]?.ours, book.open[key]?.theirs)
            try require(
                isSame, .nothingLostSilently, "\(variance), expected \(String(describing: book.open[key]))")
        }
    }
}
