import ArgumentParser
import GRPCCore
import Proto
import SwiftProtobuf

struct ChannelCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "channel", abstract: "Read and set what channels may sell.",
        subcommands: [ChannelListCommand.self, ChannelShowCommand.self, ChannelSetCommand.self])
}

struct ChannelListCommand: ClientCommand {
    static let configuration = CommandConfiguration(commandName: "list", abstract: "All channels.")

    @OptionGroup var client: ClientOptions

    func run(_ connection: Connection) async throws {
        try await writeList(
            Availability_V1_ListChannelsRequest(), \Availability_V1_ListChannelsResponse.channels, PolicyText.table
        ) {
            try await connection.policy.listChannels($0, metadata: connection.metadata, options: connection.options)
        }
    }
}

struct ChannelShowCommand: ClientCommand {
    static let configuration = CommandConfiguration(commandName: "show", abstract: "One channel.")

    @Argument var channel: String
    @OptionGroup var client: ClientOptions

    func run(_ connection: Connection) async throws {
        let id = channel
        let response = try await connection.policy.getChannel(
            .with { $0.id = id }, metadata: connection.metadata, options: connection.options)
        try PolicyText.write(response.channel, format: client.output)
    }
}
