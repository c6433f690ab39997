internal import AsyncHTTPClient
internal import Dispatch
public import Feeds
internal import Foundation
public import Inventory
internal import NIOCore
internal import NIOHTTP1
internal import Synchronization

/// Posts a publication's events to a webhook: CloudEvents in the structured mode of the HTTP binding 1.0.2, signed by Standard
/// Webhooks. Redirects are not followed, and what a name stands for is looked at before each connection is made to it.
public final class WebhookTarget: PublicationTarget {
    /// A client bound to the one address that the host was found at.
    private struct Route: Sendable {
        let address: String
        let client: HTTPClient
        let madeNanoseconds: Int64
    }

    private struct State {
        var route: Route?
        var isShutDown = false
    }

    /// Bytes of an answer that are read so that the connection can be used again; it is closed at more.
    private static let answerBytesMax = 65_536
    /// How long a name stands for an address here.
    private static let addressNanoseconds: Int64 = 60 * .perSecond

    private let settings: WebhookSettings
    private let connectionsMax: Int
    private let now: @Sendable () -> WallNanoseconds
    private let monotonicNow: @Sendable () -> Int64
    private let state = Mutex(State())

    public let kind = PublicationKind.webhook
    public var text: String { settings.shownURL }

    /// - Parameter connectionsMax: as many as there may be events on their way.
    public init(
        _ settings: WebhookSettings, connectionsMax: Int, now: @escaping @Sendable () -> WallNanoseconds,
        monotonicNow: @escaping @Sendable () -> Int64
    ) {
        self.settings = settings
        self.connectionsMax = connectionsMax
        self.now = now
        self.monotonicNow = monotonicNow
    }

    public func send(_ event: PublishedEvent) async -> DeliveryAnswer {
        let client: HTTPClient
        let secrets: [StandardWebhook.Secret]
        do throws(FeedFailure) {
            secrets = try readSecrets()
            client = try await route()
        } catch {
            return .refused(.none, error.description)
        }
        var request = HTTPClientRequest(url: settings.url)
        request.method = .POST
        request.headers.add(name: "Content-Type", value: PublishedEvent.mediaType + "; charset=UTF-8")
        request.headers.add(name: "User-Agent", value: "availability-server")
        let signed = StandardWebhook.headers(
            id: event.id, atNanoseconds: now(), body: event.body, secrets: secrets)
        for header in settings.headers + signed { request.headers.add(name: header.name, value: header.value) }
        request.body = .bytes(ByteBuffer(bytes: event.body))
        do {
            let deadline = NIODeadline.now() + .nanoseconds(settings.timeoutNanoseconds)
            let response = try await client.execute(request, deadline: deadline)
            // What becomes of the answer's body changes nothing.
            try? await Self.passOver(response.body)
            return Self.answer(Int(response.status.code), response.headers)
        } catch {
            forgetRoute(of: client)
            return .refused(.none, Self.cause(error))
        }
    }

    public func shutDown() async {
        let route = state.withLock { state in
            state.isShutDown = true
            return state.route.take()
        }
        try? await route?.client.shutdown()
    }

    // MARK: Answers

    private static func passOver(_ body: HTTPClientResponse.Body) async throws {
        var bytes = 0
        for try await part in body {
            bytes += part.readableBytes
            // The rest is not waited for; the status says it all.
            if bytes > answerBytesMax { return }
        }
    }

    private static func answer(_ status: Int, _ headers: HTTPHeaders) -> DeliveryAnswer {
        if (200...299).contains(status) { return .delivered }
        let after = headers.first(name: "Retry-After").flatMap { WebhookRetry.RetryAfter(header: $0) }
        let words =
            switch status {
            case 300...399: "the receiver answered \(status), and redirects are not followed"
            case 410: "the receiver answered 410 Gone: it wants no more"
            default: "the receiver answered \(status)"
            }
        return .refused(.status(status, retryAfter: after), words)
    }

    /// Never the request, which is signed.
    private static func cause(_ error: any Error) -> String {
        switch error {
        case let error as HTTPClientError: "no answer: \(error.shortDescription)"
        case is CancellationError: "no answer: cancelled"
        default: "no answer: the receiver cannot be reached: \(type(of: error))"
        }
    }

    private func readSecrets() throws(FeedFailure) -> [StandardWebhook.Secret] {
        let content: String
        do {
            content = try String(contentsOfFile: settings.secretFile, encoding: .utf8)
        } catch {
            throw FeedFailure("secret_file: \(settings.secretFile) cannot be read")
        }
        guard content.utf8.count <= 4_096, let secrets = StandardWebhook.Secret.list(content), secrets.count <= 2
        else {
            throw FeedFailure("secret_file: \(settings.secretFile) must have one or two secrets, whsec_ and base64")
        }
        return secrets
    }

    // MARK: Addresses

    /// A client that connects to an address that was looked at, and to no other: a name that stands for another a moment later
    /// leads nowhere.
    private func route() async throws(FeedFailure) -> HTTPClient {
        let known = state.withLock { $0.route }
        if let known, monotonicNow() - known.madeNanoseconds < Self.addressNanoseconds { return known.client }
        let host = settings.host
        let addresses = await withCheckedContinuation { continuation in
            // The resolver blocks, and must not hold a thread of the Swift pool.
            DispatchQueue.global().async { continuation.resume(returning: HostNames.addresses(of: host)) }
        }
        guard !addresses.isEmpty else { throw FeedFailure("no address is known of \(host)") }
        let allowed = addresses.filter { settings.allowsPrivateAddresses || HostAddress($0)?.isPublic == true }
        guard let address = allowed.first else {
            throw FeedFailure(
                "\(host) is at \(addresses[0]), which is no public address; allow_private_addresses is not set")
        }
        let fresh = state.withLock { state -> (made: HTTPClient, old: HTTPClient?)? in
            guard !state.isShutDown else { return nil }
            let made = monotonicNow()
            if let route = state.route, route.address == address {
                state.route = Route(address: address, client: route.client, madeNanoseconds: made)
                return (route.client, nil)
            }
            let old = state.route?.client
            let client = makeClient(address)
            state.route = Route(address: address, client: client, madeNanoseconds: made)
            return (client, old)
        }
        guard let fresh else { throw FeedFailure("the server is stopping") }
        // Requests under way there fail and are sent again.
        if let old = fresh.old { Task { try? await old.shutdown() } }
        return fresh.made
    }

    private func makeClient(_ address: String) -> HTTPClient {
        var configuration = HTTPClient.Configuration()
        configuration.redirectConfiguration = .disallow
        configuration.dnsOverride = [settings.host: address]
        configuration.connectionPool.retryConnectionEstablishment = false
        configuration.connectionPool.concurrentHTTP1ConnectionsPerHostSoftLimit = connectionsMax
        // Shorter than servers keep an idle connection, which would close it just as we write.
        configuration.connectionPool.idleTimeout = .seconds(2)
        return HTTPClient(eventLoopGroupProvider: .singleton, configuration: configuration)
    }

    /// The name is looked up anew before the next attempt.
    private func forgetRoute(of client: HTTPClient) {
        state.withLock { state in
            guard let route = state.route, route.client === client else { return }
            state.route = Route(address: route.address, client: route.client, madeNanoseconds: .min / 2)
        }
    }
}
