internal import AsyncHTTPClient
internal import Dispatch
internal import Engine
public import Feeds
internal import Foundation
public import Inventory
internal import NIOCore
internal import NIOHTTP1
internal import NIOSSL
internal import Synchronization

/// Posts a publication's events to a webhook: CloudEvents in the structured mode of the HTTP binding 1.0.2, signed by Standard
/// Webhooks. Redirects are not followed, and what a name stands for is looked at before each connection is made to it.
public final class WebhookTarget: PublicationTarget {
    /// A client bound to the one address that the host was found at, and to the authorities that were in their file.
    private struct Route: Sendable {
        let address: String
        let authorities: [UInt8]?
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
            await Self.passOver(response.body, until: deadline)
            return Self.answer(Int(response.status.code), response.headers)
        } catch {
            forgetRoute(of: client)
            return .refused(.none, Self.cause(error, host: settings.host))
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

    /// Reads an answer's body to its end, so that the connection can be used again. One that is too long or too late is left,
    /// and its connection closed: the status says it all. The client itself watches the time only up to the answer's head.
    private static func passOver(_ body: HTTPClientResponse.Body, until deadline: NIODeadline) async {
        let reading = Task {
            var bytes = 0
            for try await part in body {
                bytes += part.readableBytes
                if bytes > Self.answerBytesMax { return }
            }
        }
        let late = HTTPClient.defaultEventLoopGroup.any().scheduleTask(deadline: deadline) { reading.cancel() }
        await withTaskCancellationHandler {
            _ = await reading.result
        } onCancel: {
            reading.cancel()
        }
        late.cancel()
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
    private static func cause(_ error: any Error, host: String) -> String {
        switch error {
        case let error as NIOSSLExtraError where error == .failedToValidateHostname:
            return "no answer: the receiver's certificate is not one of \(host)"
        case NIOSSLError.handshakeFailed(let error):
            let isUntrusted = String(describing: error).contains("CERTIFICATE_VERIFY_FAILED")
            return isUntrusted
                ? "no answer: the receiver's certificate is not trusted: its authority is unknown, or it has expired"
                : "no answer: no TLS with the receiver"
        case let error as HTTPClientError: return "no answer: \(error.shortDescription)"
        case is CancellationError: return "no answer: cancelled"
        default: return "no answer: the receiver cannot be reached: \(type(of: error))"
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
        let found = FirstAnswer<[String]>()
        // The resolver blocks, and must not hold a thread of the Swift pool, or a task that is cancelled.
        DispatchQueue.global().async { found.give(HostNames.addresses(of: host)) }
        let addresses = await found.wait(ifCancelled: [])
        guard !addresses.isEmpty else { throw FeedFailure("no address is known of \(host)") }
        let allowed = addresses.filter { settings.allowsPrivateAddresses || HostAddress($0)?.isPublic == true }
        guard let address = allowed.first else {
            throw FeedFailure(
                "\(host) is at \(addresses[0]), which is no public address; allow_private_addresses is not set")
        }
        let (authorities, certificates) = try readAuthorities()
        let fresh = state.withLock { state -> (made: HTTPClient, old: HTTPClient?)? in
            guard !state.isShutDown else { return nil }
            func route(_ client: HTTPClient) -> Route {
                Route(
                    address: address, authorities: authorities, client: client, madeNanoseconds: monotonicNow())
            }
            if let known = state.route, known.address == address, known.authorities == authorities {
                state.route = route(known.client)
                return (known.client, nil)
            }
            let old = state.route?.client
            let client = makeClient(address, certificates)
            state.route = route(client)
            return (client, old)
        }
        guard let fresh else { throw FeedFailure("the server is stopping") }
        // Requests under way there fail and are sent again.
        if let old = fresh.old { Task { try? await old.shutdown() } }
        return fresh.made
    }

    /// What is in `ca_file`; nil: those of the system are to be asked.
    private func readAuthorities() throws(FeedFailure) -> ([UInt8]?, [NIOSSLCertificate]?) {
        guard let file = settings.caFile else { return (nil, nil) }
        guard let content = FileManager.default.contents(atPath: file) else {
            throw FeedFailure("ca_file: \(file) cannot be read")
        }
        let bytes = Array(content)
        guard let certificates = try? NIOSSLCertificate.fromPEMBytes(bytes), !certificates.isEmpty else {
            throw FeedFailure("ca_file: \(file) must have certificates in PEM")
        }
        return (bytes, certificates)
    }

    private func makeClient(_ address: String, _ authorities: [NIOSSLCertificate]?) -> HTTPClient {
        var tls = NIOSSL.TLSConfiguration.makeClientConfiguration()
        tls.minimumTLSVersion = .tlsv12
        if let authorities { tls.trustRoots = .certificates(authorities) }
        var configuration = HTTPClient.Configuration()
        configuration.tlsConfiguration = tls
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
            state.route = Route(
                address: route.address, authorities: route.authorities, client: route.client,
                madeNanoseconds: .min / 2)
        }
    }
}
