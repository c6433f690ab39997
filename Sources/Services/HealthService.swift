internal import Calls
internal import Proto
internal import SwiftProtobuf
internal import Synchronization

/// Who is told whether the server serves: grpc.health.v1 and its watchers. Safe from any thread.
public final class HealthBoard: Sendable {
    private struct Watcher {
        /// Absent for a service that the server does not have: a name may be megabytes, and a watch lasts.
        let service: String?
        let sink: any ResponseSink
    }

    private struct State {
        var isServing = true
        var nextWatcher = 0
        var watchers: [Int: Watcher] = [:]
    }

    private let services: Set<String>
    private let state = Mutex(State())

    /// `services` are the full names of the services that can be asked for; the empty name is the server itself.
    public init(services: [String]) {
        self.services = Set(services).union([""])
    }

    /// Says NOT_SERVING from now on, or SERVING again, and tells every watcher.
    public func setServing(_ isServing: Bool) {
        let watchers = state.withLock { state -> [Watcher] in
            guard state.isServing != isServing else { return [] }
            state.isServing = isServing
            return Array(state.watchers.values)
        }
        for watcher in watchers { tell(watcher) }
    }

    /// Whether the server takes calls and is not draining.
    public var isServing: Bool { state.withLock { $0.isServing } }

    func status(of service: String) -> Grpc_Health_V1_HealthCheckResponse.ServingStatus? {
        guard services.contains(service) else { return nil }
        return isServing ? .serving : .notServing
    }

    func all() -> [String: Grpc_Health_V1_HealthCheckResponse.ServingStatus] {
        let isServing = self.isServing
        return Dictionary(uniqueKeysWithValues: services.map { ($0, isServing ? .serving : .notServing) })
    }

    /// Sends the present status and every change until `unwatch`.
    func watch(_ service: String, sink: any ResponseSink) -> Int {
        let watcher = Watcher(service: services.contains(service) ? service : nil, sink: sink)
        let number = state.withLock { state -> Int in
            state.nextWatcher += 1
            state.watchers[state.nextWatcher] = watcher
            return state.nextWatcher
        }
        tell(watcher)
        return number
    }

    func unwatch(_ number: Int) {
        state.withLock { _ = $0.watchers.removeValue(forKey: number) }
    }

    private func tell(_ watcher: Watcher) {
        var response = Grpc_Health_V1_HealthCheckResponse()
        response.status = watcher.service.flatMap { status(of: $0) } ?? .serviceUnknown
        if let bytes: [UInt8] = try? response.serializedBytes() { watcher.sink.send(bytes) }
    }
}

/// grpc.health.v1.Health. Source: https://github.com/grpc/grpc/blob/master/doc/health-checking.md
struct HealthService {
    static let name = "grpc.health.v1.Health"

    let board: HealthBoard

    var methods: [ServiceMethod] {
        [
            .unary(Self.name, "Check", Grpc_Health_V1_HealthCheckRequest.self) { request, _, sink in
                guard let status = board.status(of: request.service) else {
                    sink.finish(CallStatus(.notFound, "there is no service \(request.service)"))
                    return
                }
                var response = Grpc_Health_V1_HealthCheckResponse()
                response.status = status
                sink.succeed(with: response)
            },
            .unary(Self.name, "List", Grpc_Health_V1_HealthListRequest.self) { _, _, sink in
                var response = Grpc_Health_V1_HealthListResponse()
                for (service, status) in board.all() {
                    var entry = Grpc_Health_V1_HealthCheckResponse()
                    entry.status = status
                    response.statuses[service] = entry
                }
                sink.succeed(with: response)
            },
            ServiceMethod(MethodDescriptor(service: Self.name, name: "Watch", kind: .serverStreaming)) { _, _, sink in
                UnaryReceiver { receiver, bytes in
                    do throws(CallStatus) {
                        let request = try decode(Grpc_Health_V1_HealthCheckRequest.self, from: bytes)
                        let watcher = board.watch(request.service, sink: sink)
                        receiver.onCancelled = { _ in board.unwatch(watcher) }
                    } catch {
                        sink.finish(error)
                    }
                }
            },
        ]
    }
}
