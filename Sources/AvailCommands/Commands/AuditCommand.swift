import ArgumentParser
import Foundation
import GRPCCore
import Proto
import SwiftProtobuf

struct AuditCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "audit", abstract: "See who decided what.", subcommands: [AuditListCommand.self])
}

/// Which entries: those that match all the options given.
struct AuditFilter: ParsableArguments {
    @Option(help: "Only what this credential did.") var actor: String?
    @Option(help: "Only this, as the API calls it, for example UpdateChannel.") var action: String?
    @Option(help: "Only what was done to this, for example channels/web.") var subject: String?
    @Option(help: "Only what concerns this channel.") var channel: String?

    @OptionGroup var age: AgeOptions

    func request(now: Date = Date()) -> Availability_V1_ListAuditEntriesRequest {
        .with {
            $0.actor = actor ?? ""
            $0.action = action ?? ""
            $0.subject = subject ?? ""
            $0.channel = channel ?? ""
            let (from, until) = age.times(now: now)
            if let from { $0.fromTime = from }
            if let until { $0.untilTime = until }
        }
    }
}

struct AuditListCommand: ClientCommand {
    static let configuration = CommandConfiguration(
        commandName: "list", abstract: "Who decided what, newest first.",
        discussion: """
            As JSON it also tells how the subject was before and after:
              avail audit list --subject channels/web --newer-than 7d -o json
              avail audit list --action PauseFeed
            """)

    @OptionGroup var filter: AuditFilter
    @OptionGroup var limit: LimitOptions
    @OptionGroup var client: ClientOptions

    func run(_ connection: Connection) async throws {
        try await writeList(
            filter.request(), limit: limit.limit, \Availability_V1_ListAuditEntriesResponse.entries, Self.table
        ) {
            try await connection.operations.listAuditEntries(
                $0, metadata: connection.metadata, options: connection.options)
        }
    }

    static func table(_ entries: [Availability_V1_AuditEntry]) -> TextTable {
        var table = TextTable([
            ("TIME", .left), ("ACTOR", .left), ("ACTION", .left), ("SUBJECT", .left), ("CHANNEL", .left),
            ("SEQUENCE", .right), ("REASON", .left),
        ])
        for entry in entries {
            table.add([
                DurationText.time(entry.time, isPresent: entry.hasTime), entry.actor, entry.action, entry.subject,
                entry.channel.isEmpty ? "-" : entry.channel, "\(entry.sequence)", entry.reason,
            ])
        }
        return table
    }
}
