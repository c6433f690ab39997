import ArgumentParser
import GRPCCore
import Proto
import SwiftProtobuf

struct ReservationWatchCommand: ClientCommand {
    static let configuration = CommandConfiguration(
        commandName: "watch", abstract: "What is held now, then every change as it comes.",
        discussion: """
            One line for each reservation that is open, then one for each change and each shortfall, until interrupted; \
            --timeout does not apply. At the end a resume token is told on standard error, with which the next watch \
            goes on from there:
              avail reservation watch --channel web --resume-token TOKEN
            """)

    @Option(help: "The selling channel. Default: the credential's own.")
    var channel: String?

    @Option(help: ArgumentHelp("Only this customer's.", valueName: "ID"))
    var customer: String?

    @Option(name: .customLong("id"), help: ArgumentHelp("Only this reservation; may be repeated."))
    var ids: [String] = []

    @Option(help: ArgumentHelp("Where an earlier watch ended. Default: begin with what is open.", valueName: "TOKEN"))
    var resumeToken: String?

    @OptionGroup var client: ClientOptions

    var request: Availability_V1_WatchReservationsRequest {
        .with {
            $0.channel = channel ?? ""
            $0.ids = ids
            $0.customer = customer ?? ""
            $0.resumeToken = resumeToken ?? ""
        }
    }

    func run(_ connection: Connection) async throws {
        try await untilInterrupted(connection) { options in
            try await connection.reservations.watchReservations(
                request, metadata: connection.metadata, options: options
            ) { response in
                try await show(
                    response.messages, after: resumeToken, \.resumeToken, show)
            }
        }
    }

    private func show(_ response: Availability_V1_WatchReservationsResponse) throws {
        guard client.output == .table else { return try Output.write(response) }
        for line in Self.lines(response) { try Output.write(line) }
        if response.snapshotEnd { Diagnostics.write("these are open; what follows are changes") }
    }

    static func lines(_ response: Availability_V1_WatchReservationsResponse) -> [String] {
        response.reservations.map(ReservationText.line) + response.shortfalls.map(ReservationText.line)
    }
}
