import GRPCCore
import Proto
import SwiftProtobuf

/// Says why a call failed, with what the server told in `grpc-status-details-bin`.
enum FailureText {
    static func lines(of error: RPCError) -> [String] {
        let details = error.metadata[binaryValues: "grpc-status-details-bin"].first { _ in true }
        return lines(code: error.code.name, message: error.message, details: details ?? [])
    }

    /// - Parameter details: a serialized google.rpc.Status; empty when there is none.
    static func lines(code: String, message: String, details: [UInt8]) -> [String] {
        var lines = ["avail: \(code)\(message.isEmpty ? "" : ": \(message)")"]
        guard let status = try? Google_Rpc_Status(serializedBytes: details) else {
            return lines + ["  (the server's error details cannot be read)"]
        }
        for detail in status.details { lines += Self.lines(of: detail).map { "  " + $0 } }
        return lines.map(TextTable.printable)
    }

    /// How long the server asks to wait before trying again. Absent: it does not say.
    static func retryDelay(of error: RPCError) -> Duration? {
        guard let bytes = error.metadata[binaryValues: "grpc-status-details-bin"].first(where: { _ in true }),
            let status = try? Google_Rpc_Status(serializedBytes: bytes)
        else { return nil }
        for detail in status.details {
            guard let info = try? Google_Rpc_RetryInfo(unpackingAny: detail) else { continue }
            return .seconds(info.retryDelay.seconds) + .nanoseconds(Int64(info.retryDelay.nanos))
        }
        return nil
    }

    private static func lines(of detail: Google_Protobuf_Any) -> [String] {
        if let info = try? Google_Rpc_ErrorInfo(unpackingAny: detail) {
            let origin = info.domain.isEmpty ? "" : " (\(info.domain))"
            return ["reason: \(info.reason)\(origin)"]
                + info.metadata.sorted { $0.key < $1.key }.map { "  \($0.key): \($0.value)" }
        }
        if let request = try? Google_Rpc_BadRequest(unpackingAny: detail) {
            return request.fieldViolations.map { "field \($0.field): \($0.description_p)" }
        }
        if let failure = try? Google_Rpc_PreconditionFailure(unpackingAny: detail) {
            return failure.violations.map { "\($0.type) \($0.subject): \($0.description_p)" }
        }
        if let quota = try? Google_Rpc_QuotaFailure(unpackingAny: detail) {
            return quota.violations.map { "quota \($0.subject): \($0.description_p)" }
        }
        if let retry = try? Google_Rpc_RetryInfo(unpackingAny: detail) {
            return ["try again after \(DurationText.seconds(retry.retryDelay))"]
        }
        return ["detail: \(detail.typeURL)"]
    }
}
