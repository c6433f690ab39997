internal import Engine
internal import Inventory

/// One LIN loop, in the words of the partner's map.
struct X12Item {
    let heading: X12Heading
    /// The first is LIN; never empty.
    let loop: [X12Segment]
    /// The LIN's number in the transaction set that it was sent in.
    let number: Int
    let terms: Inventory846.Terms

    private var partner: PartnerMap { terms.partner }
    private var line: X12Segment { loop[0] }

    /// One snapshot for each location and lot with figures, in the order of the file, each followed by its supplies. Those are
    /// of the location whatever lot they stand by.
    func events() throws(X12Problem) -> [InventoryEvent] {
        try checkPurpose()
        let (sku, lot, occurredAt) = (try sku(), try lot(), try occurredAtNanoseconds())
        var events: [InventoryEvent] = []
        var supplies: [String: Int] = [:]
        for (index, place) in try X12ItemPlaces(of: loop, partner).all.enumerated() {
            let suffix = index == 0 ? "" : "-\(index + 1)"
            let location = try location(of: place)
            func event(_ kind: InventoryEventKind, _ suffix: String) -> InventoryEvent {
                InventoryEvent(
                    id: id(suffix), source: terms.source, kind: kind, occurredAtNanoseconds: occurredAt, sku: sku,
                    location: location)
            }
            let figures = try figures(place.quantities)
            if !figures.touched.isEmpty {
                var snapshot = event(.positionSnapshot, suffix)
                snapshot.lot = if let own = place.lot { try checked(own) } else { lot }
                snapshot.snapshot = figures
                events.append(snapshot)
            }
            for (index, schedule) in place.schedules.enumerated() {
                supplies[location, default: 0] += 1
                let supply = try supply(schedule, number: supplies[location, default: 0])
                events.append(supply.telling(event(.supplyUpdated, "\(suffix)-s\(index + 1)")))
            }
        }
        guard events.count <= Limits.eventsPerBatchMax else {
            throw line.problem(0, "at most \(Limits.eventsPerBatchMax) figures and supplies, are \(events.count)")
        }
        if events.isEmpty {
            let qualifiers = Bucket.allCases.flatMap { partner.quantityQualifiers[$0] ?? [] }
            throw line.problem(0, "has no QTY of \(qualifiers.joined(separator: ", ")), so that nothing is told")
        }
        return events
    }

    /// The dead letter of an item that tells nothing that can be relied on: with as much of the event as is known.
    func refused(_ problem: X12Problem, original: [UInt8]) -> IncomingEvent {
        let event = InventoryEvent(
            id: id(""), source: terms.source, kind: .positionSnapshot,
            occurredAtNanoseconds: (try? occurredAtNanoseconds()) ?? 0, sku: (try? sku()) ?? "")
        return IncomingEvent(
            event: event, original: original, contentType: .x12,
            rejection: EventRejection(.invalidField, problem.description))
    }

    /// Sender, interchange, group, transaction set and the LIN's number in it. Numbers are padded: of two messages of one
    /// time the later one's id is the greater, which decides.
    private func id(_ suffix: String) -> String {
        let id = message + padded(String(number), 6) + suffix
        if id.utf8.count <= Limits.idBytesMax { return id }
        // FNV-1a, 64 bits (draft-eastlake-fnv): not for secrets.
        let number = id.utf8.reduce(0xCBF2_9CE4_8422_2325 as UInt64) { ($0 ^ UInt64($1)) &* 0x100_0000_01B3 }
        let digest = padded(String(number, radix: 16), 16)
        return "\(text(id.utf8.prefix(Limits.idBytesMax - digest.utf8.count - 1)))-\(digest)"
    }

    private var message: String {
        [
            text(heading.interchange.element(6)), padded(text(heading.interchange.element(13)), 9),
            text(heading.group.element(6)), text(heading.transaction.element(2)), "",
        ].joined(separator: "-")
    }

    /// The LIN's number in one of the ids made here; nil: it is not of this message, or was shortened.
    func number(in id: String) -> Int? {
        guard id.hasPrefix(message) else { return nil }
        return Int(id.dropFirst(message.count).prefix { $0 != "-" })
    }

