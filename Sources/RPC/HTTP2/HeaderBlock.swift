/// The header block that is arriving on a connection, as far as it has come; one arrives at a time.
struct HeaderBlock {
    struct Parts: OptionSet {
        let rawValue: UInt8

        static let method = Parts(rawValue: 1 << 0)
        static let scheme = Parts(rawValue: 1 << 1)
        static let path = Parts(rawValue: 1 << 2)
        static let authority = Parts(rawValue: 1 << 3)
        static let host = Parts(rawValue: 1 << 4)
        static let contentLength = Parts(rawValue: 1 << 5)
        /// Any field that is no pseudo-field.
        static let regular = Parts(rawValue: 1 << 6)
        /// The method is CONNECT.
        static let connect = Parts(rawValue: 1 << 7)
    }

    var fields = 0
    /// As RFC 9113 6.5.2 counts them.
    var bytes = 0
    var isMalformed = false
    private(set) var parts: Parts = []

    /// A pseudo-field comes once and before the regular ones (RFC 9113 8.3).
    mutating func takePseudo(_ part: Parts) {
        if !parts.isDisjoint(with: [.regular, part]) { isMalformed = true }
        parts.insert(part)
    }

    mutating func takeRegular() {
        parts.insert(.regular)
    }

    /// A regular field that comes once.
    mutating func takeOnce(_ part: Parts) {
        if parts.contains(part) { isMalformed = true }
        parts.insert([.regular, part])
    }

    mutating func takeConnect() {
        takePseudo(.method)
        parts.insert(.connect)
    }

    /// A trailer section has no pseudo-fields (RFC 9113 8.1).
    mutating func takeTrailer(_ field: HeaderField) {
        switch field {
        case .method, .scheme, .path, .authority, .malformed: isMalformed = true
        default: break
        }
    }

    /// Whether it is a request's, whole and well-formed (RFC 9113 8.3.1; CONNECT: 8.5). Somebody must be asked: without
    /// an authority there is a host.
    var isRequest: Bool {
        guard !isMalformed, !parts.isDisjoint(with: [.authority, .host]) else { return false }
        let needed: Parts = [.method, .scheme, .path]
        return parts.contains(.connect)
            ? parts.contains(.authority) && parts.intersection(needed) == .method : parts.isSuperset(of: needed)
    }
}
