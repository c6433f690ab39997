import ArgumentParser
import GRPCCore
import Proto
import SwiftProtobuf

struct EventTailCommand: ClientCommand {
    static let configuration = CommandConfiguration(
        commandName: "tail", abstract: "What becomes of events, as they are committed.",
        discussion: """
            One line for each event from now on, until interrupted; --timeout does not apply. What came faster than it could
            be shown is counted on standard error.
              avail event tail --source wms-1 --outcome dead-lettered
            """)

    @Option(help: "Only of this source.") var source: String?
    @Option(help: "Only about this sku.") var sku: String?
    @Option(help: "Only at this location, or to it.") var location: String?
    @Option(name: .customLong("type"), help: ArgumentHelp("Only this type, for example cycle-count; may be repeated."))
    var types: [EventTypeArgument] = []

    @Option(
        name: .customLong("outcome"),
        help: ArgumentHelp("Only with this outcome, for example applied; may be repeated."))
    var outcomes: [EnumArgument<Availability_V1_EventOutcome>] = []

    @OptionGroup var client: ClientOptions

    var request: Availability_V1_TailEventsRequest {
        .with {
            $0.source = source ?? ""
            $0.sku = sku ?? ""
            $0.location = location ?? ""
            $0.types = types.map(\.type)
            $0.outcomes = outcomes.map(\.value)
        }
    }

    func run(_ connection: Connection) async throws {
        try await untilInterrupted(connection) { options in
            try await connection.operations.tailEvents(
                request, metadata: connection.metadata, options: options
            ) { response in
                for try await message in response.messages { try show(message) }
            }
        }
    }

    private func show(_ message: Availability_V1_TailEventsResponse) throws {
        guard client.output == .table else { return try Output.write(message) }
        if message.missed > 0 { Diagnostics.write("\(message.missed) events came too fast to be shown") }
        for event in message.events { try Output.write(Self.line(event)) }
    }

    static func line(_ told: Availability_V1_TailedEvent) -> String {
        let event = told.event
        var place = event.sku
        if !event.location.isEmpty { place += "@\(event.location)" }
        if !event.toLocation.isEmpty { place += " to \(event.toLocation)" }
        let parts = [
            DurationText.time(told.time, isPresent: told.hasTime), told.outcome.shortName, event.type.shortName, place,
            event.hasQuantity ? "\(event.quantity)" : "", "of \(event.source)/\(event.id)", told.reason,
        ]
        return TextTable.printable(parts.filter { !$0.isEmpty }.joined(separator: "  "))
    }
}
