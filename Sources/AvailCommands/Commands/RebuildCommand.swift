import ArgumentParser
import GRPCCore
import Proto
import SwiftProtobuf

struct RebuildCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "rebuild",
        abstract: "Make all figures anew from the feeds and the ERPs, beside those that answer.",
        subcommands: [
            RebuildStartCommand.self, RebuildStatusCommand.self, RebuildSwitchCommand.self, RebuildAbandonCommand.self,
        ])
}

/// A time as the protocol writes it in JSON.
struct TimeArgument: ExpressibleByArgument {
    let time: Google_Protobuf_Timestamp

    init?(argument: String) {
        guard let time = try? Google_Protobuf_Timestamp(jsonString: "\"\(argument)\"") else { return nil }
        self.time = time
    }
}

struct RebuildStartCommand: ClientCommand {
    static let configuration = CommandConfiguration(
        commandName: "start", abstract: "Begin a rebuild.",
        discussion: """
            It runs in the server; --wait stays until it is ready, or over. Positions of which only gRPC or a webhook told \
            are missing in it until they are told again: look at DIFFERING before the switch.
              avail rebuild start --reason "the WMS sent wrong counts" --from 2026-11-01T00:00:00Z --wait
            """)

    @Option(help: ArgumentHelp("What was written to the feeds then or later. Default: everything.", valueName: "TIME"))
    var from: TimeArgument?

    @Option(
        parsing: .upToNextOption,
        help: ArgumentHelp("Only these feeds and ERPs. Default: all that can be read.", valueName: "ID"))
    var step: [String] = []

    @Option(help: ArgumentHelp("Why, for the audit log.", valueName: "TEXT")) var reason: String
    @Flag(help: "Let it take over by itself once it is ready, unless events are REFUSED or positions RISING.")
    var switchWhenReady = false
    @Flag(help: "Wait until it is ready, or over.") var wait = false
    @OptionGroup var client: ClientOptions

    func run(_ connection: Connection) async throws {
        let request = Availability_V1_StartRebuildRequest.with {
            if let from { $0.fromTime = from.time }
            $0.steps = step
            $0.switchWhenReady = switchWhenReady
            $0.reason = reason
        }
        let begun = try await connection.operations.startRebuild(
            request, metadata: connection.metadata, options: connection.options
        ).rebuild
        try await RebuildText.write(begun, waiting: wait, connection, client.output)
    }
}

struct RebuildStatusCommand: ClientCommand {
    static let configuration = CommandConfiguration(
        commandName: "status", abstract: "How a rebuild does: the newest, or the one named.")

    @Argument(help: ArgumentHelp("As `avail rebuild start` named it.", valueName: "id")) var id: String?
    @Flag(help: "Wait until it is ready, or over.") var wait = false
    @OptionGroup var client: ClientOptions

    func run(_ connection: Connection) async throws {
        let shown = try await connection.rebuild(id ?? "")
        try await RebuildText.write(shown, waiting: wait, connection, client.output)
    }
}

struct RebuildSwitchCommand: ClientCommand {
    static let configuration = CommandConfiguration(
        commandName: "switch", abstract: "Let the figures of a ready rebuild answer.",
        discussion: """
            From one commit on; reservations stay as they are. There is no way back: the former figures are deleted. Where \
            events are missing (REFUSED) or more would be for sale than now (RISING), it is refused until you accept that.
              avail rebuild switch 4711 --reason "checked by hand"
              avail rebuild switch 4711 --reason "the WMS had lost receipts" --accept-differences
            """)

    @Argument(help: ArgumentHelp("As `avail rebuild start` named it.", valueName: "id")) var id: String
    @Option(help: ArgumentHelp("Why, for the audit log.", valueName: "TEXT")) var reason: String
    @Flag(help: "Though events are missing, or more would be for sale than now.") var acceptDifferences = false
    @OptionGroup var client: ClientOptions

    func run(_ connection: Connection) async throws {
        let request = Availability_V1_SwitchRebuildRequest.with {
            ($0.id, $0.reason, $0.acceptDifferences) = (id, reason, acceptDifferences)
        }
        let response = try await connection.operations.switchRebuild(
            request, metadata: connection.metadata, options: connection.options)
        guard client.output == .table else { return try Output.write(response) }
        try Output.write(RebuildText.table(response.rebuild))
    }
}

struct RebuildAbandonCommand: ClientCommand {
    static let configuration = CommandConfiguration(
        commandName: "abandon", abstract: "Give up a rebuild that was not switched to.")

