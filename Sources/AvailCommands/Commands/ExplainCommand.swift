import ArgumentParser
import GRPCCore
import Proto
import SwiftProtobuf

struct ExplainCommand: ClientCommand {
    static let configuration = CommandConfiguration(
        commandName: "explain", abstract: "The same answer with every term that led to it.",
        usage: "avail explain [--channel CHANNEL] SKU[@LOCATION][=QUANTITY] ...")

    @OptionGroup var question: QuestionOptions
    @OptionGroup var client: ClientOptions

    func run(_ connection: Connection) async throws {
        let request = Availability_V1_ExplainAvailabilityRequest.with {
            $0.channel = question.channel ?? ""
            $0.customer = question.customer ?? ""
            $0.lines = question.lines.map(\.message)
            if let maxStaleness = question.maxStaleness { $0.maxStaleness = maxStaleness.message }
        }
        let response = try await connection.availability.explainAvailability(
            request, metadata: connection.metadata, options: connection.options)
        guard client.output == .table else { return try Output.write(response) }
        for (index, line) in response.lines.enumerated() {
            if index > 0 { try Output.write("") }
            try Output.write(Self.headline(line))
            try Output.write(Self.table(line.terms))
        }
        Diagnostics.write(
            "channel \(response.channel), policy version \(response.policyVersion), sequence \(response.sequence), "
                + "epoch \(response.epoch)")
    }

    static func headline(_ line: Availability_V1_ExplainedLine) -> String {
        let item = line.location.isEmpty ? line.sku : "\(line.sku) at \(line.location)"
        return TextTable.printable("\(item): \(line.available) available, \(line.status.shortName), ")
            + "\(line.freshness.shortName), \(DurationText.brief(milliseconds: line.ageMs)) old"
    }

    static func table(_ terms: [Availability_V1_ExplanationTerm]) -> TextTable {
        var table = TextTable([
            ("LOCATION", .left), ("TERM", .left), ("AMOUNT", .right), ("RESULT", .right), ("SOURCE", .left),
            ("AGE", .right), ("NOTE", .left),
        ])
        for term in terms {
            table.add([
                term.location, term.kind.shortName, term.amount > 0 ? "+\(term.amount)" : "\(term.amount)",
                "\(term.result)", term.source, term.hasAgeMs ? DurationText.brief(milliseconds: term.ageMs) : "",
                term.note,
            ])
        }
        return table
    }
}
