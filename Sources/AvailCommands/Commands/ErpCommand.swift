import ArgumentParser
import GRPCCore
import Proto
import SwiftProtobuf

struct ErpCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "erp", abstract: "How the ERPs do, and what they are still to be told.",
        subcommands: [ErpStatusCommand.self, ErpWritesCommand.self, ErpRetryCommand.self])
}

struct ErpStatusCommand: ClientCommand {
    static let configuration = CommandConfiguration(commandName: "status", abstract: "How the ERPs do.")

    @OptionGroup var client: ClientOptions

    func run(_ connection: Connection) async throws {
        let status = try await connection.operations.getServerStatus(
            .init(), metadata: connection.metadata, options: connection.options)
        guard client.output == .table else {
            for erp in status.erps { try Output.write(erp) }
            return
        }
        try Output.write(ErpText.table(status.erps))
    }
}

struct ErpWritesCommand: ClientCommand {
    static let configuration = CommandConfiguration(
        commandName: "writes", abstract: "What the ERPs are told and asked, oldest first.",
        discussion: """
            A write is listed from its cause to the ERP's answer. What was given up, to be tried again with `avail erp retry`:
              avail erp writes --state failed
            """)

    @Option(help: "One ERP only.") var erp: String?

    @Option(help: ArgumentHelp("For example failed. Default: any.", valueName: "STATE"))
    var state: EnumArgument<Availability_V1_ErpWriteState>?

    @Option(help: ArgumentHelp("One reservation only.", valueName: "ID")) var reservationId: String?
    @OptionGroup var limit: LimitOptions
    @OptionGroup var client: ClientOptions

    var request: Availability_V1_ListErpWritesRequest {
        .with {
            $0.erp = erp ?? ""
            $0.state = state?.value ?? .unspecified
            $0.reservationID = reservationId ?? ""
        }
    }

    func run(_ connection: Connection) async throws {
        try await writeList(
            request, limit: limit.limit, \Availability_V1_ListErpWritesResponse.writes, ErpText.table
        ) {
            try await connection.operations.listErpWrites(
                $0, metadata: connection.metadata, options: connection.options)
        }
    }
}

struct ErpRetryCommand: ClientCommand {
    static let configuration = CommandConfiguration(
        commandName: "retry", abstract: "Try writes again now.",
        discussion: """
            A write that is answered already, or is being sent, is told and does not keep the others from being tried; \
            the exit status is then that of the last such failure.
              avail erp retry r-1-7k/tryton/1 --reason "the ERP's master data was mended"
            """)

    @Argument(help: ArgumentHelp("As `avail erp writes` names them.", valueName: "id")) var ids: [String]
    @Option(help: ArgumentHelp("Why, for the audit log.", valueName: "TEXT")) var reason: String?
    @OptionGroup var client: ClientOptions

    func run(_ connection: Connection) async throws {
        var writes: [Availability_V1_ErpWrite] = []
        var refusal: RPCError?
        for id in ids {
            let request = Availability_V1_RetryErpWriteRequest.with {
                $0.id = id
                $0.reason = reason ?? ""
            }
            do {
                let response = try await connection.operations.retryErpWrite(
                    request, metadata: connection.metadata, options: connection.options)
                if client.output == .json { try Output.write(response) }
                writes.append(response.write)
            } catch let error as RPCError where error.code == .notFound || error.code == .failedPrecondition {
                Diagnostics.write(FailureText.lines(of: error).joined(separator: "\n"))
                refusal = error
            }
        }
        if client.output == .table, !writes.isEmpty { try Output.write(ErpText.table(writes)) }
        if let refusal { throw ExitCode(ExitStatus.of(refusal)) }
    }
}
