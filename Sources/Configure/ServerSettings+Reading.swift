extension ServerSettings {
    private enum SampleChoice: String, CaseIterable {
        case auto, `true`, `false`
    }

    /// Reads every setting; bad values and contradictions go to the reader's problems.
    init(_ reader: SettingsReader, hasFile: Bool) {
        listen = reader.address(.listen)
        http = reader.address(.http)
        dataDirectory = reader.value(.data, expected: "a directory") { $0.isEmpty ? nil : $0 }
        tenant = reader.value(.tenant, expected: "a name of 1 to 32 bytes without control characters") {
            Quantities.identifier($0)
        }
        isInsecure = reader.value(.insecure, expected: "true or false", Quantities.flag)
        loops = reader.count(.loops, 0...256)
        logLevel = reader.choice(.logLevel, LogLevel.self)
        logFormat = reader.choice(.logFormat, LogFormat.self)
        tls = Self.tls(reader)
        storage = Storage(
            mapBytes: reader.bytes(.storageMapBytes), quotaBytes: reader.bytes(.storageQuotaBytes),
            headroomBytes: reader.bytes(.storageHeadroomBytes))
        hotTable = HotTable(
            isEnabled: reader.value(.hotTableEnabled, expected: "true or false", Quantities.flag),
            bytesMax: reader.bytes(.hotTableBytesMax))
        limits = Self.limits(reader)
        events = Events(
            horizonNanoseconds: reader.nanoseconds(.eventsHorizon, atLeast: 60_000_000_000),
            clockSkewMaxNanoseconds: reader.nanoseconds(.eventsClockSkewMax),
            gapWaitNanoseconds: reader.nanoseconds(.eventsGapWait),
            deadLetterBytesMax: reader.bytes(.eventsDeadLetterBytesMax))
        usesSampleCatalogue =
            switch reader.choice(.sampleCatalogue, SampleChoice.self) {
            case .auto: !hasFile
            case .true: true
            case .false: false
            }
        shutdownGraceMilliseconds = reader.milliseconds(.shutdownGrace, atLeast: 0)
        checkStorage(reader)
        if hotTable.bytesMax < 1 << 20 || hotTable.bytesMax > 1 << 40 {
            reader.report(.hotTableBytesMax, "must be 1MiB to 1TiB")
        }
        if events.deadLetterBytesMax < 1 << 20 || events.deadLetterBytesMax > 1 << 40 {
            reader.report(.eventsDeadLetterBytesMax, "must be 1MiB to 1TiB")
        }
        checkExposure(reader)
    }

    private static func tls(_ reader: SettingsReader) -> TLS? {
        let authority = reader.text(.tlsClientAuthority)
        switch (reader.text(.tlsCertificate), reader.text(.tlsPrivateKey)) {
        case (let certificate?, let privateKey?):
            return TLS(certificatePath: certificate, privateKeyPath: privateKey, clientAuthorityPath: authority)
        case (.some, nil):
            reader.report(.tlsCertificate, "needs tls.private_key as well")
        case (nil, .some):
            reader.report(.tlsPrivateKey, "needs tls.certificate as well")
        case (nil, nil):
            if authority != nil {
                reader.report(.tlsClientAuthority, "needs tls.certificate and tls.private_key as well")
            }
        }
        return nil
    }

    private static func limits(_ reader: SettingsReader) -> Limits {
        let ageMaxMilliseconds = reader.milliseconds(.limitsConnectionAgeMax, atLeast: 0)
        return Limits(
            connectionsMax: reader.count(.limitsConnectionsMax, 1...1_000_000),
            streamsPerConnectionMax: reader.count(.limitsStreamsPerConnectionMax, 1...100_000),
            handshakeMilliseconds: reader.milliseconds(.limitsHandshake),
            idleMilliseconds: reader.milliseconds(.limitsIdle),
            stalledMilliseconds: reader.milliseconds(.limitsStalled),
            keepaliveMilliseconds: reader.milliseconds(.limitsKeepalive),
            keepaliveTimeoutMilliseconds: reader.milliseconds(.limitsKeepaliveTimeout),
            connectionAgeMaxMilliseconds: ageMaxMilliseconds == 0 ? nil : ageMaxMilliseconds,
            connectionAgeGraceMilliseconds: reader.milliseconds(.limitsConnectionAgeGrace))
    }

    private func checkStorage(_ reader: SettingsReader) {
        if storage.mapBytes < 16 << 20 {
            reader.report(.storageMapBytes, "must be at least 16MiB")
        }
        if storage.quotaBytes > storage.mapBytes {
            reader.report(.storageQuotaBytes, "must not be larger than storage.map_bytes")
        }
        let bound = storage.quotaBytes == 0 ? storage.mapBytes : storage.quotaBytes
        if storage.headroomBytes >= bound {
            reader.report(.storageHeadroomBytes, "must be smaller than storage.quota_bytes and storage.map_bytes")
        }
    }

    /// Nobody serves stock to a network in clear by accident.
    private func checkExposure(_ reader: SettingsReader) {
        if isInsecure { return }
        if !listen.isLoopback, tls?.clientAuthorityPath == nil {
            reader.report(
                .listen,
                "\(listen) is not a loopback address: set tls.certificate, tls.private_key and tls.client_authority, "
                    + "or give --insecure (insecure: true) to serve without")
        }
        if !http.isLoopback {
            reader.report(
                .http,
                "\(http) is not a loopback address and the operations port has no TLS: keep it on loopback, "
                    + "or give --insecure (insecure: true)")
        }
    }
}
