import ArgumentParser
import GRPCCore
import Proto
import SwiftProtobuf

/// What `check` and `explain` ask.
struct QuestionOptions: ParsableArguments {
    @Option(help: "The selling channel. Default: the credential's own.")
    var channel: String?

    @Option(help: ArgumentHelp("The customer asking.", valueName: "ID"))
    var customer: String?

    @Option(help: ArgumentHelp("The oldest figures to accept.", valueName: "DURATION"))
    var maxStaleness: DurationArgument?

    @Argument(help: ArgumentHelp("What is asked, for example SKU-1, SKU-1@WH1 or SKU-1@EAST=3.", valueName: "line"))
    var lines: [LineArgument]
}

struct CheckCommand: ClientCommand {
    static let configuration = CommandConfiguration(
        commandName: "check", abstract: "What may this channel sell, now?",
        usage: "avail check [--channel CHANNEL] SKU[@LOCATION][=QUANTITY] ...")

    @OptionGroup var question: QuestionOptions
    @OptionGroup var client: ClientOptions

    func run(_ connection: Connection) async throws {
        let request = Availability_V1_CheckAvailabilityRequest.with {
            $0.channel = question.channel ?? ""
            $0.customer = question.customer ?? ""
            $0.lines = question.lines.map(\.message)
            if let maxStaleness = question.maxStaleness { $0.maxStaleness = maxStaleness.message }
        }
        let response = try await connection.availability.checkAvailability(
            request, metadata: connection.metadata, options: connection.options)
        guard client.output == .table else { return try Output.write(response) }
        try Output.write(Self.table(response.lines))
        Diagnostics.write(
            "policy version \(response.policyVersion), sequence \(response.sequence), epoch \(response.epoch)")
    }

    static func table(_ lines: [Availability_V1_AvailabilityLine]) -> TextTable {
        var table = TextTable([
            ("SKU", .left), ("LOCATION", .left), ("AVAILABLE", .right), ("STATUS", .left), ("FRESHNESS", .left),
            ("AGE", .right),
        ])
        for line in lines {
            table.add([
                line.sku, line.location.isEmpty ? "-" : line.location, "\(line.available)", line.status.shortName,
                line.freshness.shortName, DurationText.brief(milliseconds: line.ageMs),
            ])
        }
        return table
    }
}
