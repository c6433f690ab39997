import ArgumentParser
import Foundation
import GRPCCore
import Proto
import SwiftProtobuf

struct DeadLetterCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "dead-letter", abstract: "Look at events that could not be applied, try them again, give them up.",
        subcommands: [
            DeadLetterListCommand.self, DeadLetterShowCommand.self, DeadLetterReplayCommand.self,
            DeadLetterDiscardCommand.self,
        ])
}

/// Which dead letters: those that match all the options given.
struct DeadLetterFilter: ParsableArguments {
    @Option(help: "Only of this source.") var source: String?
    @Option(help: ArgumentHelp("Only those that failed so, for example not-owner.")) var reason: String?
    @Option(help: "Only about this sku.") var sku: String?

    @OptionGroup var age: AgeOptions

    var isEmpty: Bool { source == nil && reason == nil && sku == nil && age.isEmpty }

    func request(now: Date = Date()) -> Availability_V1_ListDeadLettersRequest {
        .with {
            $0.source = source ?? ""
            $0.reason = (reason ?? "").uppercased().replacing("-", with: "_")
            $0.sku = sku ?? ""
            let (from, until) = age.times(now: now)
            if let from { $0.fromTime = from }
            if let until { $0.untilTime = until }
        }
    }
}

struct DeadLetterListCommand: ClientCommand {
    static let configuration = CommandConfiguration(
        commandName: "list", abstract: "Dead letters that match, oldest first.",
        discussion: """
            What a feed sent for locations that are not its own:
              avail dead-letter list --source wms-1 --reason not-owner
            """)

    @OptionGroup var filter: DeadLetterFilter
    @OptionGroup var limit: LimitOptions
    @OptionGroup var client: ClientOptions

    func run(_ connection: Connection) async throws {
        try await writeList(
            filter.request(), limit: limit.limit, \Availability_V1_ListDeadLettersResponse.deadLetters,
            DeadLetterText.table
        ) {
            try await connection.operations.listDeadLetters(
                $0, metadata: connection.metadata, options: connection.options)
        }
    }
}

struct DeadLetterShowCommand: ClientCommand {
    static let configuration = CommandConfiguration(
        commandName: "show", abstract: "Dead letters with their original bytes and the way they failed.")

    @Argument(help: ArgumentHelp("As `avail dead-letter list` names them.", valueName: "id")) var ids: [String]
    @OptionGroup var client: ClientOptions

    func run(_ connection: Connection) async throws {
        for id in ids {
            let response = try await connection.operations.listDeadLetters(
                .with { $0.ids = [id] }, metadata: connection.metadata, options: connection.options)
            guard let letter = response.deadLetters.first else {
                throw RPCError(code: .notFound, message: "there is no dead letter \(id)")
            }
            guard client.output == .table else {
                try Output.write(letter)
                continue
            }
            for line in DeadLetterText.lines(letter) { try Output.write(line) }
        }
    }
}

struct DeadLetterReplayCommand: ClientCommand {
    static let configuration = CommandConfiguration(
        commandName: "replay", abstract: "Try dead letters again; those that take effect are gone.",
        discussion: """
            Some by their ids, those that match, or all. What fails again stays, and the exit status is then 1.
              avail dead-letter replay 1k3-2f9c41 --because "the location was added"
              avail dead-letter replay --source wms-1 --reason unknown-location
              avail dead-letter replay --all
            """)

    @OptionGroup var choice: DeadLetterChoice
    @Option(help: ArgumentHelp("Why, for the audit log; --reason is how they failed.", valueName: "TEXT"))
    var because: String?
    @OptionGroup var client: ClientOptions

