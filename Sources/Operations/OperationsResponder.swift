internal import Calls
import HTTPTypes
import Hummingbird
import HummingbirdCore
import NIOCore

/// Answers the requests of the operations port. Every answer is small, and only endpoints take a body.
struct OperationsResponder: HTTPResponder {
    typealias Context = OperationsContext

    private let sources: OperationsSources
    private let budget: PortBudget
    private let endpoints: EndpointResponder

    init(sources: OperationsSources, budget: PortBudget = PortBudget(limits: PortLimits())) {
        self.sources = sources
        self.budget = budget
        endpoints = EndpointResponder(sources.endpoints, budget: budget)
    }

    func respond(to request: Request, context: OperationsContext) async throws -> Response {
        budget.note(context.channel, isBusy: true)
        defer { budget.note(context.channel, isBusy: false) }
        var response = await endpoints.respond(to: request, context: context) ?? answer(request)
        response.headers[.cacheControl] = "no-store"
        if let nosniff = HTTPField.Name("X-Content-Type-Options") { response.headers[nosniff] = "nosniff" }
        return request.method == .head ? response.createHeadResponse() : response
    }

    private func answer(_ request: Request) -> Response {
        let pages: [String: (Request) -> Response] = ["/livez": livez, "/readyz": readyz, "/metrics": metrics]
        if request.uri.path.hasPrefix(Self.erpPath) { return erpSwitches(request) }
        guard let page = pages[request.uri.path] else { return text(.notFound, "not found\n") }
        guard request.method == .get || request.method == .head else {
            var response = text(.methodNotAllowed, "only GET and HEAD\n")
            response.headers[.allow] = "GET, HEAD"
            return response
        }
        return request.hasBody ? text(.contentTooLarge, "no request body is taken\n") : page(request)
    }

    private static let erpPath = "/erps/"

    /// An embedded ERP's switches: GET shows them, POST sets those in the query.
    private func erpSwitches(_ request: Request) -> Response {
        guard [.get, .head, .post].contains(request.method) else {
            var response = text(.methodNotAllowed, "only GET, HEAD and POST\n")
            response.headers[.allow] = "GET, HEAD, POST"
            return response
        }
        let parameters = request.uri.queryParameters.map { (name: String($0.key), value: String($0.value)) }
        if request.method != .post && !parameters.isEmpty { return text(.badRequest, "switches are set by POST\n") }
        switch sources.erpSwitches(String(request.uri.path.dropFirst(Self.erpPath.count)), parameters) {
        case .shown(let switches): return text(.ok, switches)
        case .refused(let problem): return text(.badRequest, problem)
        case nil: return text(.notFound, "no embedded ERP is called so\n")
        }
    }

    /// The process answers: nothing more is promised.
    private func livez(_ request: Request) -> Response {
        text(.ok, "ok\n")
    }

    private func readyz(_ request: Request) -> Response {
        let checks = sources.checks()
        let isReady = checks.allSatisfy(\.isHealthy)
        let isVerbose = request.uri.queryParameters.contains { $0.key == "verbose" && $0.value != "false" }
        var body = ""
        if isVerbose {
            for check in checks {
                let detail = check.detail.isEmpty ? "" : ": \(check.detail)"
                body += "[\(check.isHealthy ? "+" : "-")]\(check.name) \(check.isHealthy ? "ok" : "failed")\(detail)\n"
            }
        }
        if isReady {
            body += isVerbose ? "readyz check passed\n" : "ok\n"
        } else {
            let failed = checks.filter { !$0.isHealthy }.map(\.name).joined(separator: ", ")
            body += isVerbose ? "readyz check failed\n" : "not ready: \(failed)\n"
        }
        return text(isReady ? .ok : .serviceUnavailable, body)
    }

    private func metrics(_ request: Request) -> Response {
        let families = CallMetrics.families(loops: sources.callStatistics(), methods: sources.methods)
        return text(
            .ok, PrometheusText.text(of: families + endpoints.families + sources.families()),
            type: PrometheusText.contentType)
    }

    private func text(
        _ status: HTTPResponse.Status, _ body: String, type: String = "text/plain; charset=utf-8"
    ) -> Response {
        Response(
            status: status, headers: [.contentType: type], body: ResponseBody(byteBuffer: ByteBuffer(string: body)))
    }
}
