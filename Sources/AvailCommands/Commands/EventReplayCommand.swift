import ArgumentParser
import Foundation
import GRPCCore
import Proto
import SwiftProtobuf

/// Where a replay begins: a time, or else a place in the feed's own words.
struct ReplayStartArgument: ExpressibleByArgument, Equatable {
    let from: Availability_V1_ReplayFeedRequest.OneOf_From

    init?(argument: String) {
        guard !argument.isEmpty else { return nil }
        // Only a whole time is one: a file may be called 2026-11-21.csv.
        if argument.contains("T"), let time = try? Google_Protobuf_Timestamp(jsonString: "\"\(argument)\"") {
            from = .fromTime(time)
        } else {
            from = .fromPosition(argument)
        }
    }
}

struct EventReplayCommand: ClientCommand {
    static let configuration = CommandConfiguration(
        commandName: "replay", abstract: "Have a feed read its past again.",
        discussion: """
            Ids make it harmless: what took effect is DUPLICATE. From a time, or from a place in the feed's own words: a \
            sequence of JetStream, a file's name. What is behind the horizon is counted as DEAD_LETTERED and not kept. \
            Interrupting ends the replay; --timeout does not apply.
              avail event replay --source wms-1 --from 2026-11-21T03:00:00Z
              avail event replay --feed wms-files --from stock.csv
            """)

    @Option(help: ArgumentHelp("As `avail source show` names it.", valueName: "ID")) var feed: String?
    @Option(help: ArgumentHelp("The source that one feed tells for, instead of --feed.", valueName: "ID"))
    var source: String?
    @Option(help: ArgumentHelp("Where to begin.", valueName: "TIME|POSITION")) var from: ReplayStartArgument
    @Option(help: ArgumentHelp("Why, for the audit log.", valueName: "TEXT")) var reason: String?
    @OptionGroup var client: ClientOptions

    func validate() throws {
        if (feed == nil) == (source == nil) { throw ValidationError("give either --feed or --source") }
    }

    /// The feed that is meant.
    private func feedID(_ connection: Connection) async throws -> String {
        if let feed { return feed }
        let source = source ?? ""
        let feeds = try await connection.source(source).feeds.map(\.id)
        guard let only = feeds.first else {
            throw InputError(description: "no feed tells for \(source): it publishes by gRPC")
        }
        guard feeds.count == 1 else {
            let names = feeds.joined(separator: ", ")
            throw InputError(description: "several feeds tell for \(source); name one with --feed: \(names)")
        }
        return only
    }

    func request(feed: String) -> Availability_V1_ReplayFeedRequest {
        .with {
            $0.id = feed
            $0.from = from.from
            $0.reason = reason ?? ""
        }
    }

    func run(_ connection: Connection) async throws {
        let interruption = try await withThrowingTaskGroup(of: Int32?.self) { group in
            group.addTask { await Interruption.wait() }
            group.addTask {
                try await follow(connection)
                return nil
            }
            defer { group.cancelAll() }
            return try await group.next() ?? nil
        }
        if let interruption { throw ExitCode(ExitStatus.of(signal: interruption)) }
    }

    private func follow(_ connection: Connection) async throws {
        var options = connection.options
        options.timeout = nil
        let request = request(feed: try await feedID(connection))
        let last = try await connection.operations.replayFeed(
            request, metadata: connection.metadata, options: options
        ) { response in
            var last = Availability_V1_ReplayFeedResponse()
            defer { if Diagnostics.isTerminal { Diagnostics.write("\r\u{1B}[K", terminator: "") } }
            for try await message in response.messages {
                if client.output == .json { try Output.write(message) }
                if Diagnostics.isTerminal {
                    Diagnostics.write("\r\(Self.bar(message))\u{1B}[K", terminator: "")
                }
                last = message
            }
            return last
        }
        guard client.output == .table else { return }
        var table = TextTable([("OUTCOME", .left), ("EVENTS", .right)])
        let counters = last.counters
        for (name, count) in [
            ("APPLIED", counters.applied), ("DUPLICATE", counters.duplicate), ("SUPERSEDED", counters.superseded),
            ("BUFFERED", counters.buffered), ("DEAD_LETTERED", counters.deadLettered),
        ] where count > 0 { table.add([name, "\(count)"]) }
        try Output.write(table)
        if counters.deadLettered > 0 { throw ExitCode(ExitStatus.deadLettered) }
    }

    /// One line of at most 79 columns, for a terminal.
    static func bar(_ progress: Availability_V1_ReplayFeedResponse) -> String {
        var text = "\(progress.events) events"
        if progress.waiting > 0 { text += ", \(progress.waiting) waiting" }
        if !progress.position.isEmpty { text += ", at \(progress.position)" }
        return String(TextTable.printable(text).prefix(79))
    }
}