    func run(_ connection: Connection) async throws {
        var results: [Availability_V1_DeadLetterReplay] = []
        var counts: [String: Int] = [:]
        var failed = false
        try await choice.forEachBatch(connection, label: "replay") { ids in
            let response = try await connection.operations.replayDeadLetters(
                .with {
                    $0.ids = ids
                    $0.reason = because ?? ""
                }, metadata: connection.metadata, options: connection.options)
            if client.output == .json { try Output.write(response) }
            for result in response.results {
                counts[DeadLetterText.outcome(result), default: 0] += 1
                if result.outcome == .deadLettered || result.outcome == .unspecified { failed = true }
            }
            if !choice.ids.isEmpty { results += response.results }
        }
        if client.output == .table {
            try Output.write(
                choice.ids.isEmpty ? DeadLetterText.table(counts) : DeadLetterText.table(results))
        }
        if failed { throw ExitCode(ExitStatus.deadLettered) }
    }
}

struct DeadLetterDiscardCommand: ClientCommand {
    static let configuration = CommandConfiguration(
        commandName: "discard", abstract: "Give dead letters up, for ever.",
        discussion: """
            Some by their ids; or, with --yes, those that match or all. Their events are not applied; the audit log keeps who
            gave them up and why.
              avail dead-letter discard 1k3-2f9c41 --because "a test of the supplier's"
              avail dead-letter discard --source shop --reason id-reused --yes --because "sent twice"
            """)

    @OptionGroup var choice: DeadLetterChoice
    @Option(help: ArgumentHelp("Why, for the audit log; --reason is how they failed.", valueName: "TEXT"))
    var because: String
    @Flag(help: "Do so without ids.") var yes = false
    @OptionGroup var client: ClientOptions

    func validate() throws {
        if choice.ids.isEmpty, !yes { throw ValidationError("to discard others than those named by id needs --yes") }
    }

    func run(_ connection: Connection) async throws {
        var discarded = 0
        try await choice.forEachBatch(connection, label: "discard") { ids in
            let response = try await connection.operations.discardDeadLetters(
                .with {
                    $0.ids = ids
                    $0.reason = because
                }, metadata: connection.metadata, options: connection.options)
            if client.output == .json { try Output.write(response) }
            discarded += response.discardedIds.count
            for id in Set(ids).subtracting(response.discardedIds).sorted() where !choice.ids.isEmpty {
                Diagnostics.write(TextTable.printable("there is no dead letter \(id)"))
            }
        }
        if client.output == .table { try Output.write("discarded \(discarded)") }
        if discarded < Set(choice.ids).count { throw ExitCode(ExitStatus.deadLettered) }
    }
}

/// Some by their ids, those that match, or all.
struct DeadLetterChoice: ParsableArguments {
    /// The server's limit for one call.
    private static let batchSize = 1_000

    @Argument(help: ArgumentHelp("As `avail dead-letter list` names them.", valueName: "id")) var ids: [String] = []
    @OptionGroup var filter: DeadLetterFilter
    @Flag(help: "All of them.") var all = false

    func validate() throws {
        let ways = (ids.isEmpty ? 0 : 1) + (filter.isEmpty ? 0 : 1) + (all ? 1 : 0)
        if ways != 1 { throw ValidationError("give ids, or a filter such as --source, or --all") }
    }

    /// Calls `body` with the ids chosen, at most a thousand at a time. What comes meanwhile is left alone.
    func forEachBatch(
        _ connection: Connection, label: String, _ body: (_ ids: [String]) async throws -> Void
    ) async throws {
        for start in stride(from: 0, to: ids.count, by: Self.batchSize) {
            try await body(Array(ids[start..<min(start + Self.batchSize, ids.count)]))
        }
        guard ids.isEmpty else { return }
        var request = filter.request()
        if !request.hasUntilTime { request.untilTime = .init(date: Date()) }
        var progress = TerminalProgress(label: label, unit: "dead letters")
        defer { progress.clear() }
        try await Paging.forEachPage(of: request) {
            try await connection.operations.listDeadLetters(
                $0, metadata: connection.metadata, options: connection.options)
        } _: { page in
            if progress.total == nil, all { progress.total = page.total }
            if !page.deadLetters.isEmpty { try await body(page.deadLetters.map(\.id)) }
            progress.add(page.deadLetters.count)
            return page.deadLetters.count
        }
    }
}
