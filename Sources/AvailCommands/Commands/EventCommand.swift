import ArgumentParser

struct EventCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "event", abstract: "Tell the server what happened to stock, and see what becomes of it.",
        subcommands: [EventPublishCommand.self, EventTailCommand.self, EventReplayCommand.self])
}
