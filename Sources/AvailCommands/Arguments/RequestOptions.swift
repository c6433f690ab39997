import ArgumentParser
import Foundation
import GRPCCore

/// The idempotency key of a command that changes a reservation or starts a comparison.
struct RequestOptions: ParsableArguments {
    @Option(help: ArgumentHelp("Makes a repeat harmless. Default: a new one, told if it fails.", valueName: "ID"))
    var requestId: String?

    /// Makes a call under the key. When it fails, a key that nobody else knows is told: the call may have taken effect,
    /// and only the same key tells a repeat from a second order.
    func call<Response>(_ body: (_ requestID: String) async throws -> Response) async throws -> Response {
        let id = requestId ?? UUID().uuidString.lowercased()
        do {
            return try await body(id)
        } catch let error as RPCError {
            if requestId == nil { Diagnostics.write("to repeat exactly this: --request-id \(id)") }
            throw error
        }
    }
}
