import ArgumentParser
import GRPCCore
import Proto
import SwiftProtobuf

struct SourceCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "source", abstract: "Look at the sources of events.", subcommands: [SourceListCommand.self])
}

struct SourceListCommand: ClientCommand {
    static let configuration = CommandConfiguration(commandName: "list", abstract: "All sources and how they do.")

    @OptionGroup var client: ClientOptions

    func run(_ connection: Connection) async throws {
        var request = Availability_V1_ListSourcesRequest.with { $0.pageSize = 1_000 }
        var table = TextTable([
            ("SOURCE", .left), ("STATUS", .left), ("LAG", .right), ("WATERMARK", .left), ("APPLIED", .right),
            ("DUPLICATE", .right), ("SUPERSEDED", .right), ("DEAD-LETTERED", .right),
        ])
        repeat {
            let response = try await connection.operations.listSources(
                request, metadata: connection.metadata, options: connection.options)
            if client.output == .json { try Output.write(response) }
            for source in response.sources {
                table.add([
                    source.id, source.status.shortName, source.hasLag ? DurationText.brief(source.lag) : "-",
                    DurationText.time(source.watermark, isPresent: source.hasWatermark),
                    "\(source.counters.applied)", "\(source.counters.duplicate)", "\(source.counters.superseded)",
                    "\(source.counters.deadLettered)",
                ])
            }
            request.pageToken = response.nextPageToken
        } while !request.pageToken.isEmpty
        if client.output == .table { try Output.write(table) }
    }
}
