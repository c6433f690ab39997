/// How a call ended, as the wire tells it to the caller in the trailers.
public struct CallStatus: Error, Sendable, Equatable {
    public var code: StatusCode
    /// For people; percent-encoded into `grpc-message` by the wire. Empty when there is nothing to say.
    public var message: String
    /// A serialized `google.rpc.Status` for `grpc-status-details-bin`; empty when there are no details.
    public var details: [UInt8]
    /// `grpc-retry-pushback-ms`: how long a retrying client should wait, in milliseconds. Absent: not said.
    public var retryPushbackMilliseconds: Int64?

    public init(
        _ code: StatusCode, _ message: String = "", details: [UInt8] = [], retryPushbackMilliseconds: Int64? = nil
    ) {
        self.code = code
        self.message = message
        self.details = details
        self.retryPushbackMilliseconds = retryPushbackMilliseconds
    }

    public static let ok = CallStatus(.ok)
}
