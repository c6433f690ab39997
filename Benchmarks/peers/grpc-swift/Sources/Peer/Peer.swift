import GRPCCore
import GRPCNIOTransportHTTP2
import GRPCProtobuf
import Proto

/// Answers CheckAvailability from a dictionary of sku and quantity: `Peer PORT POSITIONS [CERTIFICATE KEY]`.
@main
struct Peer {
    static func main() async throws {
        let arguments = CommandLine.arguments
        guard arguments.count == 3 || arguments.count == 5, let port = Int(arguments[1]),
            let positions = Int(arguments[2])
        else { fatalError("Peer PORT POSITIONS [CERTIFICATE KEY]") }
        let security: HTTP2ServerTransport.Posix.TransportSecurity =
            arguments.count == 3
            ? .plaintext
            : .tls(
                certificateChain: [.file(path: arguments[3], format: .pem)],
                privateKey: .file(path: arguments[4], format: .pem))
        let server = GRPCServer(
            transport: .http2NIOPosix(address: .ipv4(host: "127.0.0.1", port: port), transportSecurity: security),
            services: [Availability(quantities: Availability.quantities(positions))])
        try await server.serve()
    }
}

/// What the code generator would make for the one method, with the method itself.
struct Availability: RegistrableRPCService {
    let quantities: [String: Int64]

    /// The figures of load/dataset.c.
    static func quantities(_ positions: Int) -> [String: Int64] {
        var quantities: [String: Int64] = [:]
        quantities.reserveCapacity(positions)
        for position in 0..<positions {
            let digits = String(position)
            let stock = Int64(5 + position * 7919 % 997 - 3)
            let sku = "SKU-" + String(repeating: "0", count: 7 - digits.count) + digits
            quantities[sku] = min(stock - 2, stock * 80 / 100)
        }
        return quantities
    }

    func registerMethods<Transport: ServerTransport>(with router: inout RPCRouter<Transport>) {
        router.registerHandler(
            forMethod: MethodDescriptor(
                fullyQualifiedService: "availability.v1.AvailabilityService", method: "CheckAvailability"),
            deserializer: ProtobufDeserializer<Availability_V1_CheckAvailabilityRequest>(),
            serializer: ProtobufSerializer<Availability_V1_CheckAvailabilityResponse>()
        ) { request, _ in
            let request = try await ServerRequest(stream: request)
            return StreamingServerResponse(single: ServerResponse(message: answer(request.message)))
        }
    }

    private func answer(
        _ request: Availability_V1_CheckAvailabilityRequest
    ) -> Availability_V1_CheckAvailabilityResponse {
        var response = Availability_V1_CheckAvailabilityResponse()
        response.lines = request.lines.map { asked in
            var line = Availability_V1_AvailabilityLine()
            line.sku = asked.sku
            line.location = asked.location
            guard let quantity = quantities[asked.sku] else {
                line.status = .unknownSku
                return line
            }
            line.available = quantity
            line.status = quantity > 0 ? .inStock : .withheld
            line.freshness = .fresh
            return line
        }
        response.policyVersion = 1
        return response
    }
}
