internal import ArgumentParser
internal import Configure

/// Reads a configuration file as `serve` would and says what is wrong with it.
struct CheckConfigCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "check-config",
        abstract: "Checks a configuration file: prints every problem as FILE:LINE: KEY: REASON and exits 64.")

    @Argument(help: "The YAML file.") var file: String

    func run() throws {
        do throws(ConfigurationError) {
            let loaded = try checkConfiguration(file: file)
            try FeedMaking.check(loaded)
            try PublicationMaking.check(loaded)
            let catalogue = loaded.catalogue
            print(
                "\(file): ok: \(catalogue.locations.count) locations, \(catalogue.groups.count) groups, "
                    + "\(catalogue.sources.count) sources, \(catalogue.channels.count) channels, "
                    + "\(catalogue.feeds.count) feeds, \(catalogue.publications.count) publications")
        } catch {
            printError(error.description)
            throw ExitCode(64)
        }
    }
}
