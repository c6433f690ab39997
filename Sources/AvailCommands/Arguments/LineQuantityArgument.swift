import ArgumentParser
import Proto
import SwiftProtobuf

/// A part of a reservation's line: `LINE=QUANTITY`, for example `1=3`.
struct LineQuantityArgument: ExpressibleByArgument, Equatable {
    var line: UInt32
    var quantity: Int64

    init(line: UInt32, quantity: Int64) {
        self.line = line
        self.quantity = quantity
    }

    init?(argument: String) {
        let parts = argument.split(separator: "=", omittingEmptySubsequences: false)
        guard parts.count == 2, let line = UInt32(parts[0]), line > 0, let quantity = Int64(parts[1]), quantity >= 0
        else { return nil }
        self.init(line: line, quantity: quantity)
    }

    var message: Availability_V1_ReservationLineQuantity {
        .with {
            $0.lineID = line
            $0.quantity = quantity
        }
    }
}
