/// Figures and schedules of one location, and of one lot there.
struct X12ItemPlace {
    typealias Location = (code: String, segment: X12Segment)
    typealias Lot = (name: String, segment: X12Segment, element: Int)

    /// As the partner calls it; nil: only the heading can tell.
    var location: Location?
    /// Nil: no segment names one.
    var lot: Lot?
    var quantities: [X12Segment] = []
    var schedules: [X12Segment] = []

    var isEmpty: Bool { quantities.isEmpty && schedules.isEmpty }
}

/// Cuts a LIN loop into its locations and lots, by the segments that name them before or after their figures.
struct X12ItemPlaces {
    private struct Name: Hashable {
        let location: String?
        let lot: String?
    }

    private let partner: PartnerMap
    private var places: [X12ItemPlace] = []
    private var open = X12ItemPlace()
    /// Whether there were any since the last place, also such as tell no bucket.
    private var hasFigures = false
    /// Named before its figures, of which none has come.
    private var expected: X12ItemPlace.Lot?
    /// Whether the location or the lot stood behind the open place's figures: what follows is another's.
    private var isLocated = false
    private var isLotted = false
    /// Where the places begin whose location is still to come.
    private var unlocated = 0
    /// Of names before their figures: which kind came first in the loop. It holds for all that follows of the other kind.
    private var beginsWithLot: Bool?

    init(of loop: [X12Segment], _ partner: PartnerMap) throws(X12Problem) {
        self.partner = partner
        for segment in loop {
            if case .named(let rule) = partner.location, let location = try rule.location(in: segment) {
                try take(location, rule.order)
            } else if case .reference(let qualifier, let order) = partner.lot, segment.id == "REF",
                segment.has(1, qualifier)
            {
                let name = try segment.text(2)
                if name.isEmpty { throw segment.problem(2, "the lot is missing") }
                try take((name, segment, 2), order)
            } else if segment.id == "QTY" || segment.id == "SCH" {
                take(figures: segment)
            }
        }
        try checkNothingExpected()
        close()
        try checkNamedOnce()
    }

    /// In the order of the file; none is empty.
    var all: [X12ItemPlace] { places }

    private mutating func take(figures segment: X12Segment) {
        if isLocated || isLotted { close() }
        hasFigures = true
        expected = nil
        if segment.id == "SCH" {
            if !partner.expectedQualifiers.isEmpty { open.schedules.append(segment) }
        } else if partner.bucket(of: segment.first(1)) != nil {
            open.quantities.append(segment)
        }
    }

    private mutating func take(_ location: X12ItemPlace.Location, _ order: PartnerMap.Order) throws(X12Problem) {
        switch order {
        case .before:
            if beginsWithLot == nil { beginsWithLot = false }
            close()
            open.location = location
            if beginsWithLot == false {
                try checkNothingExpected()
                open.lot = nil
            }
        case .after:
            if open.isEmpty || isLocated { return }
            for index in places.indices.dropFirst(unlocated) { places[index].location = location }
            open.location = location
            isLocated = true
        }
    }

    private mutating func take(_ lot: X12ItemPlace.Lot, _ order: PartnerMap.Order) throws(X12Problem) {
        switch order {
        case .before:
            if beginsWithLot == nil { beginsWithLot = true }
            try checkNothingExpected()
            close()
            open.lot = lot
            expected = lot
            if beginsWithLot == true { open.location = nil }
        case .after:
            guard hasFigures, !isLotted else { throw Self.withoutFigures(lot) }
            open.lot = lot
            isLotted = true
        }
    }

    /// Names that stand before their figures are those of the next place as well.
    private mutating func close() {
        if !open.isEmpty { places.append(open) }
        if isLocated { unlocated = places.count }
        open = X12ItemPlace(location: isLocated ? nil : open.location, lot: isLotted ? nil : open.lot)
        hasFigures = false
        isLocated = false
        isLotted = false
    }

    private func checkNothingExpected() throws(X12Problem) {
        if let expected { throw Self.withoutFigures(expected) }
    }

    private static func withoutFigures(_ lot: X12ItemPlace.Lot) -> X12Problem {
        lot.segment.problem(0, "names the lot \(X12Text.shown(lot.name.utf8)) and has no figures of it")
    }

    private func checkNamedOnce() throws(X12Problem) {
        var names: Set<Name> = []
        for place in places where !names.insert(Name(location: place.location?.code, lot: place.lot?.name)).inserted {
            guard let segment = place.lot?.segment ?? place.location?.segment else { continue }
            let location = place.location.map { X12Text.shown($0.code.utf8) }
            let lot = place.lot.map { "the lot \(X12Text.shown($0.name.utf8))" }
            let name = [location, lot].compactMap(\.self).joined(separator: ", ")
            throw segment.problem(0, "names \(name) a second time")
        }
    }
}

extension PartnerMap.LocationSegment {
    /// The location that a segment names, as the partner calls it; nil: it names none.
    func location(in segment: X12Segment) throws(X12Problem) -> X12ItemPlace.Location? {
        guard segment.id == kind.rawValue, segment.has(1, qualifier) else { return nil }
        let code = try kind == .party && !segment.element(4).isEmpty ? segment.text(4) : segment.text(2)
        if code.isEmpty { throw segment.problem(kind == .party ? 4 : 2, "the location is missing") }
        return (code, segment)
    }
}
