internal import Inventory
internal import Records

/// An event out of named texts, as rows have them.
struct EventRow {
    /// By the contract's names; those of nested messages with a dot.
    static let fields: [String] =
        [
            "id", "source", "sequence", "type", "occurred_at", "sku", "location", "to_location", "lot", "quantity",
            "status", "to_status", "reason", "reference", "reservation_id", "reservation_line", "erp_reference",
            "order_reference", "correlation_id", "supply.id", "supply.quantity", "supply.expected_at",
            "supply.backordered",
        ] + Bucket.allCases.map { "position.\($0.name)" }

    private(set) var event: InventoryEvent
    private let types: [String: InventoryEventKind]

    /// - Parameter types: by words besides the contract's.
    init(source: String, types: [String: InventoryEventKind] = [:]) {
        self.types = types
        event = InventoryEvent(id: "", source: source, kind: .unsupported(name: ""), occurredAtNanoseconds: 0, sku: "")
    }

    /// Takes a field's text; an empty one is absent. Lengths are left to the engine's rules, which judge every event.
    mutating func set(_ field: String, _ text: ArraySlice<UInt8>) throws(CellProblem) {
        let text = CellText.trimmed(text)
        guard !text.isEmpty else { return }
        switch field {
        case "sequence": event.sequence = try number(text, field)
        case "quantity": event.quantity = try CellText.quantity(text, column: field)
        case "reservation_line": event.hold.lineID = try number(text, field)
        case "occurred_at": event.occurredAtNanoseconds = try time(text, field)
        case "supply.quantity": event.supply.quantity = try CellText.quantity(text, column: field)
        case "supply.backordered": event.supply.backordered = try CellText.quantity(text, column: field)
        case "supply.expected_at": event.supply.expectedAtNanoseconds = try time(text, field)
        case _ where field.hasPrefix("position."): try setBucket(field, text)
        default: try setText(field, text)
        }
    }

    mutating func add(_ hold: ContainedHold) { event.contains.append(hold) }

    private mutating func setText(_ field: String, _ bytes: ArraySlice<UInt8>) throws(CellProblem) {
        guard let text = String(validating: bytes, as: UTF8.self) else {
            throw CellProblem(column: field, reason: "is not UTF-8")
        }
        switch field {
        case "id": event.id = text
        case "source":
            guard text == event.source else {
                throw CellProblem(
                    column: field, reason: "is \(CellText.shown(bytes)), and the feed tells for \(event.source)")
            }
        case "type": event.kind = types[text] ?? InventoryEventKind(contractName: text) ?? .unsupported(name: text)
        case "sku": event.sku = text
        case "location": event.location = text
        case "to_location": event.toLocation = text
        case "lot": event.lot = text
        case "status": event.status = try status(text, field)
        case "to_status": event.toStatus = try status(text, field)
        case "reason": event.reason = text
        case "reference": event.reference = text
        case "reservation_id": event.hold.reservationID = text
        case "erp_reference": event.hold.erpReference = text
        case "order_reference": event.hold.orderReference = text
        case "correlation_id": event.correlationID = text
        case "supply.id": event.supply.id = text
        default: throw CellProblem(reason: Self.unknownReason(field))
        }
    }

    private mutating func setBucket(_ field: String, _ text: ArraySlice<UInt8>) throws(CellProblem) {
        guard let bucket = Bucket.allCases.first(where: { field == "position.\($0.name)" }) else {
            throw CellProblem(reason: Self.unknownReason(field))
        }
        // `reserved` and `releasing` are the ledger's own account.
        guard bucket.isFed else { return }
        event.snapshot.touched.insert(BucketSet(bucket))
        event.snapshot.values[bucket] = try CellText.quantity(text, column: field)
    }

    private func status(_ text: String, _ field: String) throws(CellProblem) -> StockStatus? {
        if ["UNSPECIFIED", "STOCK_STATUS_UNSPECIFIED"].contains(text) { return nil }
        guard let status = StockStatus(contractName: text) else {
            throw CellProblem(column: field, reason: "is not SELLABLE, QUARANTINED or DAMAGED")
        }
        return status
    }

    private func number<Number: FixedWidthInteger>(
        _ text: ArraySlice<UInt8>, _ field: String
    ) throws(CellProblem) -> Number {
        guard text.allSatisfy(CellText.isDigit), let number = Number(String(decoding: text, as: UTF8.self)) else {
            throw CellProblem(column: field, reason: "\(CellText.shown(text)) is not a whole number, 0 or more")
        }
        return number
    }

    private func time(_ text: ArraySlice<UInt8>, _ field: String) throws(CellProblem) -> WallNanoseconds {
        guard let time = Timestamp.nanoseconds(text) else {
            throw CellProblem(
                column: field, reason: "\(CellText.shown(text)) is not a time such as 2026-11-21T03:00:00Z")
        }
        return time
    }

    /// What is said to someone who wrote another name.
    static func unknownReason(_ name: String) -> String {
        "unknown field \(CellText.shown(Array(name.utf8)[...])); known are \(fields.joined(separator: ", "))"
    }
}
