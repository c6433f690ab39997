import ArgumentParser
import GRPCCore
import Proto
import SwiftProtobuf

struct SourceCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "source", abstract: "Look at the sources of events, and pause what tells for them.",
        subcommands: [
            SourceListCommand.self, SourceShowCommand.self, SourcePauseCommand.self, SourceResumeCommand.self,
        ])
}

struct SourceListCommand: ClientCommand {
    static let configuration = CommandConfiguration(commandName: "list", abstract: "All sources and how they do.")

    @Option(help: ArgumentHelp("For example paused. Default: any.", valueName: "STATUS"))
    var status: EnumArgument<Availability_V1_SourceStatus>?

    @OptionGroup var client: ClientOptions

    func run(_ connection: Connection) async throws {
        let request = Availability_V1_ListSourcesRequest.with { $0.status = status?.value ?? .unspecified }
        try await writeList(
            request, \Availability_V1_ListSourcesResponse.sources, SourceText.table, fetch: connection.sources)
    }
}

struct SourceShowCommand: ClientCommand {
    static let configuration = CommandConfiguration(
        commandName: "show", abstract: "One source and the feeds that tell for it.")

    @Argument var id: String
    @OptionGroup var client: ClientOptions

    func run(_ connection: Connection) async throws {
        let source = try await connection.source(id)
        guard client.output == .table else { return try Output.write(source) }
        try Output.write(SourceText.table([source]))
        if source.feeds.isEmpty {
            Diagnostics.write("no feed tells for it: it publishes by gRPC")
        } else {
            try Output.write("")
            try Output.write(SourceText.table(source.feeds))
        }
    }
}

/// Which feeds `pause` and `resume` are about.
struct SourceFeedOptions: ParsableArguments {
    @Argument(help: "The source whose feeds are meant.") var id: String
    @Option(help: ArgumentHelp("Only this one of its feeds. Default: all.", valueName: "ID")) var feed: String?

    func feeds(_ connection: Connection) async throws -> [String] {
        let all = try await connection.source(id).feeds.map(\.id)
        guard let feed else {
            if all.isEmpty { throw InputError(description: "no feed tells for \(id): it publishes by gRPC") }
            return all
        }
        guard all.contains(feed) else {
            throw InputError(
                description: "\(id) has no feed called \(feed)"
                    + (all.isEmpty ? "" : "; it has \(all.joined(separator: ", "))"))
        }
        return [feed]
    }
}

struct SourcePauseCommand: ClientCommand {
    static let configuration = CommandConfiguration(
        commandName: "pause", abstract: "Stop a source's feeds until they are resumed, over restarts.",
        discussion: """
            What is sent meanwhile waits where it comes from, or is refused with a time to try again:
              avail source pause wms-1 --reason "stocktaking"
            """)

    @OptionGroup var source: SourceFeedOptions
    @Option(help: ArgumentHelp("Why, for the audit log.", valueName: "TEXT")) var reason: String
    @OptionGroup var client: ClientOptions

    func run(_ connection: Connection) async throws {
        var feeds: [Availability_V1_Feed] = []
        for id in try await source.feeds(connection) {
            let request = Availability_V1_PauseFeedRequest.with {
                $0.id = id
                $0.reason = reason
            }
            let response = try await connection.operations.pauseFeed(
                request, metadata: connection.metadata, options: connection.options)
            if client.output == .json { try Output.write(response) }
            feeds.append(response.feed)
        }
        if client.output == .table { try Output.write(SourceText.table(feeds)) }
    }
}

struct SourceResumeCommand: ClientCommand {
    static let configuration = CommandConfiguration(
        commandName: "resume", abstract: "Let a source's paused feeds go on.")

    @OptionGroup var source: SourceFeedOptions
    @Option(help: ArgumentHelp("Why, for the audit log.", valueName: "TEXT")) var reason: String?
    @OptionGroup var client: ClientOptions

    func run(_ connection: Connection) async throws {
        var feeds: [Availability_V1_Feed] = []
        for id in try await source.feeds(connection) {
            let request = Availability_V1_ResumeFeedRequest.with {
                $0.id = id
                $0.reason = reason ?? ""
            }
            let response = try await connection.operations.resumeFeed(
                request, metadata: connection.metadata, options: connection.options)
            if client.output == .json { try Output.write(response) }
            feeds.append(response.feed)
        }
        if client.output == .table { try Output.write(SourceText.table(feeds)) }
    }
}

extension Connection {
    fileprivate func sources(
        _ request: Availability_V1_ListSourcesRequest
    ) async throws -> Availability_V1_ListSourcesResponse {
        try await operations.listSources(request, metadata: metadata, options: options)
    }

    func source(_ id: String) async throws -> Availability_V1_Source {
        var found: Availability_V1_Source?
        try await Paging.forEachPage(of: Availability_V1_ListSourcesRequest(), fetch: sources) { page in
            found = found ?? page.sources.first { $0.id == id }
            return page.sources.count
        }
        guard let found else { throw InputError(description: "there is no source \(id)") }
        return found
    }
}
