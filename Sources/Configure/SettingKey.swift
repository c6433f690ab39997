/// Every scalar setting, by its path in the file. The flag and the environment variable follow from the path.
public enum SettingKey: String, Sendable, CaseIterable {
    case listen
    case http
    case data
    case tenant
    case insecure
    case loops
    case logLevel = "log.level"
    case logFormat = "log.format"
    case tlsCertificate = "tls.certificate"
    case tlsPrivateKey = "tls.private_key"
    case tlsClientAuthority = "tls.client_authority"
    case storageMapBytes = "storage.map_bytes"
    case storageQuotaBytes = "storage.quota_bytes"
    case storageHeadroomBytes = "storage.headroom_bytes"
    case hotTableEnabled = "hot_table.enabled"
    case hotTableBytesMax = "hot_table.bytes_max"
    case limitsConnectionsMax = "limits.connections_max"
    case limitsStreamsPerConnectionMax = "limits.streams_per_connection_max"
    case limitsHandshake = "limits.handshake"
    case limitsIdle = "limits.idle"
    case limitsStalled = "limits.stalled"
    case limitsKeepalive = "limits.keepalive"
    case limitsKeepaliveTimeout = "limits.keepalive_timeout"
    case limitsConnectionAgeMax = "limits.connection_age_max"
    case limitsConnectionAgeGrace = "limits.connection_age_grace"
    case eventsHorizon = "events.horizon"
    case eventsClockSkewMax = "events.clock_skew_max"
    case eventsGapWait = "events.gap_wait"
    case eventsDeadLetterBytesMax = "events.dead_letter_bytes_max"
    case sampleCatalogue = "sample_catalogue"
    case shutdownGrace = "shutdown.grace"

    /// The key's path in the file, for example `storage.map_bytes`.
    public var path: String { rawValue }

    /// For example `--storage-map-bytes`.
    public var flagName: String { "--" + rawValue.replacing(".", with: "-").replacing("_", with: "-") }

    /// For example `AVAILABILITY_STORAGE_MAP_BYTES`.
    public var environmentName: String { "AVAILABILITY_" + rawValue.replacing(".", with: "_").uppercased() }

    /// As it would be written in the file; empty when the setting is absent by default.
    public var defaultText: String {
        switch self {
        case .listen: "127.0.0.1:50051"
        case .http: "127.0.0.1:8080"
        case .data: "./data"
        case .tenant: "demo"
        case .insecure: "false"
        case .loops: "0"
        case .logLevel: "info"
        case .logFormat: "auto"
        case .tlsCertificate, .tlsPrivateKey, .tlsClientAuthority: ""
        case .storageMapBytes: "1TiB"
        case .storageQuotaBytes: "0"
        case .storageHeadroomBytes: "64MiB"
        case .hotTableEnabled: "true"
        case .hotTableBytesMax: "1GiB"
        case .limitsConnectionsMax: "10000"
        case .limitsStreamsPerConnectionMax: "256"
        case .limitsHandshake: "10s"
        case .limitsIdle: "5m"
        case .limitsStalled: "30s"
        case .limitsKeepalive: "2h"
        case .limitsKeepaliveTimeout: "20s"
        case .limitsConnectionAgeMax: "0"
        case .limitsConnectionAgeGrace: "30s"
        case .eventsHorizon: "7d"
        case .eventsClockSkewMax: "5m"
        case .eventsGapWait: "5m"
        case .eventsDeadLetterBytesMax: "1GiB"
        case .sampleCatalogue: "auto"
        case .shutdownGrace: "30s"
        }
    }
}
