import ArgumentParser
import GRPCCore
import GRPCProtobuf
import Proto
import SwiftProtobuf

/// What Nagios and its kin understand: one line, and an exit status.
enum NagiosState: Int32 {
    case ok = 0
    case warning = 1
    case critical = 2
    case unknown = 3

    var name: String { "\(self)".uppercased() }
}

struct HealthCommand: ClientCommand {
    static let configuration = CommandConfiguration(
        commandName: "health", abstract: "Whether the server serves, for monitoring.",
        discussion: "Exit status: 0 OK, 2 CRITICAL (not serving or not reachable), 3 UNKNOWN.")

    @Option(help: "One service only, for example availability.v1.AvailabilityService.") var service: String?
    @OptionGroup var client: ClientOptions

    mutating func run() async throws {
        let command = self
        let (state, text) = try await Connection.with(client) { await command.check($0) }
        try Output.write("AVAILABILITY \(state.name) - \(TextTable.printable(text))")
        throw ExitCode(state.rawValue)
    }

    func run(_ connection: Connection) async throws {
        _ = await check(connection)
    }

    private func check(_ connection: Connection) async -> (NagiosState, String) {
        let method = MethodDescriptor(fullyQualifiedService: "grpc.health.v1.Health", method: "Check")
        let message = Grpc_Health_V1_HealthCheckRequest.with { $0.service = service ?? "" }
        do {
            let response = try await connection.client.unary(
                request: ClientRequest(message: message, metadata: connection.metadata), descriptor: method,
                serializer: ProtobufSerializer<Grpc_Health_V1_HealthCheckRequest>(),
                deserializer: ProtobufDeserializer<Grpc_Health_V1_HealthCheckResponse>(), options: connection.options
            ) { try $0.message }
            return (Self.state(response.status), response.status.shortName)
        } catch let error as RPCError {
            return (Self.state(error.code), "\(error.code.name): \(error.message)")
        } catch {
            return (.unknown, "\(error)")
        }
    }

    static func state(_ status: Grpc_Health_V1_HealthCheckResponse.ServingStatus) -> NagiosState {
        switch status {
        case .serving: .ok
        case .notServing: .critical
        default: .unknown
        }
    }

    static func state(_ code: RPCError.Code) -> NagiosState {
        switch code {
        case .unavailable, .deadlineExceeded, .internalError, .resourceExhausted: .critical
        default: .unknown
        }
    }
}
