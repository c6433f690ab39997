import Calls
import Engine
import Foundation
import Inventory
import Testing

@testable import Feeds

@Suite struct ShopifyReaderTests {
    private let mapping = FeedMapping(skus: ["808950810": "SHIRT"], locations: ["655441491": "WH1"])

    private func event(
        _ topic: String, _ body: String, triggered: String = "", _ change: (inout ShopifyTerms) -> Void = { _ in }
    ) -> IncomingEvent? {
        var terms = ShopifyTerms(source: "shop-1", mapping: mapping)
        change(&terms)
        let headers = ["X-Shopify-Webhook-Id": "w-1", "X-Shopify-Topic": topic, "X-Shopify-Triggered-At": triggered]
        return ShopifyReader(terms).event(ShopifyDelivery(body: Array(body.utf8)) { headers[$0] })
    }

    private let level = """
        {"inventory_item_id":808950810,"location_id":655441491,"available":12,"updated_at":"2026-11-20T22:00:00-05:00",
        "admin_graphql_api_id":"gid://shopify/InventoryLevel/1"}
        """

    @Test func aLevelIsOneAbsoluteFigure() throws {
        let incoming = try #require(event("inventory_levels/update", level))
        let told = incoming.event
        #expect(told.kind == .positionSnapshot && told.id == "w-1" && told.source == "shop-1")
        #expect(told.sku == "SHIRT" && told.location == "WH1")
        #expect(told.occurredAtNanoseconds == 1_795_230_000_000_000_000)
        #expect(told.snapshot.touched == BucketSet(.onHand) && told.snapshot.values[.onHand] == 12)
        #expect(incoming.contentType == .shopify)
        let again = ShopifyReader(ShopifyTerms(source: "shop-1", mapping: mapping)).event(incoming.original)
        #expect(again?.event == told, "what is kept reads the same")
        let other = try #require(event("inventory_levels/update", level) { $0.availableAs = .safetyStock })
        #expect(other.event.snapshot.touched == BucketSet(.safetyStock))
    }

    @Test(arguments: [
        ("2026-11-21T03:00:00.25Z", 250_000_000), ("2026-11-21T03:00:04Z", 999_999_999),
        ("2026-11-21T02:00:00Z", 0), ("", 0), ("nonsense", 0),
    ])
    func withinASecondTheLaterDeliveryIsTheLaterFigure(_ triggered: String, _ nanoseconds: Int64) {
        let told = event("inventory_levels/update", level, triggered: triggered)?.event
        #expect(told?.occurredAtNanoseconds == 1_795_230_000_000_000_000 + nanoseconds)
    }

    @Test func aCancelledOrderReleasesItsHold() throws {
        let body =
            ##"{"id":820982911946154508,"name":"#9999","cancelled_at":"2026-11-21T03:00:00Z","line_items":[{"id":1}]}"##
        let told = try #require(event("orders/cancelled", body)).event
        #expect(told.kind == .orderCancelled && told.hold.orderReference == "820982911946154508")
        #expect(told.occurredAtNanoseconds == 1_795_230_000_000_000_000)
        #expect(event("orders/cancelled", body) { $0.orderReference = .name }?.event.hold.orderReference == "#9999")
    }