    private func text(_ bytes: some Collection<UInt8>) -> String { String(decoding: bytes, as: UTF8.self) }

    private func padded(_ digits: String, _ width: Int) -> String {
        String(repeating: "0", count: max(0, width - digits.utf8.count)) + digits
    }
}

/// What the item is, and when.
extension X12Item {
    /// Cancellations, deletions and requests have figures that are not in force.
    private func checkPurpose() throws(X12Problem) {
        guard let beginning = heading.segment("BIA") else { return }
        let meanings = ["01": "cancellation", "03": "delete", "13": "request"]
        let code = text(beginning.element(1))
        if let meaning = meanings[code] {
            throw beginning.problem(1, "\(code) (\(meaning)) tells of no stock that is there")
        }
    }

    /// The value under the first of the partner's qualifiers that the line has; pairs from LIN02 on.
    private func sku() throws(X12Problem) -> String {
        for qualifier in partner.skuQualifiers {
            for number in stride(from: 2, through: 30, by: 2) where line.has(number, qualifier) {
                let theirs = try line.text(number + 1)
                if theirs.isEmpty { continue }
                guard let sku = terms.mapping.sku(theirs) else {
                    throw line.problem(number + 1, "the feed's map has no sku for \(shown(theirs))")
                }
                if let reason = TextRules.problem(sku, bytesMax: Limits.skuBytesMax) {
                    throw line.problem(number + 1, "sku: \(reason)")
                }
                return sku
            }
        }
        throw line.problem(0, "has no \(partner.skuQualifiers.joined(separator: ", ")) to take the sku from")
    }

    /// Of the whole line; empty: it names none.
    private func lot() throws(X12Problem) -> String {
        guard case .line(let qualifier) = partner.lot else { return "" }
        for number in stride(from: 2, through: 30, by: 2) where line.has(number, qualifier) {
            let lot = try line.text(number + 1)
            if !lot.isEmpty { return try checked((lot, line, number + 1)) }
        }
        return ""
    }

    private func checked(_ lot: X12ItemPlace.Lot) throws(X12Problem) -> String {
        if let reason = TextRules.problem(lot.name, bytesMax: Limits.idBytesMax) {
            throw lot.segment.problem(lot.element, "lot: \(reason)")
        }
        return lot.name
    }

    /// The time that the figures are of: the item's own, the heading's, the message's. Never that of reading.
    private func occurredAtNanoseconds() throws(X12Problem) -> WallNanoseconds {
        if let own = try named(dates(in: loop)) { return try nanoseconds(own) }
        if let common = try named(dates(in: heading.segments)) { return try nanoseconds(common) }
        if let beginning = heading.segment("BIA"), !beginning.element(4).isEmpty {
            return try nanoseconds(X12Time.Told(segment: beginning, date: 4, time: 5))
        }
        let group = X12Time.Told(segment: heading.group, date: 4, time: 5)
        return try nanoseconds(
            heading.group.element(4).isEmpty
                ? X12Time.Told(segment: heading.interchange, date: 9, time: 10) : group)
    }

    /// Those behind a SCH are of what is scheduled.
    private func dates(in segments: [X12Segment]) -> [X12Segment] {
        var isScheduled = false
        return segments.filter { segment in
            switch segment.id {
            case "SCH": isScheduled = true
            case "QTY", "N1": isScheduled = false
            default: break
            }
            return segment.id == "DTM" && !isScheduled
        }
    }

    private func named(_ dates: [X12Segment]) throws(X12Problem) -> X12Time.Told? {
        for qualifier in partner.timeQualifiers {
            guard let date = dates.first(where: { $0.has(1, qualifier) }) else { continue }
            // DTM02, or DTM06 in the format that DTM05 names.
            if !date.element(2).isEmpty { return X12Time.Told(segment: date, date: 2, time: 3, zone: 4) }
            guard date.has(5, "D8") else { throw date.problem(2, "is missing, and DTM05 names no date alone (D8)") }
            return X12Time.Told(segment: date, date: 6, time: 3, zone: 4)
        }
        return nil
    }

