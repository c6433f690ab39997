import ArgumentParser
import Proto
import SwiftProtobuf

/// `SKU[@[LOCATION][#LOT]][=QUANTITY]`, for example `SKU-1@WH1#L-7=3`, or `SKU-1@#L-7` wherever the lot is. A `#` before the
/// `@` is a part of the sku.
struct ReserveLineArgument: ExpressibleByArgument, Equatable {
    var line: LineArgument
    /// Empty: any.
    var lot = ""

    init(line: LineArgument, lot: String = "") {
        self.line = line
        self.lot = lot
    }

    init?(argument: String) {
        guard var line = LineArgument(argument: argument) else { return nil }
        if let mark = line.location.firstIndex(of: "#") {
            lot = String(line.location[line.location.index(after: mark)...])
            if lot.isEmpty { return nil }
            line.location = String(line.location[..<mark])
        }
        self.line = line
    }

    var defaultValueDescription: String { line.sku }

    /// What is held without a quantity is one unit.
    var message: Availability_V1_CreateReservationLine {
        .with {
            $0.sku = line.sku
            $0.location = line.location
            $0.lot = lot
            $0.quantity = line.quantity ?? 1
        }
    }
}
