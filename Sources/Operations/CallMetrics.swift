public import Calls

/// The wire's counters as metric families, under the names of OpenTelemetry and of the gRPC dashboards in use.
public enum CallMetrics {
    /// - Parameters:
    ///   - loops: the counters of each event loop, all by the same method list.
    ///   - methods: that list. One more entry in the counters stands for unknown methods.
    public static func families(loops: [CallStatistics], methods: [MethodDescriptor]) -> [MetricFamily] {
        let totals = Totals(loops: loops, methodCount: methods.count + 1)
        let names = methods.map(MethodLabels.init) + [MethodLabels.other]
        return callFamilies(totals, names) + [
            MetricFamily(
                "availability_connections_open", help: "Connections open now.", kind: .gauge,
                value: .count(totals.connectionsOpen)),
            MetricFamily(
                "availability_connections_accepted_total", help: "Connections accepted.", kind: .counter,
                value: .count(totals.connectionsAccepted)),
            MetricFamily(
                "availability_received_bytes_total", help: "Bytes received by the gRPC port.", kind: .counter,
                value: .count(totals.bytesReceived)),
            MetricFamily(
                "availability_sent_bytes_total", help: "Bytes sent by the gRPC port.", kind: .counter,
                value: .count(totals.bytesSent)),
            MetricFamily(
                "availability_protocol_errors_total",
                help: "Streams reset or connections closed for breaking a protocol rule or a limit.", kind: .counter,
                value: .count(totals.protocolErrors)),
        ]
    }

    private static func callFamilies(_ totals: Totals, _ names: [MethodLabels]) -> [MetricFamily] {
        var started: [MetricFamily.Sample] = []
        var handled: [MetricFamily.Sample] = []
        var handling: [MetricFamily.Sample] = []
        var durations: [MetricFamily.Sample] = []
        for (labels, method) in zip(names, totals.methods) {
            started.append(.init(labels.grpc, .count(method.started)))
            for code in StatusCode.allCases {
                let outcome = method.outcomes[Int(code.rawValue)]
                guard outcome.count > 0 || code == .ok else { continue }
                handled.append(
                    .init(labels.grpc + [MetricLabel("grpc_code", code.dashboardName)], .count(outcome.count)))
                guard outcome.count > 0 else { continue }
                let status = MetricLabel("rpc_status_code", "\(code.name)")
                durations.append(.init(labels.openTelemetry + [status], .histogram(histogram(outcome))))
            }
            guard method.started > 0 else { continue }
            let all = method.outcomes.reduce(into: CallStatistics.Outcome()) { $0.add($1) }
            handling.append(.init(labels.grpc, .histogram(histogram(all))))
        }
        return [
            MetricFamily(
                "rpc_server_call_duration_seconds", help: "How long calls took, from their headers to their status.",
                kind: .histogram, samples: durations),
            MetricFamily(
                "grpc_server_started_total", help: "Calls started.", kind: .counter, samples: started),
            MetricFamily(
                "grpc_server_handled_total", help: "Calls ended, by status code.", kind: .counter, samples: handled),
            MetricFamily(
                "grpc_server_handling_seconds", help: "How long calls took, from their headers to their status.",
                kind: .histogram, samples: handling),
        ]
    }

    private static func histogram(_ outcome: CallStatistics.Outcome) -> MetricHistogram {
        MetricHistogram(
            bounds: boundsSeconds, counts: outcome.durations,
            sum: Double(outcome.durationSumNanoseconds) / 1_000_000_000)
    }

    private static let boundsSeconds = CallStatistics.bucketBoundsNanoseconds.map { Double($0) / 1_000_000_000 }
}

/// How a method is called in each family of names.
private struct MethodLabels {
    let openTelemetry: [MetricLabel]
    let grpc: [MetricLabel]

    static let other = MethodLabels(path: "_OTHER", type: "unary", service: "_OTHER", method: "_OTHER")

    init(_ method: MethodDescriptor) {
        let type =
            switch method.kind {
            case .unary, .unaryInline: "unary"
            case .serverStreaming: "server_stream"
            case .bidirectional: "bidi_stream"
            }
        self.init(path: "\(method.service)/\(method.name)", type: type, service: method.service, method: method.name)
    }

    private init(path: String, type: String, service: String, method: String) {
        openTelemetry = [MetricLabel("rpc_system_name", "grpc"), MetricLabel("rpc_method", path)]
        grpc = [
            MetricLabel("grpc_type", type), MetricLabel("grpc_service", service), MetricLabel("grpc_method", method),
        ]
    }
}

/// The loops' counters added up.
private struct Totals {
    var methods: [CallStatistics.Method]
    var connectionsOpen: UInt64 = 0
    var connectionsAccepted: UInt64 = 0
    var bytesReceived: UInt64 = 0
    var bytesSent: UInt64 = 0
    var protocolErrors: UInt64 = 0

    init(loops: [CallStatistics], methodCount: Int) {
        methods = [CallStatistics.Method](repeating: CallStatistics.Method(), count: methodCount)
        for loop in loops {
            // A loop that has not begun has no methods yet.
            for (index, method) in loop.methods.enumerated().prefix(methodCount) { add(method, at: index) }
            connectionsOpen += loop.connectionsOpen
            connectionsAccepted += loop.connectionsAccepted
            bytesReceived += loop.bytesReceived
            bytesSent += loop.bytesSent
            protocolErrors += loop.protocolErrors
        }
    }

    private mutating func add(_ method: CallStatistics.Method, at index: Int) {
        methods[index].started += method.started
        for code in method.outcomes.indices { methods[index].outcomes[code].add(method.outcomes[code]) }
    }
}

extension CallStatistics.Outcome {
    fileprivate mutating func add(_ other: CallStatistics.Outcome) {
        durationSumNanoseconds += other.durationSumNanoseconds
        for bucket in durations.indices { durations[bucket] += other.durations[bucket] }
    }
}

extension StatusCode {
    /// The code as the existing gRPC dashboards and alerts spell it (`InvalidArgument`, as Go does).
    var dashboardName: String {
        switch self {
        case .ok: "OK"
        case .cancelled: "Canceled"
        case .unknown: "Unknown"
        case .invalidArgument: "InvalidArgument"
        case .deadlineExceeded: "DeadlineExceeded"
        case .notFound: "NotFound"
        case .alreadyExists: "AlreadyExists"
        case .permissionDenied: "PermissionDenied"
        case .resourceExhausted: "ResourceExhausted"
        case .failedPrecondition: "FailedPrecondition"
        case .aborted: "Aborted"
        case .outOfRange: "OutOfRange"
        case .unimplemented: "Unimplemented"
        case .internalError: "Internal"
        case .unavailable: "Unavailable"
        case .dataLoss: "DataLoss"
        case .unauthenticated: "Unauthenticated"
        }
    }
}
