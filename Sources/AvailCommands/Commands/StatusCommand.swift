import ArgumentParser
import GRPCCore
import Proto
import SwiftProtobuf

struct StatusCommand: ClientCommand {
    static let configuration = CommandConfiguration(commandName: "status", abstract: "How the server does.")

    @OptionGroup var client: ClientOptions

    func run(_ connection: Connection) async throws {
        let status = try await connection.operations.getServerStatus(
            .init(), metadata: connection.metadata, options: connection.options)
        guard client.output == .table else { return try Output.write(status) }
        try Output.write(Self.summary(status))
        for table in Self.parts(status) {
            try Output.write("")
            try Output.write(table)
        }
    }

    static func summary(_ status: Availability_V1_GetServerStatusResponse) -> TextTable {
        var table = TextTable(["SERVER", status.ready ? "READY" : "NOT READY"])
        table.add(["version", status.version])
        table.add(["tenant", status.tenant])
        table.add(["uptime", DurationText.brief(status.uptime)])
        table.add(["epoch", "\(status.epoch)"])
        table.add(["sequence", "\(status.sequence)"])
        table.add(["ledger time", DurationText.time(status.ledgerTime, isPresent: status.hasLedgerTime)])
        table.add(["positions", "\(status.ledger.positions)"])
        table.add(["open reservations", "\(status.ledger.openReservations)"])
        table.add(["erp writes waiting", "\(status.ledger.erpWritesWaiting)"])
        table.add(["dead letters", "\(status.ledger.deadLetters)"])
        table.add(["storage used", "\(status.ledger.usedBytes) bytes"])
        let quota = status.ledger.quotaBytes == 0 ? "-" : "\(status.ledger.quotaBytes) bytes"
        table.add(["storage quota", quota])
        return table
    }

    /// Checks, sources, channels and ERPs, as far as there are any.
    static func parts(_ status: Availability_V1_GetServerStatusResponse) -> [TextTable] {
        var checks = TextTable(["CHECK", "STATE", "DETAIL"])
        for check in status.checks { checks.add([check.name, check.ready ? "ok" : "failed", check.detail]) }
        var sources = TextTable([("SOURCE", .left), ("STATUS", .left), ("LAG", .right)])
        for source in status.sources {
            sources.add([source.id, source.status.shortName, source.hasLag ? DurationText.brief(source.lag) : "-"])
        }
        var channels = TextTable([("CHANNEL", .left), ("VERSION", .right), ("DEGRADED", .left)])
        for channel in status.channels {
            let degradation = channel.degraded ? channel.degradationReason : "-"
            channels.add([channel.channel, "\(channel.policyVersion)", degradation])
        }
        var parts: [TextTable] = []
        if !status.checks.isEmpty { parts.append(checks) }
        if !status.sources.isEmpty { parts.append(sources) }
        if !status.channels.isEmpty { parts.append(channels) }
        if !status.erps.isEmpty { parts.append(ErpText.table(status.erps)) }
        return parts
    }
}
