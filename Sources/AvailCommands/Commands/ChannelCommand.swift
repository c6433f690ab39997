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
        var request = Availability_V1_ListChannelsRequest.with { $0.pageSize = 1_000 }
        var table = TextTable([
            ("CHANNEL", .left), ("VERSION", .right), ("SHARE", .right), ("BUFFER", .right), ("FLOOR", .right),
            ("CAP", .right), ("STALE AFTER", .right), ("ACTION", .left), ("SOURCING", .left),
        ])
        repeat {
            let response = try await connection.policy.listChannels(
                request, metadata: connection.metadata, options: connection.options)
            if client.output == .json { try Output.write(response) }
            for channel in response.channels { table.add(PolicyText.row(channel)) }
            request.pageToken = response.nextPageToken
        } while !request.pageToken.isEmpty
        if client.output == .table { try Output.write(table) }
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