    @Test(arguments: [
        ("inventory_levels/update", "[]", "body: is no JSON object"),
        ("inventory_levels/update", "", "body: is no JSON object"),
        ("inventory_levels/update", "{}", "updated_at: is required"),
        ("inventory_levels/update", #"{"updated_at":"2026-11-21T03:00:00Z"}"#, "inventory_item_id: is required"),
        (
            "inventory_levels/update", #"{"updated_at":"2026-11-21T03:00:00Z","inventory_item_id":5}"#,
            "inventory_item_id: the map has no sku for 5"
        ),
        (
            "inventory_levels/update",
            #"{"updated_at":"2026-11-21T03:00:00Z","inventory_item_id":808950810,"location_id":6}"#,
            "location_id: the map has no location for 6"
        ),
        (
            "inventory_levels/update",
            #"{"updated_at":"2026-11-21T03:00:00Z","inventory_item_id":808950810,"location_id":655441491,"available":null}"#,
            "available: is required"
        ),
        ("orders/cancelled", #"{"cancelled_at":"2026-11-21T03:00:00Z"}"#, "id: is required"),
        ("orders/cancelled", #"{"cancelled_at":"soon"}"#, "cancelled_at: is no time of RFC 3339 after 1970"),
    ])
    func aBadBodyIsRejectedByTheFieldsName(_ topic: String, _ body: String, _ message: String) {
        #expect(event(topic, body)?.refusal == message)
    }

    @Test func otherTopicsSayNothing() {
        #expect(event("products/update", "{}") == nil && event("", "{}") == nil)
    }

    @Test func whatIsNotMappedIsNeverTakenAsItIs() {
        #expect(
            event("inventory_levels/update", level) {
                $0 = ShopifyTerms(source: "shop-1", mapping: FeedMapping(passesUnlistedSkus: true))
            }?.refusal == "inventory_item_id: the map has no sku for 808950810")
    }
}

@Suite struct ShopifyFeedTests {
    /// The body `{}` under these secrets, by `openssl dgst -sha256 -hmac SECRET -binary | base64`.
    private let codes = [
        "old": "QZ+Ew9+x2r/jd/WjSFlYS4+qgxRMKjsrcqjE3tTik6Y=", "new": "Vv3kQImLIEbu5vWIFuqBxXgNa9XTTRzkG5nVTtrLxLg=",
    ]

    private func feed(_ secrets: [String] = ["old", "new"], shop: String = "one.myshopify.com") throws -> ShopifyFeed {
        ShopifyFeed(
            ShopifyFeed.Settings(
                id: "shop", shop: shop, secretFiles: try secrets.map(secretFile),
                terms: ShopifyTerms(source: "shop-1", mapping: FeedMapping())))
    }

    private func head(_ topic: String, code: String?, id: String? = "w-1", shop: String = "One.myshopify.com")
        -> HTTPHead
    {
        var fields = ["X-SHOPIFY-Topic": topic, "x-shopify-shop-domain": shop]
        if let code { fields["x-shopify-hmac-sha256"] = code }
        if let id { fields["X-Shopify-Webhook-Id"] = id }
        return .post("/webhooks/shopify", fields)
    }

    @Test func eitherSecretSignsAndNothingElseDoes() async throws {
        let body = Array("{}".utf8)
        let feed = try feed()
        let port = ScriptedPort()
        try await port.run(feed) {
            for code in codes.values {
                #expect(await feed.answer(head("products/update", code: code), body).status == 200)
                #expect(await feed.answer(head("products/update", code: code), Array("{} ".utf8)).status == 401)
            }
            #expect(feed.ignoredDeliveries == 2)
            for wrong in ["", "!", "AAAA", Data(repeating: 0, count: 32).base64EncodedString()] {
                #expect(await feed.answer(head("orders/cancelled", code: wrong), body).status == 401)
            }
            #expect(feed.admit(head("orders/cancelled", code: nil))?.status == 401)
            #expect(await feed.answer(head("x", code: codes["new"], id: nil), body).status == 400)
            #expect(port.published.isEmpty)
            #expect(await feed.answer(head("orders/cancelled", code: codes["new"]), body).status == 200)
            #expect(port.published.count == 1, "a bad body is a dead letter, and Shopify need not send it again")
        }
        #expect(feed.admit(head("x", code: codes["new"]))?.status == 503)
    }

    @Test func eachShopHasItsOwnSecrets() async throws {
        let feeds = [try feed(["old"]), try feed(["new"], shop: "two.myshopify.com")]
        let (one, two) = (ScriptedPort(), ScriptedPort())
        let endpoint = try #require(endpoints(of: feeds).first)
        #expect(endpoints(of: feeds).count == 1 && endpoint.methods == ["POST"])
        try await one.run(feeds[0]) {
            try await two.run(feeds[1]) {
                func status(_ shop: String, _ code: String) async -> Int {
                    let head = head("orders/cancelled", code: codes[code], shop: shop)
                    if let refusal = endpoint.admit(head) { return refusal.status }
                    return await endpoint.answer(head, Array("{}".utf8)).status
                }
                #expect(await status("one.myshopify.com", "old") == 200)
                #expect(await status("one.myshopify.com", "new") == 401)
                #expect(await status("two.myshopify.com", "new") == 200)
                #expect(await status("three.myshopify.com", "new") == 401)
            }
        }
        #expect(one.published.count == 1 && two.published.count == 1)
    }
}
