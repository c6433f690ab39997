/// The header block that is arriving on a connection, as far as it has come; one arrives at a time.
struct HeaderBlock {
    struct Parts: OptionSet {
        let rawValue: UInt16

        static let method = Parts(rawValue: 1 << 0)
        static let scheme = Parts(rawValue: 1 << 1)
        static let path = Parts(rawValue: 1 << 2)
        static let authority = Parts(rawValue: 1 << 3)
        static let host = Parts(rawValue: 1 << 4)
        static let contentLength = Parts(rawValue: 1 << 5)
        /// Any field that is no pseudo-field.
        static let regular = Parts(rawValue: 1 << 6)

        // What those say that the whole depends on.
        static let connect = Parts(rawValue: 1 << 7)
        static let options = Parts(rawValue: 1 << 8)
        static let asterisk = Parts(rawValue: 1 << 9)
    }

    /// 0 before the connection's first.
    var streamID: Int32 = 0
    var fields = 0
    /// As RFC 9113 6.5.2 counts them.
    var bytes = 0
    private(set) var isMalformed = false
    private var parts: Parts = []

    /// Judges one field of a request's header section.
    mutating func take(_ field: HeaderField) {
        switch field {
        case .method(.connect): takePseudo(.method, .connect)
        case .method(.options): takePseudo(.method, .options)
        case .method: takePseudo(.method)
        case .scheme: takePseudo(.scheme)
        case .path: takePseudo(.path)
        case .asterisk: takePseudo(.path, .asterisk)
        case .authority: takePseudo(.authority)
        case .host: takeOnce(.host)
        case .contentLength: takeOnce(.contentLength)
        case .malformed: isMalformed = true
        default: parts.insert(.regular)
        }
    }

    /// A trailer section has no pseudo-fields (RFC 9113 8.1).
    mutating func takeTrailer(_ field: HeaderField) {
        switch field {
        case .method, .scheme, .path, .asterisk, .authority, .malformed: isMalformed = true
        default: break
        }
    }

    /// Whether it is a request's, whole and well-formed (RFC 9113 8.3.1; CONNECT: 8.5). Somebody must be asked: without
    /// an authority there is a host.
    var isRequest: Bool {
        guard !isMalformed, !parts.isDisjoint(with: [.authority, .host]) else { return false }
        if parts.contains(.asterisk), !parts.contains(.options) { return false }
        let needed: Parts = [.method, .scheme, .path]
        return parts.contains(.connect)
            ? parts.contains(.authority) && parts.intersection(needed) == .method : parts.isSuperset(of: needed)
    }

    /// A pseudo-field comes once and before the regular ones (RFC 9113 8.3).
    private mutating func takePseudo(_ part: Parts, _ detail: Parts = []) {
        if !parts.isDisjoint(with: [.regular, part]) { isMalformed = true }
        parts.formUnion([part, detail])
    }

    /// A regular field that comes once.
    private mutating func takeOnce(_ part: Parts) {
        if parts.contains(part) { isMalformed = true }
        parts.formUnion([.regular, part])
    }
}
