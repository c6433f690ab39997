import ArgumentParser
import GRPCCore
import Proto
import SwiftProtobuf

/// What `commit` and `release` apply to.
struct ReservationPartOptions: ParsableArguments {
    @Argument var id: String

    @Option(
        name: .customLong("line"),
        help: ArgumentHelp("Units of one line; may be repeated. Default: all that is open.", valueName: "LINE=QUANTITY")
    )
    var lines: [LineQuantityArgument] = []

    @Option(help: ArgumentHelp("Change only this version.", valueName: "VERSION"))
    var expectedVersion: UInt64?
}

struct ReservationExtendCommand: ClientCommand {
    static let configuration = CommandConfiguration(
        commandName: "extend", abstract: "Hold for longer.",
        discussion: """
            The expiry moves to the later of itself and now + --ttl, at most the channel's longest hold:
              avail reservation extend ID --ttl 15m
            """)

    @Argument var id: String

    @Option(help: ArgumentHelp("From now on. Default: the channel's.", valueName: "DURATION"))
    var ttl: DurationArgument?

    @OptionGroup var request: RequestOptions
    @OptionGroup var client: ClientOptions

    func run(_ connection: Connection) async throws {
        var message = Availability_V1_ExtendReservationRequest.with {
            $0.id = id
            if let ttl { $0.ttl = ttl.message }
        }
        let response = try await request.call { requestID in
            message.requestID = requestID
            return try await connection.reservations.extendReservation(
                message, metadata: connection.metadata, options: connection.options)
        }
        try ReservationText.write(response, format: client.output)
    }
}

struct ReservationCommitCommand: ClientCommand {
    static let configuration = CommandConfiguration(
        commandName: "commit", abstract: "Say that the order is placed: the hold no longer expires.",
        discussion: """
            With --line only so much is ordered; the rest, and the lines not named, are given back at once:
              avail reservation commit ID --order ORDER-7 --line 1=3 --line 2=1
            """)

    @OptionGroup var part: ReservationPartOptions

    @Option(help: ArgumentHelp("Your order. Default: as the reservation has it.", valueName: "REFERENCE"))
    var order: String?

    @Flag(help: "If it has expired: hold the same again under a new reservation and commit that.")
    var reacquire = false

    @OptionGroup var request: RequestOptions
    @OptionGroup var client: ClientOptions

    var message: Availability_V1_CommitReservationRequest {
        .with {
            $0.id = part.id
            $0.lines = part.lines.map(\.message)
            if let expectedVersion = part.expectedVersion { $0.expectedVersion = expectedVersion }
            $0.orderReference = order ?? ""
            $0.reacquire = reacquire
        }
    }

    func run(_ connection: Connection) async throws {
        var message = message
        let response = try await request.call { requestID in
            message.requestID = requestID
            return try await connection.reservations.commitReservation(
                message, metadata: connection.metadata, options: connection.options)
        }
        try ReservationText.write(response, format: client.output)
    }
}

struct ReservationReleaseCommand: ClientCommand {
    static let configuration = CommandConfiguration(
        commandName: "release", abstract: "Give back what is held, or a part of it.",
        discussion: """
            Everything open, or only so many units of a line:
              avail reservation release ID --reason "cart abandoned"
              avail reservation release ID --line 2=1
            """)

    @OptionGroup var part: ReservationPartOptions
    @Option(help: ArgumentHelp("Why, for the history.", valueName: "TEXT")) var reason: String?
    @OptionGroup var request: RequestOptions
    @OptionGroup var client: ClientOptions

    var message: Availability_V1_ReleaseReservationRequest {
        .with {
            $0.id = part.id
            $0.lines = part.lines.map(\.message)
            if let expectedVersion = part.expectedVersion { $0.expectedVersion = expectedVersion }
            $0.reason = reason ?? ""
        }
    }

    func run(_ connection: Connection) async throws {
        var message = message
        let response = try await request.call { requestID in
            message.requestID = requestID
            return try await connection.reservations.releaseReservation(
                message, metadata: connection.metadata, options: connection.options)
        }
        try ReservationText.write(response, format: client.output)
    }
}
