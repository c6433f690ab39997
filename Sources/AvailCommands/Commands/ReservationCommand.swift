import ArgumentParser
import GRPCCore
import Proto
import SwiftProtobuf

struct ReservationCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "reservation", abstract: "Follow, commit and release what is held.",
        discussion: "`avail reserve` makes a reservation.",
        subcommands: [
            ReservationGetCommand.self, ReservationListCommand.self, ReservationExtendCommand.self,
            ReservationCommitCommand.self, ReservationReleaseCommand.self, ReservationWatchCommand.self,
        ])
}

struct ReservationGetCommand: ClientCommand {
    static let configuration = CommandConfiguration(
        commandName: "get", abstract: "One reservation with its lines and its history.")

    @Argument var id: String
    @OptionGroup var client: ClientOptions

    func run(_ connection: Connection) async throws {
        let response = try await connection.reservations.getReservation(
            .with { $0.id = id }, metadata: connection.metadata, options: connection.options)
        guard client.output == .table else { return try Output.write(response) }
        try ReservationText.write(response.reservation, withHistory: true)
    }
}
