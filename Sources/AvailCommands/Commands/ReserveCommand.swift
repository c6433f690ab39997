import ArgumentParser
import GRPCCore
import Proto
import SwiftProtobuf

/// The options that make a request for a hold.
struct ReserveOptions: ParsableArguments {
    @Option(help: "The selling channel. Default: the credential's own.")
    var channel: String?

    @Option(help: ArgumentHelp("How long it is held. Default: the channel's.", valueName: "DURATION"))
    var ttl: DurationArgument?

    @Option(help: ArgumentHelp("Your order or cart.", valueName: "REFERENCE"))
    var order: String?

    @Option(help: ArgumentHelp("The customer it is held for.", valueName: "ID"))
    var customer: String?

    @Flag(help: "Hold what there is instead of all or nothing.")
    var partial = false

    @Argument(
        help: ArgumentHelp(
            "What is held, for example SKU-1, SKU-1@WH1, SKU-1@EAST=3, or of a lot SKU-1@WH1#L-7=3.", valueName: "line")
    )
    var lines: [ReserveLineArgument]

    var request: Availability_V1_CreateReservationRequest {
        .with {
            $0.channel = channel ?? ""
            $0.lines = lines.map(\.message)
            if let ttl { $0.ttl = ttl.message }
            $0.orderReference = order ?? ""
            $0.customer = customer ?? ""
            $0.allowPartial = partial
        }
    }
}

struct ReserveCommand: ClientCommand {
    static let configuration = CommandConfiguration(
        commandName: "reserve", abstract: "Hold stock for a channel.",
        usage: "avail reserve [--channel CHANNEL] [--ttl DURATION] [--partial] SKU[@[LOCATION][#LOT]][=QUANTITY] ...",
        discussion: """
            All lines are held or none, unless --partial is given. A line without a quantity is 1 unit, without a \
            location it is sourced as the channel's policy says. A lot is named behind the @: SKU-1@WH1#L-7, or \
            SKU-1@#L-7 wherever there is some of it.

            Hold one of SKU-1 and three of SKU-2 for a cart, for 15 minutes:
              avail reserve --channel web --ttl 15m --order CART-7 SKU-1 SKU-2=3
            Then `avail reservation commit` when the order is placed, or `avail reservation release`.
            """)

    @OptionGroup var hold: ReserveOptions
    @OptionGroup var request: RequestOptions
    @OptionGroup var client: ClientOptions

    func run(_ connection: Connection) async throws {
        var message = hold.request
        let response = try await request.call { id in
            message.requestID = id
            return try await connection.reservations.createReservation(
                message, metadata: connection.metadata, options: connection.options)
        }
        try ReservationText.write(response, format: client.output)
    }
}
