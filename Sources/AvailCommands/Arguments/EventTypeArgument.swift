import ArgumentParser
import Proto

/// An event type by its name without the prefix, in any case, with `-` or `_`: `cycle-count`.
struct EventTypeArgument: ExpressibleByArgument, Equatable {
    var type: Availability_V1_InventoryEventType

    init?(argument: String) {
        let name = argument.uppercased().replacing("-", with: "_")
        guard let type = Self.known.first(where: { $0.shortName == name }) else { return nil }
        self.type = type
    }

    static let allValueStrings = known.map(\.shortName)

    private static let known = Availability_V1_InventoryEventType.allCases.filter { $0 != .unspecified }
}

/// A stock status by its name without the prefix: `sellable`, `quarantined` or `damaged`.
struct StockStatusArgument: ExpressibleByArgument, Equatable {
    var status: Availability_V1_StockStatus

    init?(argument: String) {
        switch argument.lowercased() {
        case "sellable": status = .sellable
        case "quarantined": status = .quarantined
        case "damaged": status = .damaged
        default: return nil
        }
    }

    static let allValueStrings = ["sellable", "quarantined", "damaged"]
}

/// What to do about stale figures: `serve`, `buffer`, `withhold`, `refuse` or `ask_erp`.
struct StaleActionArgument: ExpressibleByArgument, Equatable {
    var action: Availability_V1_StaleAction

    init?(argument: String) {
        switch argument.lowercased().replacing("-", with: "_") {
        case "serve": action = .serve
        case "buffer": action = .buffer
        case "withhold": action = .withhold
        case "refuse": action = .refuse
        case "ask_erp": action = .askErp
        default: return nil
        }
    }

    static let allValueStrings = ["serve", "buffer", "withhold", "refuse", "ask_erp"]
}
