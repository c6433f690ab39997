internal import Glibc

/// An IP address, and whether it is one of the public Internet.
struct HostAddress: Equatable {
    /// 4 or 16, in network order.
    let bytes: [UInt8]

    init(bytes: [UInt8]) {
        self.bytes = bytes
    }

    /// Nil: the text is no address.
    init?(_ text: String) {
        var address4 = in_addr()
        var address6 = in6_addr()
        // Both write into their argument only.
        if inet_pton(AF_INET, text, &address4) == 1 {
            bytes = withUnsafeBytes(of: address4) { Array($0) }
        } else if inet_pton(AF_INET6, text, &address6) == 1 {
            bytes = withUnsafeBytes(of: address6) { Array($0) }
        } else {
            return nil
        }
    }

    /// What may be sent to without leave: globally reachable by the registries of special-purpose addresses (RFC 6890), and
    /// no multicast.
    var isPublic: Bool { bytes.count == 4 ? Self.isPublic4(bytes[...]) : isPublic6 }

    private static func isPublic4(_ bytes: ArraySlice<UInt8>) -> Bool {
        let (first, second, third) = (bytes[bytes.startIndex], bytes[bytes.startIndex + 1], bytes[bytes.startIndex + 2])
        switch (first, second) {
        case (0, _), (10, _), (127, _), (224..., _): return false
        case (100, 64...127), (169, 254), (172, 16...31), (192, 168), (198, 18...19): return false
        case (192, 0): return third != 0 && third != 2
        case (198, 51): return third != 100
        case (203, 0): return third != 113
        default: return true
        }
    }

    private var isPublic6: Bool {
        let prefix = bytes.prefix(12)
        // Mapped and translated addresses (RFC 4291, section 2.5.5.2; RFC 6052) are those that they hold.
        if prefix.elementsEqual([0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xFF, 0xFF])
            || prefix.elementsEqual([0, 0x64, 0xFF, 0x9B, 0, 0, 0, 0, 0, 0, 0, 0])
        {
            return Self.isPublic4(bytes[12...])
        }
        // 6to4 (RFC 3056): the same.
        if bytes[0] == 0x20, bytes[1] == 0x02 { return Self.isPublic4(bytes[2..<6]) }
        // 2000::/3 is what is given out; 2001::/23 and the documentation's addresses are special.
        let isSpecial = bytes[0] == 0x20 && bytes[1] == 0x01 && (bytes[2] < 2 || bytes[2] == 0x0D && bytes[3] == 0xB8)
        return bytes[0] & 0xE0 == 0x20 && !isSpecial
    }
}

/// What a name stands for now.
enum HostNames {
    /// The addresses, as texts, in the resolver's order. Blocks.
    static func addresses(of host: String) -> [String] {
        if HostAddress(host) != nil { return [host] }
        var hints = addrinfo()
        hints.ai_socktype = Int32(SOCK_STREAM.rawValue)
        var list: UnsafeMutablePointer<addrinfo>?
        // Freed below; nothing of it is kept.
        guard getaddrinfo(host, nil, &hints, &list) == 0 else { return [] }
        defer { freeaddrinfo(list) }
        var texts: [String] = []
        var next = list
        while let entry = next?.pointee {
            var text = [CChar](repeating: 0, count: Int(NI_MAXHOST))
            let code = getnameinfo(
                entry.ai_addr, entry.ai_addrlen, &text, socklen_t(text.count), nil, 0, NI_NUMERICHOST)
            if code == 0 {
                texts.append(String(decoding: text.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self))
            }
            next = entry.ai_next
        }
        return texts
    }
}
