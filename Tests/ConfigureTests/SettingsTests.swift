import Foundation
import Inventory
import Testing

@testable import Configure

struct SettingsTests {
    private func load(
        _ text: String?, flags: [String: String] = [:], environment: [String: String] = [:]
    ) throws -> LoadedConfiguration {
        let file = try text.map { try ConfigurationFile(name: "test.yaml", text: $0) }
        return try loadConfiguration(file, flags: flags, environment: environment)
    }

    private func problems(
        _ text: String?, flags: [String: String] = [:], environment: [String: String] = [:]
    ) throws -> [String] {
        do {
            _ = try load(text, flags: flags, environment: environment)
            return []
        } catch let error as ConfigurationError {
            return error.problems.map(\.description)
        }
    }

    @Test func withoutAFileItIsDevelopmentModeWithTheSample() throws {
        let loaded = try load(nil)
        #expect(loaded.isDevelopmentMode)
        #expect(loaded.settings.listen.description == "127.0.0.1:50051")
        #expect(loaded.settings.http.description == "127.0.0.1:8080")
        #expect(loaded.settings.dataDirectory == "./data")
        #expect(loaded.settings.tenant == "demo")
        #expect(loaded.settings.tls == nil)
        #expect(loaded.settings.limits.connectionAgeMaxMilliseconds == nil)
        #expect(loaded.settings.events.horizonNanoseconds == 604_800_000_000_000)
        #expect(loaded.settings.usesSampleCatalogue)
        #expect(loaded.catalogue.locations.map(\.id) == ["WH1", "WH2", "WH3", "WH4", "WH5", "WH6"])
        #expect(loaded.catalogue.channels.map(\.id) == ["web", "marketplace", "b2b"])
        #expect(loaded.developmentBanner.contains("DEVELOPMENT MODE"))
    }

    @Test func flagWinsOverEnvironmentOverFileOverDefault() throws {
        let text = """
            tenant: from-file
            log: {level: debug, format: json}
            storage: {map_bytes: 32MiB, headroom_bytes: 1MiB}
            """
        let environment = [
            "AVAILABILITY_TENANT": "from-environment", "AVAILABILITY_LOG_LEVEL": "warning", "AVAILABILITY_DATA": "",
        ]
        let settings = try load(text, flags: ["tenant": "from-flag"], environment: environment).settings
        #expect(settings.tenant == "from-flag")
        #expect(settings.logLevel == .warning)
        #expect(settings.logFormat == .json)
        #expect(settings.dataDirectory == "./data")
        #expect(settings.storage.mapBytes == 32 << 20)
    }

    @Test func sectionsThatAreReadAtTheStartOnlyAreNamedOnceTheyChange() throws {
        let text = """
            loops: 2
            channels: {web: {sourcing: [WH1]}}
            locations: {WH1: }
            feeds: {rows: {kind: files, source: wms, folder: /in, format: csv}}
            """
        let running = try load(text)
        #expect(try load(text).sectionsForRestart(since: running) == [])
        let taken = text.replacing("{web:", with: "{shop: {sourcing: [WH1]}, web:") + "\nreason_codes: [A]"
        #expect(try load(taken).sectionsForRestart(since: running) == [])
        let changed = text.replacing("loops: 2", with: "limits: {idle: 1m}").replacing("/in", with: "/other")
        #expect(try load(changed).sectionsForRestart(since: running) == ["loops", "limits", "feeds"])
    }

    @Test func everyKeyCanBeSetByEnvironment() throws {
        let values: [SettingKey: String] = [
            .listen: "127.0.0.1:1", .http: "127.0.0.1:2", .data: "d", .tenant: "t", .insecure: "true", .loops: "3",
            .logLevel: "trace", .logFormat: "json", .tlsCertificate: "c", .tlsPrivateKey: "k",
            .tlsClientAuthority: "a", .storageMapBytes: "2GiB", .storageQuotaBytes: "1GiB",
            .storageHeadroomBytes: "1MiB", .hotTableEnabled: "false", .hotTableBytesMax: "2MiB",
            .limitsConnectionsMax: "1", .limitsStreamsPerConnectionMax: "2",
            .limitsHandshake: "1s", .limitsIdle: "2s", .limitsStalled: "3s", .limitsKeepalive: "4s",
            .limitsKeepaliveTimeout: "5s", .limitsConnectionAgeMax: "6s", .limitsConnectionAgeGrace: "7s",
            .eventsHorizon: "1d", .eventsClockSkewMax: "1m", .eventsGapWait: "2m", .eventsDeadLetterBytesMax: "2GiB",
            .sampleCatalogue: "false", .shutdownGrace: "9s",
        ]
        #expect(Set(values.keys) == Set(SettingKey.allCases))
        let environment = Dictionary(uniqueKeysWithValues: values.map { ($0.key.environmentName, $0.value) })
        let flags = Dictionary(uniqueKeysWithValues: values.map { ($0.key.path, $0.value) })
        let settings = try load(nil, environment: environment).settings
        let unset = try load(nil).settings
        #expect(try load(nil, flags: flags).settings == settings)
        #expect(settings.tls == .init(certificatePath: "c", privateKeyPath: "k", clientAuthorityPath: "a"))
        #expect(settings.limits.connectionAgeMaxMilliseconds == 6_000)
        #expect(settings.shutdownGraceMilliseconds == 9_000)
        for (name, left, right) in zip3(Mirror(reflecting: settings), Mirror(reflecting: unset)) {
            #expect(left != right, "\(name) was not set")
        }
    }

