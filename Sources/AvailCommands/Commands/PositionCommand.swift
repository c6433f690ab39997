import ArgumentParser
import GRPCCore
import Proto
import SwiftProtobuf

struct PositionCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "position", abstract: "Look at stock positions.",
        subcommands: [PositionGetCommand.self, PositionListStaleCommand.self])
}

struct PositionGetCommand: ClientCommand {
    static let configuration = CommandConfiguration(commandName: "get", abstract: "Every bucket of one position.")

    @Argument var sku: String
    @Argument var location: String
    @Option(help: "Default: all lots together.") var lot: String?
    @OptionGroup var client: ClientOptions

    func run(_ connection: Connection) async throws {
        let request = Availability_V1_GetPositionRequest.with {
            $0.sku = sku
            $0.location = location
            $0.lot = lot ?? ""
        }
        let response = try await connection.operations.getPosition(
            request, metadata: connection.metadata, options: connection.options)
        guard client.output == .table else { return try Output.write(response) }
        try Output.write(Self.table(response))
    }

    static func table(_ response: Availability_V1_GetPositionResponse) -> TextTable {
        let position = response.position
        let lot = response.lot.isEmpty ? "" : ", lot \(response.lot)"
        var table = TextTable([("\(response.sku) at \(response.location)\(lot)", .left), ("UNITS", .right)])
        table.add(["on_hand", "\(position.onHand)"])
        table.add(["quarantined", "\(position.quarantined)"])
        table.add(["damaged", "\(position.damaged)"])
        table.add(["allocated", "\(position.allocated)"])
        table.add(["reserved", "\(position.reserved)"])
        table.add(["releasing", "\(position.releasing)"])
        table.add(["safety_stock", "\(position.safetyStock)"])
        table.add(["sellable", "\(response.sellable)"])
        for lot in response.lots {
            table.add([lot.lot.isEmpty ? "  without a lot" : "  lot \(lot.lot)", "\(lot.sellable)"])
        }
        table.add(["shortfall", "\(response.shortfall)"])
        table.add(["in_transit", "\(position.inTransit)"])
        table.add(["incoming", "\(position.incoming)"])
        for supply in response.supplies {
            table.add(["  \(DurationText.time(supply.expectedAt)) \(supply.id)", "\(supply.quantity)"])
        }
        table.add(["backordered", "\(position.backordered)"])
        table.add(["sequence", "\(response.sequence)"])
        let time = DurationText.time(response.authoritativeTime, isPresent: response.hasAuthoritativeTime)
        table.add(["authoritative", time])
        table.add(["source", response.authoritativeSource.isEmpty ? "-" : response.authoritativeSource])
        table.add(["age", response.hasAge ? DurationText.brief(response.age) : "-"])
        return table
    }
}

struct PositionListStaleCommand: ClientCommand {
    static let configuration = CommandConfiguration(
        commandName: "list-stale", abstract: "Positions whose figures are too old, by location and sku.",
        discussion: """
            With a channel: those that are stale for it, at the locations it sells from, by its own thresholds or by \
            --stale-after. A location whose source tells that it is alive has none that are older than that.
              avail position list-stale --channel web
              avail position list-stale --stale-after 1h --location WH1
            """)

    @Option(help: "Stale for this channel.") var channel: String?

    @Option(help: ArgumentHelp("Older than this. Default: the channel's thresholds.", valueName: "DURATION"))
    var staleAfter: DurationArgument?

    @Option(help: "One location only.") var location: String?
    @OptionGroup var limit: LimitOptions
    @OptionGroup var client: ClientOptions

    func validate() throws {
        if channel == nil, staleAfter == nil { throw ValidationError("give --channel, --stale-after or both") }
    }

    var request: Availability_V1_ListStalePositionsRequest {
        .with {
            $0.channel = channel ?? ""
            if let staleAfter { $0.staleAfter = staleAfter.message }
            $0.location = location ?? ""
        }
    }

    func run(_ connection: Connection) async throws {
        try await writeList(
            request, limit: limit.limit, \Availability_V1_ListStalePositionsResponse.positions, Self.table
        ) {
            try await connection.operations.listStalePositions(
                $0, metadata: connection.metadata, options: connection.options)
        }
    }

    static func table(_ positions: [Availability_V1_StalePosition]) -> TextTable {
        var table = TextTable([
            ("LOCATION", .left), ("SKU", .left), ("AGE", .right), ("AUTHORITATIVE", .left), ("SOURCE", .left),
            ("SELLABLE", .right),
        ])
        for position in positions {
            table.add([
                position.location, position.sku, DurationText.brief(position.age),
                DurationText.time(position.authoritativeTime, isPresent: position.hasAuthoritativeTime),
                position.source.isEmpty ? "-" : position.source, "\(position.sellable)",
            ])
        }
        return table
    }
}
