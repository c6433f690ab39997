internal import ArgumentParser
internal import Configure
internal import Foundation

/// The flags that every command takes: one for each setting of the configuration file, and the file itself.
struct SettingFlags: ParsableArguments {
    @Option(help: "The YAML configuration file. Without one the server starts in development mode.")
    var config: String?

    @Option(help: "Where gRPC listens, HOST:PORT.") var listen: String?
    @Option(help: "Where the HTTP/1.1 operations port listens, HOST:PORT.") var http: String?
    @Option(help: "The store's directory.") var data: String?
    @Option(help: "The tenant served.") var tenant: String?
    @Flag(help: "Listen beyond loopback without TLS and client certificates.") var insecure = false
    @Option(help: "Event loops; 0: one per core.") var loops: String?
    @Option(help: "trace, debug, info, notice, warning, error or critical.") var logLevel: String?
    @Option(help: "json, text or auto.") var logFormat: String?
    @Option(help: "PEM file: the certificate and its intermediates.") var tlsCertificate: String?
    @Option(help: "PEM file: the private key.") var tlsPrivateKey: String?
    @Option(help: "PEM file: the authorities of client certificates (mutual TLS).") var tlsClientAuthority: String?
    @Option(help: "Address space for the store, for example 1TiB.") var storageMapBytes: String?
    @Option(help: "The most the store may fill; 0: no bound of its own.") var storageQuotaBytes: String?
    @Option(help: "Kept free inside the quota for writes that free space.") var storageHeadroomBytes: String?
    @Option(help: "true or false: positions are kept in memory as well.") var hotTableEnabled: String?
    @Option(help: "The most memory they take, for example 1GiB.") var hotTableBytesMax: String?
    @Option(help: "Connections at a time.") var limitsConnectionsMax: String?
    @Option(help: "Calls in flight on one connection.") var limitsStreamsPerConnectionMax: String?
    @Option(help: "For the TLS handshake, the preface and each header block.") var limitsHandshake: String?
    @Option(help: "A connection without calls is closed after this.") var limitsIdle: String?
    @Option(help: "A caller that takes nothing is cut off after this.") var limitsStalled: String?
    @Option(help: "A silent connection is asked whether it lives after this.") var limitsKeepalive: String?
    @Option(help: "How long that answer may take.") var limitsKeepaliveTimeout: String?
    @Option(help: "Connections are drained at this age; 0: never.") var limitsConnectionAgeMax: String?
    @Option(help: "What calls of a connection too old have left.") var limitsConnectionAgeGrace: String?
    @Option(help: "How far behind a source's newest event an event may lie.") var eventsHorizon: String?
    @Option(help: "How far ahead of our clock an event may be.") var eventsClockSkewMax: String?
    @Option(help: "How long a missing sequence is waited for.") var eventsGapWait: String?
    @Option(help: "What all dead letters may take.") var eventsDeadLetterBytesMax: String?
    @Option(help: "true, false or auto: the built-in sample catalogue.") var sampleCatalogue: String?
    @Option(help: "How long calls in flight may take after SIGTERM.") var shutdownGrace: String?

    /// By the paths of `SettingKey`. The exhaustive switch keeps the flags complete.
    private func value(of key: SettingKey) -> String? {
        switch key {
        case .listen: listen
        case .http: http
        case .data: data
        case .tenant: tenant
        case .insecure: insecure ? "true" : nil
        case .loops: loops
        case .logLevel: logLevel
        case .logFormat: logFormat
        case .tlsCertificate: tlsCertificate
        case .tlsPrivateKey: tlsPrivateKey
        case .tlsClientAuthority: tlsClientAuthority
        case .storageMapBytes: storageMapBytes
        case .storageQuotaBytes: storageQuotaBytes
        case .storageHeadroomBytes: storageHeadroomBytes
        case .hotTableEnabled: hotTableEnabled
        case .hotTableBytesMax: hotTableBytesMax
        case .limitsConnectionsMax: limitsConnectionsMax
        case .limitsStreamsPerConnectionMax: limitsStreamsPerConnectionMax
        case .limitsHandshake: limitsHandshake
        case .limitsIdle: limitsIdle
        case .limitsStalled: limitsStalled
        case .limitsKeepalive: limitsKeepalive
        case .limitsKeepaliveTimeout: limitsKeepaliveTimeout
        case .limitsConnectionAgeMax: limitsConnectionAgeMax
        case .limitsConnectionAgeGrace: limitsConnectionAgeGrace
        case .eventsHorizon: eventsHorizon
        case .eventsClockSkewMax: eventsClockSkewMax
        case .eventsGapWait: eventsGapWait
        case .eventsDeadLetterBytesMax: eventsDeadLetterBytesMax
        case .sampleCatalogue: sampleCatalogue
        case .shutdownGrace: shutdownGrace
        }
    }

    /// Reads the configuration with these flags over the environment over the file; prints every problem and exits 64
    /// when it cannot be used.
    func load() throws -> LoadedConfiguration {
        do throws(ConfigurationError) {
            return try reload()
        } catch {
            printError(error.description)
            throw ExitCode(64)
        }
    }

    /// Reads the configuration again, for a server that is running.
    func reload() throws(ConfigurationError) -> LoadedConfiguration {
        var flags: [String: String] = [:]
        for key in SettingKey.allCases {
            if let value = value(of: key) { flags[key.path] = value }
        }
        let loaded = try loadConfiguration(
            file: config, flags: flags, environment: ProcessInfo.processInfo.environment)
        try FeedMaking.check(loaded)
        try PublicationMaking.check(loaded)
        return loaded
    }
}

/// One line, or several, for the person at the terminal; never on stdout, which is for data.
func printError(_ text: String) {
    try? FileHandle.standardError.write(contentsOf: Data((text + "\n").utf8))
}
