/// A configuration that can be used.
public struct LoadedConfiguration: Sendable, Equatable {
    public var settings: ServerSettings
    public var catalogue: ConfiguredCatalogue
    /// The file it came from; absent in development mode.
    public var file: String?

    /// Started without a configuration file: loopback, no TLS, tenant `demo`, sample catalogue, unless flags or the
    /// environment say otherwise.
    public var isDevelopmentMode: Bool { file == nil }

    /// The sections, by their keys in the file, that say otherwise than in `running` and are read at the start only.
    public func sectionsForRestart(since running: LoadedConfiguration) -> [String] {
        let (ours, theirs) = (settings, running.settings)
        let sections: [(key: String, isChanged: Bool)] = [
            ("listen", ours.listen != theirs.listen), ("http", ours.http != theirs.http),
            ("data", ours.dataDirectory != theirs.dataDirectory), ("tenant", ours.tenant != theirs.tenant),
            ("insecure", ours.isInsecure != theirs.isInsecure), ("loops", ours.loops != theirs.loops),
            ("log", (ours.logLevel, ours.logFormat) != (theirs.logLevel, theirs.logFormat)),
            // The files' contents are read again, their paths are not.
            ("tls", ours.tls != theirs.tls), ("storage", ours.storage != theirs.storage),
            ("hot_table", ours.hotTable != theirs.hotTable), ("limits", ours.limits != theirs.limits),
            ("events", ours.events != theirs.events),
            ("sample_catalogue", ours.usesSampleCatalogue != theirs.usesSampleCatalogue),
            ("shutdown", ours.shutdownGraceMilliseconds != theirs.shutdownGraceMilliseconds),
            ("erps", catalogue.erps != running.catalogue.erps), ("feeds", catalogue.feeds != running.catalogue.feeds),
            ("publications", catalogue.publications != running.catalogue.publications),
        ]
        return sections.filter(\.isChanged).map(\.key)
    }

    /// What to tell the operator at start in development mode.
    public var developmentBanner: String {
        let catalogueLine =
            settings.usesSampleCatalogue ? "sample catalogue (WH1 … WH6; web, marketplace, b2b)" : "no catalogue"
        return """
            DEVELOPMENT MODE: no configuration file was given.
              tenant \(settings.tenant), \(catalogueLine), \(settings.tls == nil ? "no TLS" : "TLS"), \
            data in \(settings.dataDirectory)
              gRPC on \(settings.listen), HTTP on \(settings.http)
              For production write a file and start with: availability-server serve --config FILE
            """
    }
}

/// Reads a configuration: flags over environment over file over defaults. Opens nothing but the file.
///
/// - Parameters:
///   - file: the YAML file; absent: what `AVAILABILITY_CONFIG` names, else development mode.
///   - flags: by key path, for example `["listen": "127.0.0.1:0"]`; see `SettingKey`.
///   - environment: the process's environment.
/// - Throws: every problem at once.
public func loadConfiguration(
    file: String?, flags: [String: String] = [:], environment: [String: String] = [:]
) throws(ConfigurationError) -> LoadedConfiguration {
    let named = file ?? environment["AVAILABILITY_CONFIG"].flatMap { $0.isEmpty ? nil : $0 }
    var parsed: ConfigurationFile?
    if let named { parsed = try ConfigurationFile(path: named) }
    return try loadConfiguration(parsed, flags: flags, environment: environment)
}

/// Reads the file at `file` alone, as `check-config` does: neither flags nor environment count.
public func checkConfiguration(file: String) throws(ConfigurationError) -> LoadedConfiguration {
    try loadConfiguration(try ConfigurationFile(path: file), flags: [:], environment: [:])
}

func loadConfiguration(
    _ file: ConfigurationFile?, flags: [String: String], environment: [String: String]
) throws(ConfigurationError) -> LoadedConfiguration {
    let problems = ProblemCollector()
    for path in flags.keys.sorted() where SettingKey(rawValue: path) == nil {
        preconditionFailure("no setting is called \(path)")
    }
    let reader = SettingsReader(flags: flags, environment: environment, file: file, problems: problems)
    let settings = ServerSettings(reader, hasFile: file != nil)
    var catalogue = ConfiguredCatalogue()
    if let file {
        let root = MappingReader(file: file, problems: problems)
        root.refuseUnknownSettings()
        catalogue = CatalogueReader(root).catalogue
    }
    if settings.usesSampleCatalogue {
        if catalogue.isEmpty {
            let (erps, feeds, reasonCodes) = (catalogue.erps, catalogue.feeds, catalogue.reasonCodes)
            catalogue = try sampleCatalogue()
            if file != nil {
                (catalogue.erps, catalogue.feeds, catalogue.reasonCodes) = (erps, feeds, reasonCodes)
            }
        } else {
            reader.report(.sampleCatalogue, "cannot be true in a file that has locations, groups, sources or channels")
        }
    }
    if file == nil && !settings.usesSampleCatalogue {
        catalogue.erps = [ConfiguredErp(id: "embedded", adapter: .embedded)]
    }
    guard problems.problems.isEmpty else { throw ConfigurationError(problems: problems.problems) }
    return LoadedConfiguration(settings: settings, catalogue: catalogue, file: file?.name)
}

private func sampleCatalogue() throws(ConfigurationError) -> ConfiguredCatalogue {
    let problems = ProblemCollector()
    let file = try ConfigurationFile(name: "sample", text: sampleConfiguration)
    let catalogue = CatalogueReader(MappingReader(file: file, problems: problems)).catalogue
    precondition(problems.problems.isEmpty, "the built-in sample must be valid")
    return catalogue
}
