import Foundation
import GRPCCore
import GRPCNIOTransportHTTP2

/// A connection to the server and what every call on it carries.
struct Connection: Sendable {
    typealias Transport = HTTP2ClientTransport.Posix

    let client: GRPCClient<Transport>
    let metadata: Metadata
    let options: CallOptions

    var availability: Availability_V1_AvailabilityService.Client<Transport> { .init(wrapping: client) }
    var feed: Availability_V1_InventoryFeedService.Client<Transport> { .init(wrapping: client) }
    var policy: Availability_V1_PolicyService.Client<Transport> { .init(wrapping: client) }
    var reservations: Availability_V1_ReservationService.Client<Transport> { .init(wrapping: client) }
    var operations: Availability_V1_OperationsService.Client<Transport> { .init(wrapping: client) }

    /// Runs `body` with a connection and closes it. A server that cannot be reached fails the first call.
    static func with<Result: Sendable>(
        _ options: ClientOptions, body: @Sendable (Connection) async throws -> Result
    ) async throws -> Result {
        guard let address = ServerAddress(options.address) else {
            preconditionFailure("the address was checked when it was parsed")
        }
        let transport = try Transport(target: address.target, transportSecurity: security(options))
        var metadata: Metadata = [:]
        if let token = ProcessInfo.processInfo.environment["AVAIL_TOKEN"], !token.isEmpty {
            metadata.addString("Bearer \(token)", forKey: "authorization")
        }
        var callOptions = CallOptions.defaults
        callOptions.timeout = options.timeout.duration
        callOptions.waitForReady = false
        let carried = (metadata, callOptions)
        return try await withGRPCClient(transport: transport) { client in
            try await body(Connection(client: client, metadata: carried.0, options: carried.1))
        }
    }

    private static func security(_ options: ClientOptions) -> Transport.TransportSecurity {
        guard options.usesTLS else { return .plaintext }
        return .tls { tls in
            if let authority = options.tlsCa {
                tls.trustRoots = .certificates([.file(path: authority, format: .pem)])
            }
            if let certificate = options.tlsCert, let key = options.tlsKey {
                tls.certificateChain = [.file(path: certificate, format: .pem)]
                tls.privateKey = .file(path: key, format: .pem)
            }
        }
    }
}
