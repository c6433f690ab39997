/// One RPC method as the wire needs to know it. The wire names a method by its index in the server's method list.
public struct MethodDescriptor: Sendable, Equatable {
    public enum Kind: Sendable {
        /// One message in, one out, answered on the loop's thread before `LoopHandler.answer` returns.
        case unaryInline
        /// One message in, one out, answered at any time from any thread.
        case unary
        /// One message in, any number out.
        case serverStreaming
        /// Any number in, any number out.
        case bidirectional
    }

    /// The full service name, for example `availability.v1.AvailabilityService`.
    public let service: String
    /// The method's name, for example `CheckAvailability`.
    public let name: String
    public let kind: Kind

    public init(service: String, name: String, kind: Kind) {
        self.service = service
        self.name = name
        self.kind = kind
    }

    /// The HTTP/2 `:path`.
    public var path: String { "/\(service)/\(name)" }
}