    private func nanoseconds(_ told: X12Time.Told) throws(X12Problem) -> WallNanoseconds {
        try X12Time.nanoseconds(told, utcOffsetMinutes: partner.utcOffsetMinutes)
    }

    private func shown(_ text: String) -> String { X12Text.shown(Array(text.utf8)) }
}

/// Where it is, and how much.
extension X12Item {
    private func location(of place: X12ItemPlace) throws(X12Problem) -> String {
        let theirs: String
        let segment: X12Segment
        switch partner.location {
        case .fixed(let location): (theirs, segment) = (location, line)
        case .named(let rule):
            if let own = place.location {
                (theirs, segment) = own
            } else {
                (theirs, segment) = try headingLocation(rule)
            }
        }
        guard let location = terms.mapping.location(theirs) else {
            throw segment.problem(0, "the feed's map has no location for \(shown(theirs))")
        }
        if let reason = TextRules.problem(location, bytesMax: Limits.nameBytesMax) {
            throw segment.problem(0, "location: \(reason)")
        }
        return location
    }

    private func headingLocation(
        _ rule: PartnerMap.LocationSegment
    ) throws(X12Problem) -> (code: String, segment: X12Segment) {
        var found: (code: String, segment: X12Segment)?
        for segment in heading.segments {
            guard let location = try rule.location(in: segment) else { continue }
            if found != nil {
                throw line.problem(0, "has no \(rule.kind.rawValue)*\(rule.qualifier), and the heading has several")
            }
            found = location
        }
        guard let found else {
            throw line.problem(
                0, "neither the item nor the heading has a \(rule.kind.rawValue)*\(rule.qualifier) for the location")
        }
        return found
    }

    private func figures(_ quantities: [X12Segment]) throws(X12Problem) -> StockEffect {
        var effect = StockEffect(isAbsolute: true)
        var ranks: [Bucket: Int] = [:]
        for segment in quantities {
            guard let (bucket, rank) = partner.bucket(of: segment.first(1)) else { continue }
            try checkUnit(segment, 3)
            let units = try segment.units(2)
            if ranks[bucket] == rank {
                throw segment.problem(1, "\(text(segment.first(1))) is told twice for one location")
            }
            if let better = ranks[bucket], better < rank { continue }
            ranks[bucket] = rank
            effect.touched.insert(BucketSet(bucket))
            effect.values[bucket] = units
        }
        return effect
    }

    private func supply(_ segment: X12Segment, number: Int) throws(X12Problem) -> X12Supply {
        try checkUnit(segment, 2)
        let units = try segment.units(1)
        if units < 0 { throw segment.problem(1, "0 or more, is \(units)") }
        for qualifier in partner.expectedQualifiers {
            for element in [5, 8] where segment.has(element, qualifier) {
                let expected = try nanoseconds(X12Time.Told(segment: segment, date: element + 1, time: element + 2))
                let element = segment.element(11).isEmpty ? 12 : 11
                let reference = try segment.text(element)
                if let problem = TextRules.problemUnlessEmpty(reference, bytesMax: Limits.idBytesMax) {
                    throw segment.problem(element, problem)
                }
                return X12Supply(
                    id: reference.isEmpty ? "\(number)" : reference, units: units, expectedAtNanoseconds: expected)
            }
        }
        throw segment.problem(5, "none of \(partner.expectedQualifiers.joined(separator: ", ")) tells when")
    }

    private func checkUnit(_ segment: X12Segment, _ number: Int) throws(X12Problem) {
        let unit = segment.first(number)
        guard unit.isEmpty || partner.units.contains(where: { unit.elementsEqual($0.utf8) }) else {
            throw segment.problem(
                number, "the unit is \(X12Text.shown(unit)), expected \(partner.units.joined(separator: " or "))")
        }
    }
}

/// What a SCH tells of: units that are to come.
struct X12Supply: Equatable {
    /// SCH11, or SCH12, or its number among the item's: the next message then tells of the same one.
    let id: String
    let units: Int64
    let expectedAtNanoseconds: WallNanoseconds

    func telling(_ event: InventoryEvent) -> InventoryEvent {
        var event = event
        event.supply = NamedSupply(id: id, quantity: units, expectedAtNanoseconds: expectedAtNanoseconds)
        return event
    }
}
