public import Engine
internal import FoundationEssentials
public import Inventory

/// What a shop's webhooks mean here.
public struct ShopifyTerms: Sendable, Equatable {
    /// Which of an order's names a reservation has as its `order_reference`.
    public enum OrderReference: String, Sendable, CaseIterable {
        /// Unique over all shops.
        case id
        /// Such as `#1001`: other shops may have an order of that name.
        case name
    }

    /// The source whose events they are: one for each shop.
    public var source: String
    /// What `available` is: a net figure, without what Shopify has committed to its orders.
    public var availableAs: Bucket
    public var orderReference: OrderReference
    /// Inventory items and locations, by their ids in digits. What is not listed is a dead letter, whatever the mapping says.
    public var mapping: FeedMapping

    public init(
        source: String, availableAs: Bucket = .onHand, orderReference: OrderReference = .id, mapping: FeedMapping
    ) {
        self.source = source
        self.availableAs = availableAs
        self.orderReference = orderReference
        self.mapping = mapping
        // A number of theirs is no name of ours.
        self.mapping.passesUnlistedSkus = false
        self.mapping.passesUnlistedLocations = false
    }
}

/// A webhook's body and those of its headers that say what it is.
struct ShopifyDelivery: Equatable {
    /// Unique for a delivery, the same when it is repeated.
    var webhookID = ""
    var topic = ""
    var shop = ""
    /// When it was set off, in RFC 3339; may be empty.
    var triggeredAt = ""
    var body: [UInt8]

    /// - Parameter header: a header's value by its name.
    init(body: [UInt8], header: (String) -> String?) {
        self.body = body
        webhookID = header("X-Shopify-Webhook-Id") ?? ""
        topic = header("X-Shopify-Topic") ?? ""
        shop = header("X-Shopify-Shop-Domain") ?? ""
        triggeredAt = header("X-Shopify-Triggered-At") ?? ""
    }

    /// As HTTP has it: the headers, an empty line, the body as it came.
    var message: [UInt8] {
        let head = [
            "X-Shopify-Webhook-Id: \(webhookID)", "X-Shopify-Topic: \(topic)", "X-Shopify-Shop-Domain: \(shop)",
            "X-Shopify-Triggered-At: \(triggeredAt)", "", "",
        ]
        return Array(head.joined(separator: "\r\n").utf8) + body
    }

    /// Reads `message`; nil: it is none.
    init?(message: [UInt8]) {
        var values: [String: String] = [:]
        var rest = message[...]
        while true {
            guard let end = rest.firstIndex(of: UInt8(ascii: "\n")) else { return nil }
            let line = String(decoding: rest[..<end], as: UTF8.self).trimmingSuffix("\r")
            rest = rest[(end + 1)...]
            if line.isEmpty { break }
            guard let colon = line.firstIndex(of: ":") else { return nil }
            values[String(line[..<colon])] = line[line.index(after: colon)...].trimmed
        }
        self.init(body: Array(rest)) { values[$0] }
    }
}

/// Makes canonical events of Shopify's webhooks. Pure.
public struct ShopifyReader: Sendable {
    public let terms: ShopifyTerms

    public init(_ terms: ShopifyTerms) {
        self.terms = terms
    }

    /// A dead letter's original once more; nil: it is none of a webhook.
    public func event(_ original: [UInt8]) -> IncomingEvent? { ShopifyDelivery(message: original).flatMap(event) }

    /// Nil: of a topic that says nothing of stock.
    func event(_ delivery: ShopifyDelivery) -> IncomingEvent? {
        let fill: (inout InventoryEvent, inout ObjectReader, ShopifyDelivery) throws(EventRejection) -> Void
        switch delivery.topic {
        case "inventory_levels/update": fill = inventoryLevel
        case "orders/cancelled": fill = cancelledOrder
        default: return nil
        }
        var event = InventoryEvent(
            id: delivery.webhookID, source: terms.source, kind: .unsupported(name: ""), occurredAtNanoseconds: 0)
        let original = delivery.message
        do throws(EventRejection) {
            var fields = try object(delivery.body)
            try fill(&event, &fields, delivery)
            return IncomingEvent(event: event, original: original, contentType: .shopify)
        } catch {
            return .rejected(error, known: event, original: original, contentType: .shopify)
        }
    }

    /// `{"inventory_item_id":…,"location_id":…,"available":…,"updated_at":…}`: one absolute figure.
    private func inventoryLevel(
        _ event: inout InventoryEvent, _ fields: inout ObjectReader, _ delivery: ShopifyDelivery
    ) throws(EventRejection) {
        event.kind = .positionSnapshot
        event.occurredAtNanoseconds = try time(try fields.time("updated_at"), delivery)
        let item = try required("inventory_item_id", try fields.int64("inventory_item_id"))
        guard let sku = terms.mapping.sku(String(item)) else {
            throw EventRejection(.invalidField, "inventory_item_id: the map has no sku for \(item)")
        }
        event.sku = sku
        let place = try required("location_id", try fields.int64("location_id"))
        guard let location = terms.mapping.location(String(place)) else {
            throw EventRejection(.invalidField, "location_id: the map has no location for \(place)")
        }
        event.location = location
        event.snapshot.touched = BucketSet(terms.availableAs)
        // Null: the shop does not count the item.
        event.snapshot.values[terms.availableAs] = try required("available", try fields.int64("available"))
    }

    /// `{"id":…,"name":…,"cancelled_at":…, …}`.
    private func cancelledOrder(
        _ event: inout InventoryEvent, _ fields: inout ObjectReader, _ delivery: ShopifyDelivery
    ) throws(EventRejection) {
        event.kind = .orderCancelled
        let cancelledAt = try fields.time("cancelled_at")
        let updatedAt = try fields.time("updated_at")
        event.occurredAtNanoseconds = try time(cancelledAt ?? updatedAt, delivery)
        switch terms.orderReference {
        case .id: event.hold.orderReference = String(try required("id", try fields.int64("id")))
        case .name:
            event.hold.orderReference = try fields.string("name")
            if event.hold.orderReference.isEmpty { throw EventRejection(.invalidField, "name: is required") }
        }
    }

    /// Shopify tells whole seconds. Of figures of the same second the later one is known by when it was set off.
    private func time(
        _ told: WallNanoseconds?, _ delivery: ShopifyDelivery
    ) throws(EventRejection) -> WallNanoseconds {
        let triggered = Timestamp.nanoseconds(delivery.triggeredAt)
        guard let told else { return try required("updated_at", triggered) }
        guard let triggered, triggered > told, told % .perSecond == 0 else { return told }
        return triggered - told < .perSecond ? triggered : told + .perSecond - 1
    }

    private func required<Value>(_ field: String, _ value: Value?) throws(EventRejection) -> Value {
        guard let value else { throw EventRejection(.invalidField, "\(field): is required") }
        return value
    }

    private func object(_ body: [UInt8]) throws(EventRejection) -> ObjectReader {
        do {
            try JSONShape.check(body)
            return try JSONDecoder().decode(DecodedObject.self, from: Data(body)).reader.get()
        } catch {
            throw EventRejection(.invalidField, "body: is no JSON object")
        }
    }
}

/// Any object.
private struct DecodedObject: Decodable {
    var reader: Result<ObjectReader, EventRejection>

    init(from decoder: any Decoder) {
        do throws(EventRejection) {
            reader = .success(try ObjectReader(decoder))
        } catch {
            reader = .failure(error)
        }
    }
}

extension String {
    fileprivate func trimmingSuffix(_ suffix: String) -> String {
        hasSuffix(suffix) ? String(dropLast(suffix.count)) : self
    }
}
