public import Calls
public import Engine
internal import FoundationEssentials
internal import Inventory
internal import Synchronization

/// The webhooks of one shop. Several shops may share a path.
public final class ShopifyFeed: HTTPFeed {
    public struct Settings: Sendable, Equatable {
        public var id: String
        public var path: String
        /// The shop's domain, such as `example.myshopify.com`.
        public var shop: String
        /// Files with the app's client secret, read when the feed begins: one, or two while it is rotated.
        public var secretFiles: [String]
        public var terms: ShopifyTerms

        public init(
            id: String, path: String = "/webhooks/shopify", shop: String, secretFiles: [String], terms: ShopifyTerms
        ) {
            self.id = id
            self.path = path
            self.shop = shop
            self.secretFiles = secretFiles
            self.terms = terms
        }
    }

    public let settings: Settings
    private let reader: ShopifyReader
    private let desk = FeedDesk<[Secret]>()
    private let ignored = Atomic<UInt64>(0)

    public init(_ settings: Settings) {
        self.settings = settings
        reader = ShopifyReader(settings.terms)
    }

    public var id: String { settings.id }
    public var kind: FeedKind { .shopify }
    public var source: String { settings.terms.source }
    public var path: String { settings.path }
    public var methods: [String] { ["POST"] }
    public var contentType: ContentType { .shopify }

    public func event(ofOriginal original: [UInt8]) -> IncomingEvent? { reader.event(original) }

    /// Webhooks of topics that say nothing of stock, since the start.
    public var ignoredDeliveries: UInt64 { ignored.load(ordering: .relaxed) }

    public func run(_ port: FeedPort) async throws(FeedFailure) {
        var secrets: [Secret] = []
        for file in settings.secretFiles { secrets.append(try Secret(file: file)) }
        try await desk.work(port, secrets)
    }

    public func isAddressed(by head: HTTPHead) -> Bool {
        head["X-Shopify-Shop-Domain"]?.lowercased() == settings.shop.lowercased()
    }

    public func admit(_ head: HTTPHead) -> HTTPAnswer? {
        if desk.credentials == nil { return .feedClosed }
        if head["X-Shopify-Hmac-SHA256"] == nil { return .text(401, "X-Shopify-Hmac-SHA256 is missing") }
        return nil
    }

    public func answer(_ head: HTTPHead, _ body: [UInt8]) async -> HTTPAnswer {
        guard let secrets = desk.credentials else { return .feedClosed }
        guard let code = Data(base64Encoded: head["X-Shopify-Hmac-SHA256"] ?? ""), code.count == 32 else {
            return .text(401, "X-Shopify-Hmac-SHA256 is no code of HMAC-SHA256 in base64")
        }
        // Every secret is tried, so that the time does not tell which was it.
        guard secrets.map({ $0.isCode(code, of: body) }).contains(true) else {
            return .text(401, "the body is not signed with a secret of this shop")
        }
        let delivery = ShopifyDelivery(body: body) { head[$0] }
        guard !delivery.webhookID.isEmpty else { return .text(400, "X-Shopify-Webhook-Id is missing") }
        // An error would have Shopify end the subscription.
        guard let event = reader.event(delivery) else {
            ignored.add(1, ordering: .relaxed)
            return .text(200, "webhooks of this topic are not looked at")
        }
        switch await desk.publish([event]) {
        case .published(let results): return head.prefersRepresentation ? .results(results) : HTTPAnswer(200)
        case .full: return .feedFull
        case .closed: return .feedClosed
        }
    }
}
