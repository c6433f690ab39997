import Inventory

@testable import Configure

/// The configuration file: any text gives a configuration that the engine takes, or problems that say where they are.
enum ConfigurationJudge {
    static func judge(_ input: [UInt8]) {
        let text = String(decoding: input, as: UTF8.self)
        let file: ConfigurationFile
        do throws(ConfigurationError) {
            file = try ConfigurationFile(name: "fuzz.yaml", text: text)
        } catch {
            let problem = error.problems.first
            return expect(
                error.problems.count == 1 && problem?.place == "fuzz.yaml" && problem?.reason.isEmpty == false,
                "what is no YAML is told otherwise: \(error)")
        }
        do throws(ConfigurationError) {
            let loaded = try loadConfiguration(file, flags: [:], environment: [:])
            check(loaded.catalogue)
            check(loaded.settings)
        } catch {
            let lines = input.count { $0 == 0x0A || $0 == 0x0D } + 1
            expect(!error.problems.isEmpty, "refused without a problem")
            for problem in error.problems {
                expect(!problem.key.isEmpty && !problem.reason.isEmpty, "a problem names no key: \(problem)")
                // U+0085, U+2028 and U+2029 end lines in YAML as well.
                let most = lines + text.unicodeScalars.count { [0x85, 0x2028, 0x2029].contains($0.value) }
                expect(problem.line.map { (1...most).contains($0) } ?? true, "no such line: \(problem)")
            }
        }
    }

    /// What the configuration lets pass the engine must not refuse: an operator would learn of it only at the start.
    private static func check(_ catalogue: ConfiguredCatalogue) {
        var locations = catalogue.locations
        for index in locations.indices { locations[index].number = LocationNumber(index + 1) }
        let listed = catalogue.sources.map(\.id)
        // A source that is only named as an owner is made known by that.
        let owners = Set(locations.flatMap { [$0.owner].compactMap(\.self) + $0.bucketOwners.values }).subtracting(
            listed)
        let terms = catalogue.sources + owners.sorted().map { SourceTerms(id: $0) }
        do {
            let directory = try LocationDirectory(
                locations: locations, groups: catalogue.groups,
                sources: terms.enumerated().map { (SourceNumber($0 + 1), $1) })
            for channel in catalogue.channels { _ = try CompiledChannel(channel, directory: directory) }
        } catch {
            fatalError("the engine refuses what the configuration let pass: \(error)")
        }
        for channel in catalogue.channels {
            let problem = TextRules.problem(channel.id, bytesMax: Limits.nameBytesMax)
            expect(problem == nil, "a channel's name \(problem ?? "")")
            let label = TextRules.problemUnlessEmpty(channel.displayName, bytesMax: Limits.displayNameBytesMax)
            expect(label == nil, "a channel's display name \(label ?? "")")
        }
        expect(Set(catalogue.channels.map(\.id)).count == catalogue.channels.count, "two channels of one name")
    }

    private static func check(_ settings: ServerSettings) {
        let shown = settings.listen.description
        expect(ListenAddress(shown) == settings.listen, "an address reads otherwise than it is shown: \(shown)")
        expect(settings.storage.quotaBytes <= settings.storage.mapBytes, "a quota beyond the map")
        expect(TextRules.problem(settings.tenant, bytesMax: Limits.nameBytesMax) == nil, "a tenant's name")
        expect(settings.isInsecure || settings.http.isLoopback, "exposed by accident")
    }
}
