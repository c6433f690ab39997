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

    /// The switches of an embedded ERP, by its name: shows them after setting those named. Nil: no such ERP.
    public var erpSwitches: @Sendable (_ erp: String, _ parameters: [(name: String, value: String)]) -> SwitchAnswer?

    /// Paths that take bodies. They have a budget of their own: their senders never keep probes and scrapers out.
    public var endpoints: [HTTPEndpoint]

    public init(
        checks: @escaping @Sendable () -> [ReadinessCheck], callStatistics: @escaping @Sendable () -> [CallStatistics],
        methods: [MethodDescriptor], families: @escaping @Sendable () -> [MetricFamily],
        erpSwitches:
            @escaping @Sendable (_ erp: String, _ parameters: [(name: String, value: String)]) -> SwitchAnswer? =
            { _, _ in nil },
        endpoints: [HTTPEndpoint] = []
    ) {
        self.endpoints = endpoints
        self.erpSwitches = erpSwitches
        self.checks = checks
        self.callStatistics = callStatistics
        self.methods = methods
        self.families = families
    }
}

/// What came of setting switches.
public enum SwitchAnswer: Sendable, Equatable {
    /// A line for each switch.
    case shown(String)
    /// What is wrong, naming the parameter.
    case refused(String)
}
