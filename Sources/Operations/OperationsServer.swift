import Hummingbird
import HummingbirdCore
public import Logging
import NIOCore
public import ServiceLifecycle

/// The HTTP/1.1 port for operators: `/livez`, `/readyz` and `/metrics`.
public struct OperationsServer: Service {
    /// Bounds of the port. Probes and scrapers need no more.
    private enum Limits {
        static let connectionsMax = 64
        static let idleSeconds: Int64 = 60
        static let headerListBytesMax = 8 << 10
        static let headerFieldsMax = 100
    }

    private let host: String
    private let port: Int
    private let sources: OperationsSources
    private let logger: Logger
    private let onRunning: @Sendable (Int) async -> Void

    /// - Parameters:
    ///   - port: 0 lets the system choose.
    ///   - onRunning: told the port once it is bound.
    public init(
        host: String, port: Int, sources: OperationsSources, logger: Logger,
        onRunning: @escaping @Sendable (_ port: Int) async -> Void = { _ in }
    ) {
        self.host = host
        self.port = port
        self.sources = sources
        self.logger = logger
        self.onRunning = onRunning
    }

    /// Serves until the service group shuts down gracefully or the task is cancelled. Throws when it cannot listen.
    public func run() async throws {
        let decoder = HTTP1Channel.Configuration.DecoderConfiguration(
            maxHeaderFieldSize: Limits.headerListBytesMax, maxHeaderListSize: Limits.headerListBytesMax,
            maxHeaderFieldCount: Limits.headerFieldsMax)
        let onRunning = self.onRunning
        let application = Application(
            responder: OperationsResponder(sources: sources),
            server: .http1(
                configuration: .init(idleTimeout: .seconds(Limits.idleSeconds), httpDecoderConfiguration: decoder)),
            configuration: ApplicationConfiguration(
                address: .hostname(host, port: port),
                availableConnectionsDelegate: MaximumAvailableConnections.maximum(
                    Limits.connectionsMax, logger: logger)),
            onServerRunning: { channel in await onRunning(channel.localAddress?.port ?? 0) },
            logger: logger)
        try await application.run()
    }
}
