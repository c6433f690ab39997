import CLinux
import Glibc

/// A listening socket that shares its port with the other loops' (SO_REUSEPORT). Owns the descriptor.
struct Listener: ~Copyable {
    let descriptor: Int32
    let port: UInt16

    /// `sharesPort`: whether other listeners, of any process of this user, may have the port as well.
    init(host: String, port: UInt16, sharesPort: Bool = true) throws(WireError) {
        var hints = unsafe addrinfo()
        unsafe hints.ai_socktype = Int32(SOCK_STREAM.rawValue)
        unsafe hints.ai_flags = AI_PASSIVE | AI_ADDRCONFIG
        var found: UnsafeMutablePointer<addrinfo>?
        let code = unsafe getaddrinfo(host, String(port), &hints, &found)
        guard code == 0, let found = unsafe found else {
            let reason = unsafe String(cString: gai_strerror(code))
            throw WireError(.listen, "\(host): \(reason)")
        }
        defer { unsafe freeaddrinfo(found) }
        let kind = Int32(SOCK_STREAM.rawValue | SOCK_NONBLOCK.rawValue | SOCK_CLOEXEC.rawValue)
        let made = unsafe socket(found.pointee.ai_family, kind, 0)
        guard made >= 0 else { throw Self.failure("socket", host, port) }
        let bound: UInt16
        do throws(WireError) {
            bound = try unsafe Self.listen(made, found.pointee, host, port, sharesPort: sharesPort)
        } catch {
            close(made)
            throw error
        }
        self.port = bound
        descriptor = made
    }

    deinit { close(descriptor) }

    private static func listen(
        _ descriptor: Int32, _ address: addrinfo, _ host: String, _ port: UInt16, sharesPort: Bool
    ) throws(WireError) -> UInt16 {
        setOption(descriptor, SOL_SOCKET, SO_REUSEADDR)
        if sharesPort { setOption(descriptor, SOL_SOCKET, SO_REUSEPORT) }
        guard unsafe bind(descriptor, address.ai_addr, address.ai_addrlen) == 0 else {
            throw failure("bind", host, port)
        }
        guard Glibc.listen(descriptor, 4_096) == 0 else { throw failure("listen", host, port) }
        var bound = sockaddr_storage()
        var length = socklen_t(MemoryLayout<sockaddr_storage>.size)
        let code = unsafe withUnsafeMutablePointer(to: &bound) {
            unsafe $0.withMemoryRebound(to: sockaddr.self, capacity: 1) { unsafe getsockname(descriptor, $0, &length) }
        }
        guard code == 0 else { throw failure("getsockname", host, port) }
        // The port is at the same place in the addresses of both families.
        return unsafe withUnsafeBytes(of: &bound) {
            unsafe UInt16(bigEndian: $0.load(fromByteOffset: 2, as: UInt16.self))
        }
    }

    private static func failure(_ call: String, _ host: String, _ port: UInt16) -> WireError {
        WireError(.listen, "\(call) on \(host) port \(port): \(systemMessage(errno))", code: errno)
    }
}

func setOption(_ descriptor: Int32, _ level: Int32, _ name: Int32) {
    var one: Int32 = 1
    unsafe setsockopt(descriptor, level, name, &one, socklen_t(MemoryLayout<Int32>.size))
}
