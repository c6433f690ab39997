import ArgumentParser
import Proto
import SwiftProtobuf

/// `SKU[@LOCATION][=QUANTITY]`, for example `SKU-1@WH1=3`. The last `=` and the last `@` count.
struct LineArgument: ExpressibleByArgument, Equatable {
    var sku: String
    /// Empty: all that the channel may sell from.
    var location = ""
    var quantity: Int64?

    init(sku: String, location: String = "", quantity: Int64? = nil) {
        self.sku = sku
        self.location = location
        self.quantity = quantity
    }

    init?(argument: String) {
        var rest = Substring(argument)
        if let equals = rest.lastIndex(of: "=") {
            guard let quantity = Int64(rest[rest.index(after: equals)...]), quantity > 0 else { return nil }
            self.quantity = quantity
            rest = rest[..<equals]
        }
        if let at = rest.lastIndex(of: "@") {
            location = String(rest[rest.index(after: at)...])
            if location.isEmpty { return nil }
            rest = rest[..<at]
        }
        sku = String(rest)
        if sku.isEmpty { return nil }
    }

    var defaultValueDescription: String { sku }

    var message: Availability_V1_CheckAvailabilityLine {
        .with {
            $0.sku = sku
            $0.location = location
            if let quantity { $0.quantity = quantity }
        }
    }
}
