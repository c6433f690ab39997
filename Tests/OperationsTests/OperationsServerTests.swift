import Calls
import Foundation
import FoundationNetworking
import Hummingbird
import HummingbirdTesting
import Logging
import NIOCore
import ServiceLifecycle
import Synchronization
import Testing

@testable import Operations

struct OperationsResponderTests {
    private func sources(_ checks: [ReadinessCheck]) -> OperationsSources {
        OperationsSources(
            checks: { checks }, callStatistics: { [] },
            methods: [MethodDescriptor(service: "a.v1.S", name: "Read", kind: .unaryInline)],
            families: { [MetricFamily("extra", help: "Extra.", kind: .gauge, value: .whole(7))] })
    }

    private func get(
        _ uri: String, method: HTTPRequest.Method = .get, checks: [ReadinessCheck] = [], body: String? = nil
    ) async throws -> (status: HTTPResponse.Status, body: String, headers: HTTPFields) {
        let application = Application(responder: OperationsResponder(sources: sources(checks)))
        return try await application.test(.live) { client in
            try await client.execute(uri: uri, method: method, body: body.map { ByteBuffer(string: $0) }) {
                ($0.status, String(buffer: $0.body), $0.headers)
            }
        }
    }

    @Test func livezAnswersWhileTheProcessDoes() async throws {
        let answer = try await get("/livez", checks: [ReadinessCheck(name: "ledger", isHealthy: false)])
        #expect(answer.status == .ok)
        #expect(answer.body == "ok\n")
    }

    @Test func readyzTellsEachCheckByName() async throws {
        let good = ReadinessCheck(name: "ledger", isHealthy: true)
        let bad = ReadinessCheck(name: "feeds", isHealthy: false, detail: "wms-1 lags 5m")
        var answer = try await get("/readyz", checks: [good])
        #expect(answer.status == .ok && answer.body == "ok\n")
        answer = try await get("/readyz", checks: [good, bad])
        #expect(answer.status == .serviceUnavailable && answer.body == "not ready: feeds\n")
        answer = try await get("/readyz?verbose", checks: [good])
        #expect(answer.body == "[+]ledger ok\nreadyz check passed\n")
        answer = try await get("/readyz?verbose=1", checks: [good, bad])
        #expect(answer.status == .serviceUnavailable)
        #expect(answer.body == "[+]ledger ok\n[-]feeds failed: wms-1 lags 5m\nreadyz check failed\n")
    }

    @Test func metricsAreTextExposition() async throws {
        let answer = try await get("/metrics")
        #expect(answer.status == .ok)
        #expect(answer.headers[.contentType]?.hasPrefix("text/plain; version=0.0.4") == true)
        #expect(answer.body.contains("# TYPE grpc_server_started_total counter\n"))
        #expect(answer.body.hasSuffix("extra 7\n"))
    }

    @Test func everythingElseIsRefused() async throws {
        #expect(try await get("/nothing").status == .notFound)
        #expect(try await get("/metrics", method: .post).status == .methodNotAllowed)
        #expect(try await get("/livez", body: "hello").status == .contentTooLarge)
        let head = try await get("/livez", method: .head)
        #expect(head.status == .ok && head.body.isEmpty)
    }
}

struct OperationsServerTests {
    @Test func itServesOnTheBoundPortUntilShutDownGracefully() async throws {
        let (ports, continuation) = AsyncStream.makeStream(of: Int.self)
        let sources = OperationsSources(checks: { [] }, callStatistics: { [] }, methods: [], families: { [] })
        let logger = Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }
        let server = OperationsServer(host: "127.0.0.1", port: 0, sources: sources, logger: logger) { port in
            continuation.yield(port)
            continuation.finish()
        }
        let group = ServiceGroup(configuration: .init(services: [server], logger: logger))
        async let running: Void = group.run()
        var iterator = ports.makeAsyncIterator()
        let port = try #require(await iterator.next())
        #expect(port > 0)
        let url = try #require(URL(string: "http://127.0.0.1:\(port)/readyz"))
        let (body, _) = try await URLSession.shared.data(from: url)
        #expect(String(decoding: body, as: UTF8.self) == "ok\n")
        await group.triggerGracefulShutdown()
        try await running
    }
}
