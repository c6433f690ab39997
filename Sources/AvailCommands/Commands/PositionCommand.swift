import ArgumentParser
import GRPCCore
import Proto
import SwiftProtobuf

struct PositionCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "position", abstract: "Look at stock positions.", subcommands: [PositionGetCommand.self])
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
