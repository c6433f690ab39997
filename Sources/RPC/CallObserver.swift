public import Calls

/// Told of ended calls, for logs. Runs on the event loop's thread and must not block.
public struct CallObserver: Sendable {
    /// Told of every call. Otherwise only of those that ended INTERNAL, UNKNOWN, DATA_LOSS or UNAVAILABLE, and a call
    /// that ends well costs nothing.
    public var observeEveryCall: Bool
    public var callFinished: @Sendable (FinishedCall) -> Void

    public init(observeEveryCall: Bool = false, callFinished: @escaping @Sendable (FinishedCall) -> Void) {
        self.observeEveryCall = observeEveryCall
        self.callFinished = callFinished
    }

    func wants(_ code: StatusCode) -> Bool {
        switch code {
        case .internalError, .unknown, .dataLoss, .unavailable: true
        default: observeEveryCall
        }
    }
}

/// One ended call.
public struct FinishedCall: Sendable {
    /// Index into the application's method list; absent for a method it does not have.
    public let method: Int?
    public let code: StatusCode
    public let message: String
    /// As sent or made; empty for an inline call that sent none.
    public let requestID: String
    public let traceparent: String
    public let durationNanoseconds: UInt64
}