    private func zip3(_ left: Mirror, _ right: Mirror) -> [(String, String, String)] {
        zip(left.children, right.children).map { ($0.label ?? "?", "\($0.value)", "\($1.value)") }
    }

    @Test func everyProblemIsToldWithItsPlace() throws {
        let text = """
            lsiten: 127.0.0.1:1
            loops: many
            log:
              level: loud
              colour: blue
            storage: 5
            tls:
              certificate: [a, b]
            events:
              horizon: 1s
            """
        let environment = ["AVAILABILITY_SHUTDOWN_GRACE": "soon"]
        let said = try problems(text, flags: ["http": "8080"], environment: environment)
        #expect(
            Set(said) == [
                "test.yaml:1: lsiten: unknown key; did you mean listen?",
                "test.yaml:2: loops: expected a whole number from 0 to 256, not 'many'",
                "test.yaml:4: log.level: expected one of trace, debug, info, notice, warning, error, critical, not 'loud'",
                "test.yaml:5: log.colour: unknown key",
                "test.yaml:6: storage: expected a mapping of keys to values, not a single value",
                "test.yaml:8: tls.certificate: expected a single value, not a list",
                "test.yaml:10: events.horizon: expected a duration such as 500ms, 30s, 5m, 1h or 7d of at least 60000ms, "
                    + "not '1s'",
                "AVAILABILITY_SHUTDOWN_GRACE: shutdown.grace: expected a duration such as 500ms, 30s, 5m, 1h or 7d, "
                    + "not 'soon'",
                "--http: http: expected HOST:PORT, with an IPv6 host in brackets, not '8080'",
            ])
    }

    @Test(arguments: [
        ("tls: {certificate: a}", "test.yaml:1: tls.certificate: needs tls.private_key as well"),
        ("tls: {private_key: a}", "test.yaml:1: tls.private_key: needs tls.certificate as well"),
        (
            "storage: {map_bytes: 1GiB, quota_bytes: 2GiB}",
            "test.yaml:1: storage.quota_bytes: must not be larger than storage.map_bytes"
        ),
        (
            "storage: {quota_bytes: 32MiB}",
            "storage.headroom_bytes: must be smaller than storage.quota_bytes and storage.map_bytes"
        ),
        ("storage: {map_bytes: 1MiB, headroom_bytes: 0}", "test.yaml:1: storage.map_bytes: must be at least 16MiB"),
        ("- a\n- b", "test.yaml:1: must be a mapping of keys to values"),
        ("loops: 1\nloops: 2", "test.yaml:1: the same key twice: loops"),
        ("loops: [1", "is not YAML"),
    ])
    func contradictionsAreTold(_ text: String, _ expected: String) throws {
        let said = try problems(text)
        #expect(said.count == 1)
        #expect(said.first?.contains(expected) == true)
    }

    @Test(arguments: [
        ("listen: 0.0.0.0:50051", "--insecure"), ("http: 0.0.0.0:8080", "--insecure"),
        ("listen: '[::]:50051'\ntls: {certificate: a, private_key: b}", "tls.client_authority"),
    ])
    func aNetworkAddressNeedsTLSAndClientCertificates(_ text: String, _ hint: String) throws {
        let said = try problems(text)
        #expect(said.count == 1)
        #expect(said.first?.contains(hint) == true)
        #expect(try problems(text, flags: ["insecure": "true"]).isEmpty)
    }

    @Test func mutualTLSMayListenAnywhere() throws {
        let text = "listen: 0.0.0.0:1\ntls: {certificate: a, private_key: b, client_authority: c}"
        #expect(try problems(text).isEmpty)
    }

    @Test(arguments: ["", "# nothing\n", "~"])
    func anEmptyFileIsAllDefaultsWithoutTheSample(_ text: String) throws {
        let loaded = try load(text)
        #expect(!loaded.isDevelopmentMode)
        #expect(loaded.catalogue.isEmpty)
    }

    @Test func aMissingFileIsNamed() {
        #expect(throws: ConfigurationError.self) { try checkConfiguration(file: "/nonexistent/a.yaml") }
        #expect(throws: ConfigurationError.self) {
            try loadConfiguration(file: nil, environment: ["AVAILABILITY_CONFIG": "/nonexistent/a.yaml"])
        }
    }
}
