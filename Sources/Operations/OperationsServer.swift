import Hummingbird
import HummingbirdCore
public import Logging
import NIOCore
public import ServiceLifecycle

/// The HTTP/1.1 port: `/livez`, `/readyz` and `/metrics` for operators, and the endpoints that others register.
public struct OperationsServer: Service {
    private let host: String
    private let port: Int
    private let sources: OperationsSources
    private let logger: Logger
    private let onRunning: @Sendable (Int) async -> Void
    var limits = PortLimits()

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
        let budget = PortBudget(limits: limits)
        let decoder = HTTP1Channel.Configuration.DecoderConfiguration(
            maxHeaderFieldSize: limits.headerListBytesMax, maxHeaderListSize: limits.headerListBytesMax,
            maxHeaderFieldCount: limits.headerFieldsMax)
        let onRunning = self.onRunning
        let application = Application(
            responder: OperationsResponder(sources: sources, budget: budget),
            server: .http1(
                configuration: .init(
                    additionalChannelHandlers: [ConnectionCounter(budget: budget)],
                    idleTimeout: .seconds(limits.idleSeconds), httpDecoderConfiguration: decoder)),
            configuration: ApplicationConfiguration(address: .hostname(host, port: port)),
            onServerRunning: { channel in await onRunning(channel.localAddress?.port ?? 0) },
            logger: logger)
        try await application.run()
    }
}