    @Argument(help: ArgumentHelp("As `avail rebuild start` named it.", valueName: "id")) var id: String
    @Option(help: ArgumentHelp("Why, for the audit log.", valueName: "TEXT")) var reason: String
    @OptionGroup var client: ClientOptions

    func run(_ connection: Connection) async throws {
        let request = Availability_V1_AbandonRebuildRequest.with { ($0.id, $0.reason) = (id, reason) }
        let response = try await connection.operations.abandonRebuild(
            request, metadata: connection.metadata, options: connection.options)
        guard client.output == .table else { return try Output.write(response) }
        try Output.write(RebuildText.table(response.rebuild))
    }
}

extension Connection {
    fileprivate func rebuild(_ id: String) async throws -> Availability_V1_Rebuild {
        let request = Availability_V1_GetRebuildRequest.with { $0.id = id }
        return try await operations.getRebuild(request, metadata: metadata, options: options).rebuild
    }
}

/// Rebuilds, for people.
enum RebuildText {
    /// Writes it, once it is ready or over when that is waited for. A failed one is an error.
    fileprivate static func write(
        _ first: Availability_V1_Rebuild, waiting: Bool, _ connection: Connection, _ output: OutputFormat
    ) async throws {
        var shown = first
        while waiting, shown.state == .filling {
            if Diagnostics.isTerminal { Diagnostics.write("\r\(bar(shown))\u{1B}[K", terminator: "") }
            try await Task.sleep(for: .milliseconds(200))
            shown = try await connection.rebuild(shown.id)
        }
        if waiting, Diagnostics.isTerminal { Diagnostics.write("\r\u{1B}[K", terminator: "") }
        if output == .table {
            try Output.write(table(shown))
            try Output.write("")
            try Output.write(steps(shown))
            for part in [refusals(shown), examples(shown)] where !part.isEmpty {
                try Output.write("")
                try Output.write(part)
            }
        } else {
            try Output.write(shown)
        }
        if shown.state == .failed { throw ExitCode(1) }
    }

    /// One line of at most 79 columns, for a terminal.
    static func bar(_ rebuild: Availability_V1_Rebuild) -> String {
        let done = rebuild.steps.count { $0.done }
        var text = "\(done) of \(rebuild.steps.count) read, \(rebuild.positions) positions"
        if let step = rebuild.steps.first(where: { !$0.done }) { text += ", \(step.taken) events of \(step.id)" }
        return String(TextTable.printable(text).prefix(79))
    }

    static func table(_ shown: Availability_V1_Rebuild) -> TextTable {
        var table = TextTable([
            ("REBUILD", .left), ("STATE", .left), ("POSITIONS", .right), ("DIFFERING", .right), ("RISING", .right),
            ("REFUSED", .right), ("COMPARED", .left), ("BEGUN", .left), ("ENDED", .left), ("REASON", .left),
            ("ERROR", .left),
        ])
        table.add([
            shown.id, shown.state.shortName, "\(shown.positions)",
            shown.hasCompareTime ? "\(shown.differingPositions)" : "-",
            shown.hasCompareTime ? "\(shown.risingPositions)" : "-", "\(shown.refused)",
            DurationText.time(shown.compareTime, isPresent: shown.hasCompareTime),
            DurationText.time(shown.createTime, isPresent: shown.hasCreateTime),
            DurationText.time(shown.endTime, isPresent: shown.hasEndTime), shown.reason, shown.error,
        ])
        return table
    }

    static func steps(_ shown: Availability_V1_Rebuild) -> TextTable {
        var table = TextTable([
            ("STEP", .left), ("TAKEN", .right), ("REFUSED", .right), ("DONE", .left), ("ERROR", .left),
        ])
        for step in shown.steps {
            table.add([step.id, "\(step.taken)", "\(step.refused)", step.done ? "yes" : "no", step.error])
        }
        return table
    }

    /// What is not in it, and why.
    static func refusals(_ shown: Availability_V1_Rebuild) -> TextTable {
        var table = TextTable([("REFUSED", .left), ("EVENTS", .right), ("SUCH AS", .left)])
        for refusal in shown.refusals { table.add([refusal.reason, "\(refusal.events)", refusal.example]) }
        return table
    }

    /// Some positions that differ: what is for sale there now, and what would be.
    static func examples(_ shown: Availability_V1_Rebuild) -> TextTable {
        var table = TextTable([("SKU", .left), ("LOCATION", .left), ("SELLABLE NOW", .right), ("REBUILT", .right)])
        for example in shown.examples {
            table.add([
                example.sku, example.location, example.hasRunningSellable ? "\(example.runningSellable)" : "-",
                example.hasSellable ? "\(example.sellable)" : "-",
            ])
        }
        return table
    }
}
