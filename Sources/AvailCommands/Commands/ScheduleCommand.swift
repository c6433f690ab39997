import ArgumentParser
import GRPCCore
import Proto
import SwiftProtobuf

struct ScheduleCommand: ClientCommand {
    static let configuration = CommandConfiguration(
        commandName: "schedule", abstract: "What may be promised by date, from the supply to come.",
        usage: "avail schedule [--channel CHANNEL] [--until TIME] SKU[@LOCATION][=QUANTITY] ...")

    @OptionGroup var question: QuestionOptions

    @Option(
        help: ArgumentHelp("The last date, in RFC 3339, at most 366 days ahead. Default: 90 days.", valueName: "TIME"))
    var until: String?

    @OptionGroup var client: ClientOptions

    func run(_ connection: Connection) async throws {
        var request = Availability_V1_GetAvailabilityScheduleRequest.with {
            $0.channel = question.channel ?? ""
            $0.customer = question.customer ?? ""
            $0.lines = question.lines.map(\.message)
            if let maxStaleness = question.maxStaleness { $0.maxStaleness = maxStaleness.message }
        }
        if let until { request.until = try EventOptions.time(until, "--until") }
        let response = try await connection.availability.getAvailabilitySchedule(
            request, metadata: connection.metadata, options: connection.options)
        guard client.output == .table else { return try Output.write(response) }
        for (index, line) in response.lines.enumerated() {
            if index > 0 { try Output.write("") }
            try Output.write(Self.headline(line, quantity: request.lines[index].quantity))
            try Output.write(Self.table(line.entries))
        }
        Diagnostics.write(
            "policy version \(response.policyVersion), sequence \(response.sequence), epoch \(response.epoch)")
    }

    static func headline(_ line: Availability_V1_AvailabilitySchedule, quantity: Int64) -> String {
        let item = line.location.isEmpty ? line.sku : "\(line.sku) at \(line.location)"
        let time = DurationText.time(line.earliestTime)
        let promise = line.hasEarliestTime ? "from \(time)" : "not within these dates"
        return TextTable.printable("\(item): \(max(1, quantity)) \(promise), \(line.freshness.shortName), ")
            + "\(DurationText.brief(milliseconds: line.ageMs)) old"
    }

    static func table(_ entries: [Availability_V1_AvailabilityScheduleEntry]) -> TextTable {
        var table = TextTable([
            ("FROM", .left), ("AVAILABLE", .right), ("INCOMING DUE", .right), ("BACKORDERED DUE", .right),
        ])
        for entry in entries {
            table.add([
                DurationText.time(entry.effectiveTime), "\(entry.available)", "\(entry.incomingDue)",
                "\(entry.backorderedDue)",
            ])
        }
        return table
    }
}
