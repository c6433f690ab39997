internal import AsyncHTTPClient
internal import NIOCore
internal import NIOHTTP1
internal import Synchronization

/// Carries one request to Tryton and its answer back.
protocol TrytonTransport: Sendable {
    /// Throws `notSent` only when no byte of the body left.
    func post(
        _ body: [UInt8], to url: String, authorization: String?, deadline: ContinuousClock.Instant
    ) async throws(TrytonProblem) -> TrytonResponse
    func shutDown() async
}

/// Over HTTP. Redirects are not followed, and a connection that cannot be made is not tried again: the dispatcher knows
/// when.
struct HTTPTransport: TrytonTransport {
    /// Longest answer taken, bytes: a page of a thousand products is some 100 KB.
    private static let answerBytesMax = 64 << 20

    private let client: HTTPClient

    init() {
        var configuration = HTTPClient.Configuration()
        configuration.redirectConfiguration = .disallow
        configuration.connectionPool.retryConnectionEstablishment = false
        // Shorter than servers keep an idle connection, which would close it just as we write.
        configuration.connectionPool.idleTimeout = .seconds(2)
        client = HTTPClient(eventLoopGroupProvider: .singleton, configuration: configuration)
    }

    func post(
        _ body: [UInt8], to url: String, authorization: String?, deadline: ContinuousClock.Instant
    ) async throws(TrytonProblem) -> TrytonResponse {
        let departure = Departure()
        var request = HTTPClientRequest(url: url)
        request.method = .POST
        request.headers.add(name: "Content-Type", value: "application/json")
        if let authorization { request.headers.add(name: "Authorization", value: authorization) }
        request.body = .stream(
            WatchedBody(buffer: ByteBuffer(bytes: body), departure: departure), length: .known(Int64(body.count)))
        do {
            let response = try await client.execute(request, deadline: NIODeadline.now() + remaining(deadline))
            let answer = try await response.body.collect(upTo: Self.answerBytesMax)
            return TrytonResponse(status: Int(response.status.code), body: Array(answer.readableBytesView))
        } catch {
            throw departure.hasLeft ? .noAnswer("\(type(of: error))") : .notSent(Self.cause(error))
        }
    }

    func shutDown() async { try? await client.shutdown() }

    private func remaining(_ deadline: ContinuousClock.Instant) -> TimeAmount {
        let (seconds, attoseconds) = (deadline - .now).components
        return .nanoseconds(max(0, seconds * 1_000_000_000 + attoseconds / 1_000_000_000))
    }

    /// Never the request, which may hold a password.
    private static func cause(_ error: any Error) -> String {
        if let error = error as? HTTPClientError { return error.shortDescription }
        return "Tryton cannot be reached: \(type(of: error))"
    }
}

/// Whether the body of a request began to leave.
private final class Departure: Sendable {
    private let left = Atomic(false)
    var hasLeft: Bool { left.load(ordering: .acquiring) }
    func leave() { left.store(true, ordering: .releasing) }
}

/// A body that tells when it is asked for: the client does so once a connection is there and the head is written. A
/// server that has no body yet does nothing.
private struct WatchedBody: AsyncSequence, Sendable {
    let buffer: ByteBuffer
    let departure: Departure

    struct Iterator: AsyncIteratorProtocol {
        var buffer: ByteBuffer?
        let departure: Departure

        mutating func next() async -> ByteBuffer? {
            departure.leave()
            return buffer.take()
        }
    }

    func makeAsyncIterator() -> Iterator { Iterator(buffer: buffer, departure: departure) }
}
