public import Calls

/// Where the operations port gets what it shows. Each closure is called once a request, from any thread, and must
/// neither block nor fail.
public struct OperationsSources: Sendable {
    public var checks: @Sendable () -> [ReadinessCheck]
    /// One for each event loop.
    public var callStatistics: @Sendable () -> [CallStatistics]
    /// The server's methods, in the order of the counters.
    public var methods: [MethodDescriptor]
    /// Further metrics.
    public var families: @Sendable () -> [MetricFamily]

    public init(
        checks: @escaping @Sendable () -> [ReadinessCheck], callStatistics: @escaping @Sendable () -> [CallStatistics],
        methods: [MethodDescriptor], families: @escaping @Sendable () -> [MetricFamily]
    ) {
        self.checks = checks
        self.callStatistics = callStatistics
        self.methods = methods
        self.families = families
    }
}
