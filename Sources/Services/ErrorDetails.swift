internal import Calls
internal import Proto
internal import SwiftProtobuf

/// The reasons this server gives in `google.rpc.ErrorInfo`, by the contract's names.
enum ErrorReason: String {
    case invalidField = "INVALID_FIELD"
    case channelAllocationExhausted = "CHANNEL_ALLOCATION_EXHAUSTED"
    case channelNotFound = "CHANNEL_NOT_FOUND"
    case channelRateLimited = "CHANNEL_RATE_LIMITED"
    case dataLoss = "DATA_LOSS"
    case erpRejected = "ERP_REJECTED"
    case erpUnavailable = "ERP_UNAVAILABLE"
    case erpWriteNotFound = "ERP_WRITE_NOT_FOUND"
    case erpWriteSent = "ERP_WRITE_SENT"
    case feedFailed = "FEED_FAILED"
    case feedNotFound = "FEED_NOT_FOUND"
    case feedNotReplayable = "FEED_NOT_REPLAYABLE"
    case holdLimitReached = "HOLD_LIMIT_REACHED"
    case insufficientStock = "INSUFFICIENT_STOCK"
    case reconciliationNotFound = "RECONCILIATION_NOT_FOUND"
    case reconciliationRunning = "RECONCILIATION_RUNNING"
    case publicationNotFound = "PUBLICATION_NOT_FOUND"
    case requestIDReused = "REQUEST_ID_REUSED"
    case replayRunning = "REPLAY_RUNNING"
    case reservationNotFound = "RESERVATION_NOT_FOUND"
    case reservationState = "RESERVATION_STATE"
    case versionMismatch = "VERSION_MISMATCH"
    case etagMismatch = "ETAG_MISMATCH"
    case internalFault = "INTERNAL_FAULT"
    case methodUnimplemented = "METHOD_UNIMPLEMENTED"
    case positionNotFound = "POSITION_NOT_FOUND"
    case rebuildDiffers = "REBUILD_DIFFERS"
    case rebuildNotFound = "REBUILD_NOT_FOUND"
    case rebuildNotReady = "REBUILD_NOT_READY"
    case rebuildRunning = "REBUILD_RUNNING"
    case queueFull = "QUEUE_FULL"
    case serverStopping = "SERVER_STOPPING"
    case staleData = "STALE_DATA"
    case storageFull = "STORAGE_FULL"
}

/// One field of a request and what is wrong with it.
struct FieldViolation: Equatable {
    /// The path as the caller wrote it, for example `lines[3].sku`.
    let field: String
    /// What was expected, with the limit.
    let description: String
}

extension CallStatus {
    static let errorDomain = "availability.v1"

    /// At most so many violations are listed, so that trailers stay below 8 KiB.
    static let violationsMax = 20

    /// A status with `google.rpc.ErrorInfo` and further details, each detail type at most once (AIP-193).
    static func failure(
        _ code: StatusCode, _ reason: ErrorReason, _ message: String, metadata: [String: String] = [:],
        details: [any Message] = [], retryAfterNanoseconds: Int64? = nil, pushback: Bool = false
    ) -> CallStatus {
        var info = Google_Rpc_ErrorInfo()
        info.reason = reason.rawValue
        info.domain = errorDomain
        info.metadata = metadata
        var all: [any Message] = [info]
        all += details
        if let retryAfterNanoseconds {
            var retry = Google_Rpc_RetryInfo()
            retry.retryDelay = Google_Protobuf_Duration(
                seconds: retryAfterNanoseconds / 1_000_000_000, nanos: Int32(retryAfterNanoseconds % 1_000_000_000))
            all.append(retry)
        }
        var status = Google_Rpc_Status()
        status.code = Int32(code.rawValue)
        status.message = message
        // Packing fails only for messages that cannot be serialized, and ours can.
        status.details = all.compactMap { try? Google_Protobuf_Any(message: $0) }
        let bytes: [UInt8] = (try? status.serializedBytes()) ?? []
        // Rounded up: a caller that waits so long is let through.
        let milliseconds = retryAfterNanoseconds.map { ($0 + 999_999) / 1_000_000 }
        return CallStatus(
            code, message, details: bytes, retryPushbackMilliseconds: pushback ? milliseconds : nil)
    }

    static func invalidFields(_ violations: [FieldViolation]) -> CallStatus {
        var request = Google_Rpc_BadRequest()
        request.fieldViolations = violations.prefix(violationsMax).map { violation in
            var field = Google_Rpc_BadRequest.FieldViolation()
            field.field = violation.field
            field.description_p = violation.description
            return field
        }
        let first = violations.first.map { "\($0.field): \($0.description)" } ?? "a field is invalid"
        let more = violations.count > 1 ? " (and \(violations.count - 1) more)" : ""
        return .failure(.invalidArgument, .invalidField, first + more, details: [request])
    }

    static func invalidField(_ field: String, _ description: String) -> CallStatus {
        invalidFields([FieldViolation(field: field, description: description)])
    }

    static func malformed(_ messageName: String) -> CallStatus {
        .failure(.internalError, .internalFault, "the request is not a valid \(messageName) message")
    }

    static func channelNotFound(_ id: String) -> CallStatus {
        .failure(.notFound, .channelNotFound, "there is no channel \(id)", metadata: ["channel": id])
    }

    static func rateLimited(channel: String, quota: String, retryAfterNanoseconds: Int64) -> CallStatus {
        var violation = Google_Rpc_QuotaFailure.Violation()
        violation.subject = "channels/\(channel)"
        violation.description_p = quota
        var failure = Google_Rpc_QuotaFailure()
        failure.violations = [violation]
        return .failure(
            .resourceExhausted, .channelRateLimited, "channel \(channel) is over its \(quota)",
            metadata: ["channel": channel], details: [failure], retryAfterNanoseconds: max(1, retryAfterNanoseconds),
            pushback: true)
    }
}
