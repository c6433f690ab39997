import ArgumentParser
import GRPCCore
import Proto
import SwiftProtobuf

struct PublicationCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "publication", abstract: "Look at what is told to others as it changes, and pause it.",
        subcommands: [
            PublicationListCommand.self, PublicationShowCommand.self, PublicationPauseCommand.self,
            PublicationResumeCommand.self,
        ])
}

struct PublicationListCommand: ClientCommand {
    static let configuration = CommandConfiguration(
        commandName: "list", abstract: "All publications and how they do.")

    @OptionGroup var client: ClientOptions

    func run(_ connection: Connection) async throws {
        try await writeList(
            Availability_V1_ListPublicationsRequest(), \Availability_V1_ListPublicationsResponse.publications,
            PublicationText.table, fetch: connection.publications)
    }
}

struct PublicationShowCommand: ClientCommand {
    static let configuration = CommandConfiguration(commandName: "show", abstract: "One publication.")

    @Argument var id: String
    @OptionGroup var client: ClientOptions

    func run(_ connection: Connection) async throws {
        var found: Availability_V1_Publication?
        try await Paging.forEachPage(
            of: Availability_V1_ListPublicationsRequest(), fetch: connection.publications
        ) { page in
            found = found ?? page.publications.first { $0.id == id }
            return page.publications.count
        }
        guard let found else { throw InputError(description: "no publication is called \(id)") }
        guard client.output == .table else { return try Output.write(found) }
        try Output.write(PublicationText.table([found]))
    }
}

struct PublicationPauseCommand: ClientCommand {
    static let configuration = CommandConfiguration(
        commandName: "pause", abstract: "Stop a publication until it is resumed, over restarts.",
        discussion: """
            What changes meanwhile is told afterwards, the newest figure of each sku once:
              avail publication pause shop --reason "the shop moves"
            """)

    @Argument var id: String
    @Option(help: ArgumentHelp("Why, for the audit log.", valueName: "TEXT")) var reason: String
    @OptionGroup var client: ClientOptions

    func run(_ connection: Connection) async throws {
        let request = Availability_V1_PausePublicationRequest.with {
            $0.id = id
            $0.reason = reason
        }
        let response = try await connection.operations.pausePublication(
            request, metadata: connection.metadata, options: connection.options)
        guard client.output == .table else { return try Output.write(response) }
        try Output.write(PublicationText.table([response.publication]))
    }
}

struct PublicationResumeCommand: ClientCommand {
    static let configuration = CommandConfiguration(
        commandName: "resume", abstract: "Let a paused publication go on.")

    @Argument var id: String
    @Option(help: ArgumentHelp("Why, for the audit log.", valueName: "TEXT")) var reason: String?
    @OptionGroup var client: ClientOptions

    func run(_ connection: Connection) async throws {
        let request = Availability_V1_ResumePublicationRequest.with {
            $0.id = id
            $0.reason = reason ?? ""
        }
        let response = try await connection.operations.resumePublication(
            request, metadata: connection.metadata, options: connection.options)
        guard client.output == .table else { return try Output.write(response) }
        try Output.write(PublicationText.table([response.publication]))
    }
}

extension Connection {
    fileprivate func publications(
        _ request: Availability_V1_ListPublicationsRequest
    ) async throws -> Availability_V1_ListPublicationsResponse {
        try await operations.listPublications(request, metadata: metadata, options: options)
    }
}

/// Publications, for people.
enum PublicationText {
    static func table(_ publications: [Availability_V1_Publication]) -> TextTable {
        var table = TextTable([
            ("PUBLICATION", .left), ("CHANNEL", .left), ("KIND", .left), ("STATE", .left), ("WAITING", .right),
            ("TOLD", .right), ("GIVEN UP", .right), ("ACKNOWLEDGED", .right), ("TARGET", .left), ("WHY", .left),
        ])
        for publication in publications {
            table.add([
                publication.id, publication.channel, publication.kind.shortName, publication.state.shortName,
                "\(publication.waiting)", "\(publication.told)", "\(publication.givenUp)",
                "\(publication.acknowledgedSequence)", publication.target,
                publication.state == .paused
                    ? publication.pauseReason : publication.lastError.isEmpty ? "-" : publication.lastError,
            ])
        }
        return table
    }
}
