/// Why the server could not start, or could not take new certificates.
public struct WireError: Error, Sendable, Equatable, CustomStringConvertible {
    public enum Kind: Sendable {
        /// A limit is out of range or contradicts another.
        case invalidLimits
        /// The address cannot be listened on.
        case listen
        /// A certificate, key or authority file cannot be used.
        case certificates
        /// The system refused a descriptor, a thread or memory.
        case system
        /// `start` was called twice, or the server has been drained.
        case state
    }

    public let kind: Kind
    /// What was attempted, and what the system or library said about it.
    public let description: String
    /// `errno`, when the system refused; 0 otherwise.
    public let code: Int32

    init(_ kind: Kind, _ description: String, code: Int32 = 0) {
        self.kind = kind
        self.description = description
        self.code = code
    }
}
