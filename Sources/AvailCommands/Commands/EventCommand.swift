import ArgumentParser

struct EventCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "event", abstract: "Tell the server what happened to stock.",
        subcommands: [EventPublishCommand.self, EventReplayCommand.self])
}
