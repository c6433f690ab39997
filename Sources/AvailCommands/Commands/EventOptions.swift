import ArgumentParser
import Foundation
import Proto
import SwiftProtobuf

/// The options that make one event.
struct EventOptions: ParsableArguments {
    @Option(help: ArgumentHelp("What happened, for example position-snapshot, adjustment or cycle-count."))
    var type: EventTypeArgument?

    @Option(help: "The event's id, unique within its source. Default: a new one.")
    var id: String?

    @Option(help: "Who tells it. Default: the credential's own source.")
    var source: String?

    @Option(help: "The source's own count of its events.")
    var sequence: UInt64?

    @Option(help: ArgumentHelp("When it happened, in RFC 3339. Default: now.", valueName: "TIME"))
    var occurredAt: String?

    @Option var sku: String?
    @Option var location: String?
    @Option(help: "Of a transfer: where the stock arrives.") var toLocation: String?
    @Option var lot: String?
    // Figures may be negative, so what follows such an option is its value whatever it begins with.
    @Option(parsing: .unconditional, help: "Units; signed for an adjustment.")
    var quantity: Int64?
    @Option(help: "sellable, quarantined or damaged.") var status: StockStatusArgument?
    @Option(help: "Of status-changed: the status after.") var toStatus: StockStatusArgument?
    @Option(help: "A reason code; an adjustment needs one.") var reason: String?
    @Option(help: "What it belongs to at the source, such as a transfer.") var reference: String?
    @Option(help: "Our reservation.") var reservationId: String?
    @Option(help: "Its line.") var reservationLine: UInt32?
    @Option(help: "The ERP's name for the hold.") var erpReference: String?
    @Option(help: "The order it is about.") var orderReference: String?
    @Option(help: "Follows it through logs.") var correlationId: String?
    @Option(help: "Of supply-…: the supply's name at the source. Of receipt-posted: the one it belongs to.")
    var supplyId: String?
    @Option(help: ArgumentHelp("Of supply-updated: when it is expected, in RFC 3339.", valueName: "TIME"))
    var expectedAt: String?

    @Option(parsing: .unconditional, help: ArgumentHelp("Of position-snapshot; so are the next.", valueName: "UNITS"))
    var onHand: Int64?
    @Option(parsing: .unconditional, help: ArgumentHelp(valueName: "UNITS")) var allocated: Int64?
    @Option(parsing: .unconditional, help: ArgumentHelp(valueName: "UNITS")) var quarantined: Int64?
    @Option(parsing: .unconditional, help: ArgumentHelp(valueName: "UNITS")) var damaged: Int64?
    @Option(parsing: .unconditional, help: ArgumentHelp(valueName: "UNITS")) var inTransit: Int64?
    @Option(parsing: .unconditional, help: ArgumentHelp(valueName: "UNITS")) var incoming: Int64?
    @Option(parsing: .unconditional, help: ArgumentHelp(valueName: "UNITS")) var backordered: Int64?
    @Option(parsing: .unconditional, help: ArgumentHelp(valueName: "UNITS")) var safetyStock: Int64?

    /// The event, or nil when no `--type` was given.
    func event(now: Date = Date(), newID: () -> String = { UUID().uuidString.lowercased() }) throws
        -> Availability_V1_InventoryEvent?
    {
        guard let type else { return nil }
        var event = Availability_V1_InventoryEvent()
        event.type = type.type
        event.id = id ?? newID()
        event.source = source ?? ""
        if let sequence { event.sequence = sequence }
        event.occurredAt = try occurredAt.map { try Self.time($0, "--occurred-at") } ?? .init(date: now)
        event.sku = sku ?? ""
        event.location = location ?? ""
        event.toLocation = toLocation ?? ""
        event.lot = lot ?? ""
        if let quantity { event.quantity = quantity }
        event.status = status?.status ?? .unspecified
        event.toStatus = toStatus?.status ?? .unspecified
        event.reason = reason ?? ""
        event.reference = reference ?? ""
        event.reservationID = reservationId ?? ""
        event.reservationLine = reservationLine ?? 0
        event.erpReference = erpReference ?? ""
        event.orderReference = orderReference ?? ""
        event.correlationID = correlationId ?? ""
        if let position, supplyId == nil { event.position = position }
        if let supply = try supply() { event.supply = supply }
        return event
    }

    private var position: Availability_V1_Position? {
        var position = Availability_V1_Position()
        if let onHand { position.onHand = onHand }
        if let allocated { position.allocated = allocated }
        if let quarantined { position.quarantined = quarantined }
        if let damaged { position.damaged = damaged }
        if let inTransit { position.inTransit = inTransit }
        if let incoming { position.incoming = incoming }
        if let backordered { position.backordered = backordered }
        if let safetyStock { position.safetyStock = safetyStock }
        return position == Availability_V1_Position() ? nil : position
    }

    private func supply() throws -> Availability_V1_Supply? {
        guard let supplyId else { return nil }
        var supply = Availability_V1_Supply()
        supply.id = supplyId
        supply.quantity = quantity ?? 0
        supply.backordered = backordered ?? 0
        if let expectedAt { supply.expectedAt = try Self.time(expectedAt, "--expected-at") }
        return supply
    }

    static func time(_ text: String, _ option: String) throws -> Google_Protobuf_Timestamp {
        guard let timestamp = try? Google_Protobuf_Timestamp(jsonString: "\"\(text)\"") else {
            throw ValidationError("\(option) must be a time such as 2026-01-31T12:00:00Z, not '\(text)'")
        }
        return timestamp
    }
}
