internal import Calls
import HTTPTypes
import Hummingbird
import HummingbirdCore
import NIOCore
import Synchronization

/// What the answering of a request needs to know of its connection.
struct OperationsContext: RequestContext {
    var coreContext: CoreRequestContextStorage
    let channel: any Channel

    init(source: ApplicationRequestContextSource) {
        coreContext = .init(source: source)
        channel = source.channel
    }
}

/// Answers requests to the registered endpoints: collects a bounded body in bounded time, of a bounded number of senders.
struct EndpointResponder: Sendable {
    private let endpoints: [String: HTTPEndpoint]
    private let budget: PortBudget
    private let counts = EndpointCounts()

    init(_ endpoints: [HTTPEndpoint], budget: PortBudget) {
        self.endpoints = Dictionary(endpoints.map { ($0.path, $0) }) { first, _ in first }
        self.budget = budget
    }

    /// Nil: nothing is registered there.
    func respond(to request: Request, context: OperationsContext) async -> Response? {
        guard let endpoint = endpoints[request.uri.path] else { return nil }
        let head = HTTPHead(request)
        let (answer, isBodyRead) = await answer(endpoint, head, request, context)
        counts.note(path: endpoint.path, status: answer.status)
        var response = Response(answer)
        if !isBodyRead && request.hasBody {
            response.headers[.connection] = "close"
            let channel = context.channel
            channel.eventLoop.scheduleTask(in: .seconds(budget.limits.lingerSeconds)) {
                channel.close(promise: nil)
            }
        }
        return response
    }

    /// How many requests each endpoint was sent, by how they were answered.
    var families: [MetricFamily] {
        guard !endpoints.isEmpty else { return [] }
        return [
            MetricFamily(
                "availability_http_requests_total", help: "Requests to endpoints that take events, by answer.",
                kind: .counter, samples: counts.samples)
        ]
    }

    private func answer(
        _ endpoint: HTTPEndpoint, _ head: HTTPHead, _ request: Request, _ context: OperationsContext
    ) async -> (HTTPAnswer, isBodyRead: Bool) {
        guard endpoint.methods.contains(head.method) else {
            let allowed = endpoint.methods.joined(separator: ", ")
            return (.text(405, "only \(allowed)", fields: [HTTPHeaderField("Allow", allowed)]), false)
        }
        if let refusal = endpoint.admit(head) { return (refusal, false) }
        if let length = request.contentLength, length > endpoint.bodyBytesMax { return (tooLarge(endpoint), false) }
        guard budget.beginEndpointRequest() else { return (Self.busy, false) }
        let reading = BodyReading(request.body, bytesMax: endpoint.bodyBytesMax, budget: budget)
        defer { budget.endEndpointRequest(bodyBytes: reading.bytesTaken) }
        switch await reading.result(within: .seconds(budget.limits.bodySeconds), on: context.channel.eventLoop) {
        case .whole(let body):
            guard request.contentLength.map({ $0 == body.count }) ?? true else { return (Self.cut, false) }
            return (await endpoint.answer(head, body), true)
        case .cut: return (Self.cut, false)
        case .tooLarge: return (tooLarge(endpoint), false)
        case .noRoom: return (Self.busy, false)
        case .tooSlow:
            return (.text(408, "the body took more than \(budget.limits.bodySeconds) s"), false)
        }
    }

    private func tooLarge(_ endpoint: HTTPEndpoint) -> HTTPAnswer {
        .text(413, "a body has at most \(endpoint.bodyBytesMax) bytes")
    }

    private static let busy = HTTPAnswer.later(503, "too many requests are under way", afterSeconds: 1)
    private static let cut = HTTPAnswer.text(400, "the body ended early")
}

/// One body on its way in.
private final class BodyReading: Sendable {
    enum Result {
        case whole([UInt8])
        /// The connection was lost, or what came was no HTTP.
        case cut
        case tooLarge
        case noRoom
        case tooSlow
    }

    private let body: RequestBody
    private let bytesMax: Int
    private let budget: PortBudget
    private let taken = Mutex(0)

    init(_ body: RequestBody, bytesMax: Int, budget: PortBudget) {
        self.body = body
        self.bytesMax = bytesMax
        self.budget = budget
    }

    /// What it has of the budget, in bytes.
    var bytesTaken: Int { taken.withLock { $0 } }

    /// Once only. After anything but `.whole` the connection cannot be read any more.
    func result(within time: TimeAmount, on loop: any EventLoop) async -> Result {
        let reading = Task { await collect() }
        let alarm = loop.scheduleTask(in: time) { reading.cancel() }
        defer { alarm.cancel() }
        return await withTaskCancellationHandler {
            await reading.value
        } onCancel: {
            reading.cancel()
        }
    }

    private func collect() async -> Result {
        var bytes: [UInt8] = []
        do {
            for try await part in body {
                guard bytes.count + part.readableBytes <= bytesMax else { return .tooLarge }
                guard budget.takeBodyBytes(part.readableBytes) else { return .noRoom }
                taken.withLock { $0 += part.readableBytes }
                bytes.append(contentsOf: part.readableBytesView)
            }
        } catch {
            return Task.isCancelled ? .tooSlow : .cut
        }
        // Cancelled, the body may also end as if it were whole.
        return Task.isCancelled ? .tooSlow : .whole(bytes)
    }
}

/// Requests by endpoint and status.
private final class EndpointCounts: Sendable {
    private struct Key: Hashable {
        var path: String
        var status: Int
    }

    private let counts = Mutex<[Key: UInt64]>([:])

    func note(path: String, status: Int) {
        counts.withLock { $0[Key(path: path, status: status), default: 0] += 1 }
    }

    var samples: [MetricFamily.Sample] {
        counts.withLock { $0 }.sorted { ($0.key.path, $0.key.status) < ($1.key.path, $1.key.status) }.map {
            MetricFamily.Sample(
                [MetricLabel("path", $0.key.path), MetricLabel("status", String($0.key.status))], .count($0.value))
        }
    }
}

extension Request {
    var contentLength: Int? { headers[.contentLength].flatMap { Int($0) } }

    var hasBody: Bool { headers[.transferEncoding] != nil || (headers[.contentLength] ?? "0") != "0" }
}

extension HTTPHead {
    fileprivate init(_ request: Request) {
        self.init(
            method: request.method.rawValue, path: request.uri.path,
            fields: request.headers.map { HTTPHeaderField($0.name.rawName, $0.value) })
    }
}

extension Response {
    fileprivate init(_ answer: HTTPAnswer) {
        var headers = HTTPFields()
        for field in answer.fields {
            if let name = HTTPField.Name(field.name) { headers.append(HTTPField(name: name, value: field.value)) }
        }
        let body = answer.body.isEmpty ? ResponseBody() : ResponseBody(byteBuffer: ByteBuffer(string: answer.body))
        self.init(status: HTTPResponse.Status(code: answer.status), headers: headers, body: body)
    }
}
