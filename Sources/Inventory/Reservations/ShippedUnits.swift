/// Units of a sku that left a location, in the name of some reservations.
public struct ShippedUnits: Sendable, Equatable {
    public var sku: String
    public var location: LocationNumber
    /// Empty: not told.
    public var lot: String
    /// Of the line of this id only; 0: of any.
    public var lineID: UInt32
    public var units: Int64

    public init(sku: String, location: LocationNumber, lot: String = "", lineID: UInt32 = 0, units: Int64) {
        self.sku = sku
        self.location = location
        self.lot = lot
        self.lineID = lineID
        self.units = units
    }

    /// What of it each line of some reservations covers, for each reservation in their order; what is over is in no hold.
    ///
    /// A unit is taken from the lines of its location and lot, else from those of its location, else from any, the first
    /// that has some left in an order in which the lines of a location, and there of a lot, stand together. So shipments that
    /// name the same reservations and no line leave the same units open whatever order they are told in: of two that want the
    /// same unit, the one that is told later goes on to where the other would have.
    public func covered(by reservations: [Reservation]) -> [[LineQuantity]] {
        var left = units
        var covered = [[LineQuantity]](repeating: [], count: reservations.count)
        for place in order(of: reservations) where left > 0 {
            let line = reservations[place.reservation].lines[place.line]
            guard lineID == 0 || line.id == lineID else { continue }
            let taken = min(left, line.open + line.shippedByErp)
            guard taken > 0 else { continue }
            covered[place.reservation].append(LineQuantity(lineID: line.id, quantity: taken))
            left -= taken
        }
        return covered
    }

    private struct Place {
        var reservation: Int
        var line: Int
        /// How far from what was told, then what stands together. Values of the line itself, so that nothing moves when
        /// other lines or reservations end.
        var rank: (distance: Int, location: LocationNumber, lot: String)
    }

    private func order(of reservations: [Reservation]) -> [Place] {
        var places: [Place] = []
        for (reservation, held) in reservations.enumerated() {
            for (index, line) in held.lines.enumerated() where line.sku == sku {
                let distance = line.location != location ? 2 : line.lot != lot ? 1 : 0
                places.append(
                    Place(reservation: reservation, line: index, rank: (distance, line.location, line.lot)))
            }
        }
        return places.sorted {
            $0.rank == $1.rank ? ($0.reservation, $0.line) < ($1.reservation, $1.line) : $0.rank < $1.rank
        }
    }
}
