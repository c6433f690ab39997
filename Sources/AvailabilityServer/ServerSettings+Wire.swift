internal import Configure
internal import Glibc
internal import RPC

extension ServerSettings {
    /// The wire's limits with the operator's bounds.
    var wireLimits: WireLimits {
        var wire = WireLimits()
        wire.connectionsMax = limits.connectionsMax
        wire.streamsPerConnectionMax = limits.streamsPerConnectionMax
        wire.handshakeMilliseconds = limits.handshakeMilliseconds
        wire.idleMilliseconds = limits.idleMilliseconds
        wire.stalledMilliseconds = limits.stalledMilliseconds
        wire.keepaliveMilliseconds = limits.keepaliveMilliseconds
        wire.keepaliveTimeoutMilliseconds = limits.keepaliveTimeoutMilliseconds
        wire.connectionAgeMaxMilliseconds = limits.connectionAgeMaxMilliseconds
        wire.connectionAgeGraceMilliseconds = limits.connectionAgeGraceMilliseconds
        return wire
    }

    var wireConfiguration: ServerConfiguration {
        ServerConfiguration(
            listenHost: listen.host, listenPort: listen.port, loops: loops,
            tls: tls.map {
                TLSConfiguration(
                    certificateChainPath: $0.certificatePath, privateKeyPath: $0.privateKeyPath,
                    clientAuthorityPath: $0.clientAuthorityPath)
            },
            limits: wireLimits)
    }
}

/// A clock that does not jump, for throttles, in nanoseconds.
func monotonicClockNanoseconds() -> Int64 {
    var now = timespec()
    clock_gettime(CLOCK_MONOTONIC, &now)
    return Int64(now.tv_sec) * 1_000_000_000 + Int64(now.tv_nsec)
}
