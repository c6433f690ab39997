internal import Calls
internal import Logging
internal import RPC

/// Writes a line for calls that failed on our side, and at `debug` for every call. Runs on the event loops' threads.
struct CallLog: Sendable {
    let logger: Logger
    let methods: [MethodDescriptor]

    func observer(everyCall: Bool) -> CallObserver {
        CallObserver(observeEveryCall: everyCall) { call in record(call) }
    }

    private func record(_ call: FinishedCall) {
        let level: Logger.Level =
            switch call.code {
            case .internalError, .unknown, .dataLoss: .error
            case .unavailable: .warning
            default: .debug
            }
        guard logger.logLevel <= level else { return }
        var metadata: Logger.Metadata = [
            "method": "\(call.method.map { methods[$0].path } ?? "_OTHER")", "code": "\(call.code.name)",
            "duration_us": "\(call.durationNanoseconds / 1_000)",
        ]
        if !call.message.isEmpty { metadata["status_message"] = "\(call.message)" }
        if !call.requestID.isEmpty { metadata["request_id"] = "\(call.requestID)" }
        if !call.traceparent.isEmpty { metadata["traceparent"] = "\(call.traceparent)" }
        logger.log(level: level, "call finished", metadata: metadata)
    }
}
