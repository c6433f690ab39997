import GRPCNIOTransportHTTP2

/// A host and a port, as in `127.0.0.1:50051`, `[::1]:50051` or `shop.example.org:443`.
struct ServerAddress: Equatable {
    var host: String
    var port: Int

    /// Nil unless `text` is HOST:PORT; an IPv6 host stands in brackets.
    init?(_ text: String) {
        guard let colon = text.lastIndex(of: ":"), let port = UInt16(text[text.index(after: colon)...]) else {
            return nil
        }
        var host = text[..<colon]
        if host.hasPrefix("["), host.hasSuffix("]") {
            host = host.dropFirst().dropLast()
            guard host.contains(":") else { return nil }
        } else if host.contains(":") {
            return nil
        }
        guard !host.isEmpty, port > 0 else { return nil }
        self.host = String(host)
        self.port = Int(port)
    }

    var target: any ResolvableTarget {
        if host.contains(":") { return .ipv6(address: host, port: port) }
        let parts = host.split(separator: ".", omittingEmptySubsequences: false)
        let isIPv4 = parts.count == 4 && parts.allSatisfy { UInt8($0) != nil }
        return isIPv4 ? .ipv4(address: host, port: port) : .dns(host: host, port: port)
    }
}
