import Calls
import Foundation
import Hummingbird
import Logging
import ServiceLifecycle
import Synchronization
import Testing

@testable import Operations

private final class Counter: Sendable {
    let value = Mutex(0)
}

/// Endpoints over real sockets.
struct EndpointTests {
    private static let echo = HTTPEndpoint(
        path: "/events", methods: ["POST"], bodyBytesMax: 10_000,
        admit: { $0["Authorization"] == "no" ? .text(401, "not you") : nil },
        answer: { head, body in
            HTTPAnswer(
                202, fields: [HTTPHeaderField("X-Seen", head["x-one"] ?? "none")],
                body: String(decoding: body, as: UTF8.self))
        })

    /// Runs a server for as long as the body lasts.
    private func serve(
        _ endpoint: HTTPEndpoint = Self.echo, _ limits: PortLimits = PortLimits(),
        _ body: @escaping @Sendable (Int) throws -> Void
    ) async throws {
        let (ports, continuation) = AsyncStream.makeStream(of: Int.self)
        let logger = Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }
        var server = OperationsServer(
            host: "127.0.0.1", port: 0,
            sources: OperationsSources(
                checks: { [] }, callStatistics: { [] }, methods: [], families: { [] }, endpoints: [endpoint]),
            logger: logger
        ) { port in
            continuation.yield(port)
            continuation.finish()
        }
        server.limits = limits
        let group = ServiceGroup(configuration: .init(services: [server], logger: logger))
        async let running: Void = group.run()
        var iterator = ports.makeAsyncIterator()
        let port = try #require(await iterator.next())
        // The clients block: not on a thread that the server needs.
        let outcome = await withCheckedContinuation { (done: CheckedContinuation<Result<Void, any Error>, Never>) in
            Thread.detachNewThread { done.resume(returning: Result { try body(port) }) }
        }
        await group.triggerGracefulShutdown()
        try await running
        try outcome.get()
    }

    /// The first answer of 503, which comes once earlier requests are under way; what was answered last, when none comes
    /// for very long.
    private func untilBusy(_ ask: () throws -> String) rethrows -> String {
        var answer = ""
        for _ in 0..<3_000 where !answer.hasPrefix("HTTP/1.1 503 ") {
            usleep(10_000)
            answer = try ask()
        }
        #expect(answer.hasPrefix("HTTP/1.1 503 "), "\(answer)")
        return answer
    }

    private func request(
        _ port: Int, _ method: String = "POST", _ path: String = "/events", _ fields: [String] = [], _ body: String = ""
    ) throws -> String {
        let client = try RawClient(port: port)
        client.write("\(method) \(path) HTTP/1.1\r\nHost: a\r\nConnection: close\r\n")
        for field in fields { client.write(field + "\r\n") }
        client.write("Content-Length: \(body.utf8.count)\r\n\r\n\(body)")
        return client.readToEnd()
    }

    /// One of which the rest of the body is still to come.
    private func beginRequest(_ port: Int, _ part: String, of byteCount: Int) throws -> RawClient {
        let client = try RawClient(port: port)
        client.write("POST /events HTTP/1.1\r\nHost: a\r\nContent-Length: \(byteCount)\r\n\r\n\(part)")
        return client
    }

    @Test func aBodyReachesItsEndpoint() async throws {
        try await serve { port in
            let answer = try request(port, "POST", "/events?x=1", ["X-One: 1", "x-ONE: 2"], "hello")
            #expect(answer.hasPrefix("HTTP/1.1 202 ") && answer.hasSuffix("\r\n\r\nhello"))
            #expect(answer.contains("X-Seen: 1, 2\r\n"))
            let metrics = try request(port, "GET", "/metrics")
            #expect(metrics.contains("availability_http_requests_total{path=\"/events\",status=\"202\"} 1\n"))
        }
    }

    @Test func aBodyInChunksAndTheNextRequestOfTheConnectionAreRead() async throws {
        try await serve { port in
            let client = try RawClient(port: port)
            client.write("POST /events HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nhel\r\n")
            client.write("2\r\nlo\r\n0\r\n\r\n")
            #expect(client.read(through: "hello").hasPrefix("HTTP/1.1 202 "))
            client.write("POST /events HTTP/1.1\r\nHost: a\r\nConnection: close\r\nContent-Length: 3\r\n\r\ntwo")
            #expect(client.readToEnd().hasSuffix("two"))
        }
    }

    @Test func otherMethodsAndPathsAreRefused() async throws {
        try await serve { port in
            for method in ["GET", "PUT", "HEAD", "OPTIONS"] {
                let answer = try request(port, method)
                #expect(answer.hasPrefix("HTTP/1.1 405 ") && answer.contains("Allow: POST\r\n"), "\(method)")
            }
            #expect(try request(port, "POST", "/events/").hasPrefix("HTTP/1.1 404 "))
            #expect(try request(port, "POST", "/livez", [], "x").hasPrefix("HTTP/1.1 405 "))
        }
    }

    @Test func aRefusedRequestsBodyIsNotWaitedFor() async throws {
        var limits = PortLimits()
        limits.lingerSeconds = 1
        try await serve(Self.echo, limits) { port in
            for (fields, length, status) in [("Authorization: no\r\n", 5, "401"), ("", 10_001, "413")] {
                let client = try RawClient(port: port)
                client.write("POST /events HTTP/1.1\r\nHost: a\r\n\(fields)Content-Length: \(length)\r\n\r\n")
                let answer = client.readToEnd()
                #expect(answer.hasPrefix("HTTP/1.1 \(status) ") && answer.contains("Connection: close\r\n"))
            }
        }
    }

    @Test func aBodyInChunksBeyondTheLimitIsCutOff() async throws {
        try await serve { port in
            let client = try RawClient(port: port)
            client.write("POST /events HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n")
            for _ in 0..<11 { client.write("3e8\r\n\(String(repeating: "x", count: 1_000))\r\n") }
            #expect(client.readToEnd().hasPrefix("HTTP/1.1 413 "))
        }
    }

    @Test func aSlowBodyIsGivenUp() async throws {
        var limits = PortLimits()
        limits.bodySeconds = 1
        try await serve(Self.echo, limits) { port in
            let client = try RawClient(port: port)
            client.write("POST /events HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhe")
            let answer = client.readToEnd()
            #expect(answer.hasPrefix("HTTP/1.1 408 ") && answer.contains("the body took more than 1 s"))
        }
    }

    @Test func aBodyThatEndsEarlyIsNoRequest() async throws {
        let seen = Counter()
        let endpoint = HTTPEndpoint(path: "/events", methods: ["POST"]) { _, _ in
            seen.value.withLock { $0 += 1 }
            return HTTPAnswer(202)
        }
        try await serve(endpoint) { port in
            for framing in ["Content-Length: 5\r\n\r\nhe", "Transfer-Encoding: chunked\r\n\r\n2\r\nhe\r\n"] {
                let client = try RawClient(port: port)
                client.write("POST /events HTTP/1.1\r\nHost: a\r\n\(framing)")
                client.finishWriting()
                _ = client.readToEnd()
            }
            _ = try request(port, "POST", "/events", [], "x")
        }
        #expect(seen.value.withLock { $0 } == 1)
    }

    @Test func sendersWhoTakeAllTheyMayLeaveRoomForProbes() async throws {
        var limits = PortLimits()
        limits.connectionsMax = 32
        limits.endpointRequestsMax = 4
        limits.bodySeconds = 600
        try await serve(Self.echo, limits) { port in
            func begin() throws -> RawClient { try beginRequest(port, "he", of: 5) }
            var slow = try (0..<4).map { _ in try begin() }
            // Their requests are under way once another is refused, and none of them was while another took its place.
            let refused = try untilBusy {
                slow = try slow.map { $0.hasAnswer ? try begin() : $0 }
                let client = try RawClient(port: port)
                client.write("POST /events HTTP/1.1\r\nHost: a\r\nConnection: close\r\nContent-Length: 0\r\n\r\n")
                return client.readToEnd()
            }
            #expect(refused.contains("Retry-After: 1\r\n"))
            // More connections than there may be, and not a word on them.
            let idle = try (0..<64).map { _ in try RawClient(port: port) }
            #expect(try request(port, "GET", "/livez").hasSuffix("\r\n\r\nok\n"))
            #expect(try request(port, "GET", "/metrics").hasPrefix("HTTP/1.1 200 "))
            #expect(idle[0].readToEnd().isEmpty, "the one that was idle longest made room")
            for client in slow {
                client.write("llo")
                #expect(client.read(through: "hello").hasPrefix("HTTP/1.1 202 "), "a request under way is not cut")
            }
        }
    }

    @Test func bodiesTakeNoMoreMemoryThanAllowed() async throws {
        var limits = PortLimits()
        limits.bodyBytesMax = 6_000
        limits.bodySeconds = 600
        try await serve(Self.echo, limits) { port in
            func begin() throws -> RawClient { try beginRequest(port, String(repeating: "x", count: 4_999), of: 5_000) }
            var first = try begin()
            _ = try untilBusy {
                // It is the one refused when its body comes while that of a small one is there.
                if first.hasAnswer { first = try begin() }
                return try request(port, "POST", "/events", [], String(repeating: "y", count: 2_000))
            }
            first.write("x")
            #expect(first.read(through: "xxx").hasPrefix("HTTP/1.1 202 "))
        }
    }
}
