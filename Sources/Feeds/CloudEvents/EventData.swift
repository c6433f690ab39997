internal import FoundationEssentials
internal import Inventory

/// The data of a CloudEvent: an `availability.v1.InventoryEvent` in proto JSON. What the envelope says may be absent.
struct EventData: Sendable {
    var id = ""
    var source = ""
    var sequence: UInt64?
    var kind: InventoryEventKind?
    var occurredAtNanoseconds: WallNanoseconds?
    var sku = ""
    var location = ""
    var correlationID = ""
    /// All that only the data says; the fields above are not set in it.
    var event = InventoryEvent(id: "", source: "", kind: .unsupported(name: ""), occurredAtNanoseconds: 0)

    init() {}

    init(_ fields: inout ObjectReader) throws(EventRejection) {
        id = try fields.string("id")
        source = try fields.string("source")
        sequence = try fields.uint64("sequence")
        kind = try fields.named(
            "type", unspecified: "INVENTORY_EVENT_TYPE_UNSPECIFIED", byName: InventoryEventKind.init(contractName:),
            byNumber: InventoryEventKind.init(contractNumber:))
        occurredAtNanoseconds = try fields.time("occurred_at")
        sku = try fields.string("sku")
        location = try fields.string("location")
        correlationID = try fields.string("correlation_id")
        event.toLocation = try fields.string("to_location")
        event.lot = try fields.string("lot")
        event.quantity = try fields.int64("quantity")
        event.status = try Self.status(&fields, "status")
        event.toStatus = try Self.status(&fields, "to_status")
        event.reason = try fields.string("reason")
        event.reference = try fields.string("reference")
        event.hold.reservationID = try fields.string("reservation_id")
        event.hold.lineID = try fields.uint32("reservation_line") ?? 0
        event.hold.erpReference = try fields.string("erp_reference")
        event.hold.orderReference = try fields.string("order_reference")
        if let snapshot = try fields.object("position", Self.snapshot) { event.snapshot = snapshot }
        event.contains = try fields.objects("contains", countMax: Limits.containsMax, Self.containedHold)
        if let supply = try fields.object("supply", SupplyData.init) { event.supplyID = supply.id }
    }

    private static func status(
        _ fields: inout ObjectReader, _ name: String
    ) throws(EventRejection) -> StockStatus? {
        try fields.named(
            name, unspecified: "STOCK_STATUS_UNSPECIFIED", byName: StockStatus.init(contractName:),
            byNumber: { UInt8(exactly: $0).flatMap(StockStatus.init(rawValue:)) })
    }

    private static func snapshot(_ fields: inout ObjectReader) throws(EventRejection) -> StockEffect {
        var effect = StockEffect(isAbsolute: true)
        for bucket in Bucket.allCases {
            // `reserved` and `releasing` are the ledger's own account: known, and ignored.
            guard let figure = try fields.int64(bucket.name), bucket.isFed else { continue }
            effect.touched.insert(BucketSet(bucket))
            effect.values[bucket] = figure
        }
        return effect
    }

    private static func containedHold(_ fields: inout ObjectReader) throws(EventRejection) -> ContainedHold {
        ContainedHold(
            reservationID: try fields.string("reservation_id"), lineID: try fields.uint32("reservation_line") ?? 0,
            quantity: try fields.int64("quantity") ?? 0)
    }
}

/// The supply of an event.
private struct SupplyData {
    var id: String
    var quantity: Int64
    var expectedAtNanoseconds: WallNanoseconds?
    var backordered: Int64

    init(_ fields: inout ObjectReader) throws(EventRejection) {
        id = try fields.string("id")
        quantity = try fields.int64("quantity") ?? 0
        expectedAtNanoseconds = try fields.time("expected_at")
        backordered = try fields.int64("backordered") ?? 0
    }
}
