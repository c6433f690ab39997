import ArgumentParser
import Foundation
import GRPCCore
import Proto
import SwiftProtobuf

/// Which reservations are listed: those that match all the options given.
struct ReservationFilter: ParsableArguments {
    @Option(help: "The selling channel. Default: all you may see.")
    var channel: String?

    @Option(help: ArgumentHelp("For example active.", valueName: "STATE"))
    var state: EnumArgument<Availability_V1_ReservationState>?

    @Option(help: ArgumentHelp("For example release-pending.", valueName: "STATE"))
    var erpState: EnumArgument<Availability_V1_ErpState>?

    @Option(help: ArgumentHelp(valueName: "ID")) var customer: String?
    @Option(help: ArgumentHelp(valueName: "REFERENCE")) var order: String?
    @Option(help: "A sku among the lines.") var sku: String?
    @Option(help: "A location among the lines.") var location: String?

    @OptionGroup var age: AgeOptions

    func request(now: Date = Date()) -> Availability_V1_ListReservationsRequest {
        .with {
            $0.channel = channel ?? ""
            $0.state = state?.value ?? .unspecified
            $0.erpState = erpState?.value ?? .unspecified
            $0.customer = customer ?? ""
            $0.orderReference = order ?? ""
            $0.sku = sku ?? ""
            $0.location = location ?? ""
            let (from, until) = age.times(now: now)
            if let from { $0.createdAfter = from }
            if let until { $0.createdBefore = until }
        }
    }
}

struct ReservationListCommand: ClientCommand {
    static let configuration = CommandConfiguration(
        commandName: "list", abstract: "Reservations that match, newest first.",
        discussion: """
            What a channel holds of a sku:
              avail reservation list --channel web --state active --sku SKU-1
            What the ERP has not answered:
              avail reservation list --erp-state unknown --limit 0
            """)

    @OptionGroup var filter: ReservationFilter
    @OptionGroup var limit: LimitOptions
    @OptionGroup var client: ClientOptions

    func run(_ connection: Connection) async throws {
        try await writeList(
            filter.request(), limit: limit.limit, \Availability_V1_ListReservationsResponse.reservations,
            { ReservationText.table($0) }
        ) {
            try await connection.reservations.listReservations(
                $0, metadata: connection.metadata, options: connection.options)
        }
    }
}
