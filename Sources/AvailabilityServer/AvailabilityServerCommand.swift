internal import ArgumentParser
internal import Glibc

/// Where the binary begins: what must hold before anything is opened, then the verb.
@main
enum Entrance {
    static func main() async {
        StandardDescriptors.open()
        // A file that may not grow is a full disk, not an end.
        signal(SIGXFSZ, SIG_IGN)
        await AvailabilityServerCommand.main()
    }
}

/// The server's binary and its verbs.
struct AvailabilityServerCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "availability-server",
        abstract: "Answers what a channel may sell right now, from a cache kept current by inventory events.",
        version: ServerVersion.current,
        subcommands: [
            ServeCommand.self, CheckConfigCommand.self, ImportCommand.self, ExportCommand.self, BackupCommand.self,
            VerifyCommand.self,
        ],
        defaultSubcommand: ServeCommand.self)
}

/// What the binary calls itself.
enum ServerVersion {
    static let current = "0.1.0"
}
