import Calls
import Testing

@testable import Operations

struct PrometheusTextTests {
    @Test func familiesAreWrittenAsTheFormatSays() {
        let histogram = MetricHistogram(bounds: [0.00001, 0.5, 1], counts: [1, 2, 0, 4], sum: 12.25)
        let text = PrometheusText.text(of: [
            MetricFamily(
                "events_total", help: "Events, by source.\nA \\ in help", kind: .counter,
                samples: [
                    .init([MetricLabel("source", "wms \"1\"\\\n"), MetricLabel("outcome", "APPLIED")], .count(.max)),
                    .init([MetricLabel("source", "ü")], .whole(-1)),
                ]),
            MetricFamily("age_seconds", help: "Age.", kind: .gauge, value: .real(1.5)),
            MetricFamily("limit", help: "Limit.", kind: .gauge, value: .real(.infinity)),
            MetricFamily("ratio", help: "Ratio.", kind: .gauge, value: .real(.nan)),
            MetricFamily("empty_total", help: "None yet.", kind: .counter, samples: []),
            MetricFamily(
                "wait_seconds", help: "Waits.", kind: .histogram,
                samples: [.init([MetricLabel("lane", "a")], .histogram(histogram)), .init([], .histogram(histogram))]),
        ])
        #expect(
            text == """
                # HELP events_total Events, by source.\\nA \\\\ in help
                # TYPE events_total counter
                events_total{source="wms \\"1\\"\\\\\\n",outcome="APPLIED"} 18446744073709551615
                events_total{source="ü"} -1
                # HELP age_seconds Age.
                # TYPE age_seconds gauge
                age_seconds 1.5
                # HELP limit Limit.
                # TYPE limit gauge
                limit +Inf
                # HELP ratio Ratio.
                # TYPE ratio gauge
                ratio NaN
                # HELP empty_total None yet.
                # TYPE empty_total counter
                # HELP wait_seconds Waits.
                # TYPE wait_seconds histogram
                wait_seconds_bucket{lane="a",le="1e-05"} 1
                wait_seconds_bucket{lane="a",le="0.5"} 3
                wait_seconds_bucket{lane="a",le="1"} 3
                wait_seconds_bucket{lane="a",le="+Inf"} 7
                wait_seconds_sum{lane="a"} 12.25
                wait_seconds_count{lane="a"} 7
                wait_seconds_bucket{le="1e-05"} 1
                wait_seconds_bucket{le="0.5"} 3
                wait_seconds_bucket{le="1"} 3
                wait_seconds_bucket{le="+Inf"} 7
                wait_seconds_sum 12.25
                wait_seconds_count 7

                """)
    }
}

struct CallMetricsTests {
    private let methods = [
        MethodDescriptor(service: "a.v1.S", name: "Read", kind: .unaryInline),
        MethodDescriptor(service: "a.v1.S", name: "Feed", kind: .bidirectional),
    ]

    @Test func theLoopsAreAddedUp() {
        var loop = CallStatistics()
        loop.methods = [CallStatistics.Method](repeating: .init(), count: 3)
        loop.methods[0].started = 3
        loop.methods[0].outcomes[Int(StatusCode.ok.rawValue)].durations[0] = 2
        loop.methods[0].outcomes[Int(StatusCode.ok.rawValue)].durationSumNanoseconds = 500_000_000
        loop.methods[0].outcomes[Int(StatusCode.internalError.rawValue)].durations[19] = 1
        loop.methods[0].outcomes[Int(StatusCode.internalError.rawValue)].durationSumNanoseconds = 1_000_000_000
        loop.methods[2].started = 1
        loop.connectionsOpen = 2
        loop.protocolErrors = 1
        let text = PrometheusText.text(
            of: CallMetrics.families(loops: [loop, CallStatistics(), loop], methods: methods))
        let lines = Set(text.split(separator: "\n").map(String.init))
        let call = "rpc_system_name=\"grpc\",rpc_method=\"a.v1.S/Read\""
        let read = "grpc_type=\"unary\",grpc_service=\"a.v1.S\",grpc_method=\"Read\""
        for line in [
            "rpc_server_call_duration_seconds_bucket{\(call),rpc_status_code=\"OK\",le=\"1e-05\"} 4",
            "rpc_server_call_duration_seconds_bucket{\(call),rpc_status_code=\"INTERNAL\",le=\"10\"} 0",
            "rpc_server_call_duration_seconds_bucket{\(call),rpc_status_code=\"INTERNAL\",le=\"+Inf\"} 2",
            "rpc_server_call_duration_seconds_sum{\(call),rpc_status_code=\"OK\"} 1",
            "grpc_server_handling_seconds_sum{\(read)} 3",
            "grpc_server_started_total{\(read)} 6",
            "grpc_server_handled_total{\(read),grpc_code=\"OK\"} 4",
            "grpc_server_handled_total{\(read),grpc_code=\"Internal\"} 2",
            "grpc_server_handling_seconds_count{\(read)} 6",
            "grpc_server_started_total{grpc_type=\"bidi_stream\",grpc_service=\"a.v1.S\",grpc_method=\"Feed\"} 0",
            "grpc_server_started_total{grpc_type=\"unary\",grpc_service=\"_OTHER\",grpc_method=\"_OTHER\"} 2",
            "availability_connections_open 4",
            "availability_protocol_errors_total 2",
        ] {
            #expect(lines.contains(line), "missing: \(line)")
        }
    }
}
