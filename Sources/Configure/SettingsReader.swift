import Configuration

/// Reads scalar settings, flag over environment over file over default, and collects bad values with their place.
struct SettingsReader {
    private let reader: ConfigReader
    private let flags: [String: String]
    private let environment: [String: String]
    private let file: ConfigurationFile?
    private let problems: ProblemCollector

    /// - Parameter flags: by key path, for example `storage.map_bytes`.
    init(
        flags: [String: String], environment: [String: String], file: ConfigurationFile?, problems: ProblemCollector
    ) {
        self.flags = flags
        // A variable set to nothing is how shells and unit files unset one.
        self.environment = environment.filter { !$0.value.isEmpty }
        self.file = file
        self.problems = problems

        var written: [String: String] = [:]
        var defaults: [String: String] = [:]
        for key in SettingKey.allCases {
            written[key.path] = file?.scalar(key.path)?.text
            if !key.defaultText.isEmpty { defaults[key.path] = key.defaultText }
        }
        // The file comes in as scalars: swift-configuration's own YAML provider refuses a file with a list of mappings
        // (`overrides`) and tells no lines.
        reader = ConfigReader(providers: [
            Self.provider("flags", flags),
            EnvironmentVariablesProvider(environmentVariables: self.environment).prefixKeys(with: "availability"),
            Self.provider("file", written),
            Self.provider("defaults", defaults),
        ])
    }

    private static func provider(_ name: String, _ values: [String: String]) -> InMemoryProvider {
        var typed: [AbsoluteConfigKey: ConfigValue] = [:]
        for (path, text) in values {
            typed[AbsoluteConfigKey(ConfigKey(path))] = ConfigValue(.string(text), isSecret: false)
        }
        return InMemoryProvider(name: name, values: typed)
    }

    /// The text of `key`, or nil when nobody set it and it has no default.
    func text(_ key: SettingKey) -> String? {
        reader.string(forKey: ConfigKey(key.path))
    }

    /// The value of `key` as `parse` understands it; the default in place of a bad value, which is reported.
    func value<Value>(_ key: SettingKey, expected: String, _ parse: (String) -> Value?) -> Value {
        let text = text(key) ?? key.defaultText
        if let value = parse(text) { return value }
        report(key, "expected \(expected), not '\(text)'")
        guard let fallback = parse(key.defaultText) else {
            preconditionFailure("the default of \(key.path) must be valid")
        }
        return fallback
    }

    func report(_ key: SettingKey, _ reason: String) {
        let (place, line) = place(of: key)
        problems.add(place: place, line: line, key: key.path, reason)
    }

    private func place(of key: SettingKey) -> (String, line: Int?) {
        if flags[key.path] != nil { return (key.flagName, nil) }
        if environment[key.environmentName] != nil { return (key.environmentName, nil) }
        return (file?.name ?? "", file?.scalar(key.path)?.line)
    }
}

extension SettingsReader {
    func address(_ key: SettingKey) -> ListenAddress {
        value(key, expected: "HOST:PORT, with an IPv6 host in brackets", ListenAddress.init)
    }

    func count(_ key: SettingKey, _ range: ClosedRange<Int64>) -> Int {
        Int(
            value(key, expected: "a whole number from \(range.lowerBound) to \(range.upperBound)") {
                Quantities.count($0).flatMap { range.contains($0) ? $0 : nil }
            })
    }

    func bytes(_ key: SettingKey) -> Int64 {
        value(key, expected: Quantities.sizeExpected, Quantities.size)
    }

    func nanoseconds(_ key: SettingKey, atLeast least: Int64 = 0) -> Int64 {
        let bound = least > 0 ? " of at least \(least / 1_000_000)ms" : ""
        return value(key, expected: Quantities.durationExpected + bound) {
            Quantities.duration($0).flatMap { $0 >= least ? $0 : nil }
        }
    }

    func milliseconds(_ key: SettingKey, atLeast least: Int64 = 1) -> Int {
        Int(nanoseconds(key, atLeast: least * 1_000_000) / 1_000_000)
    }

    func choice<Choice: CaseIterable & RawRepresentable<String>>(_ key: SettingKey, _ type: Choice.Type) -> Choice {
        let names = Choice.allCases.map(\.rawValue).joined(separator: ", ")
        return value(key, expected: "one of \(names)") { Choice(rawValue: $0) }
    }
}
