import ArgumentParser
import GRPCCore
import Proto
import SwiftProtobuf

struct ReconcileCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "reconcile", abstract: "Compare our figures with an ERP's, and repair what has drifted apart.",
        subcommands: [
            ReconcileStartCommand.self, ReconcileStatusCommand.self, ReconcileVariancesCommand.self,
            ReconcileApplyCommand.self,
        ])
}

struct ReconcileStartCommand: ClientCommand {
    static let configuration = CommandConfiguration(
        commandName: "start", abstract: "Begin a comparison.",
        discussion: """
            It runs in the server, within the ERP's budget of calls; --wait stays until it is done.
              avail reconcile start --erp tryton --wait
            """)

    @Option(help: "The ERP. Default: the only one.") var erp: String?
    @Option(parsing: .upToNextOption, help: "Only these locations.") var location: [String] = []
    @Option(parsing: .upToNextOption, help: "Only these skus.") var sku: [String] = []
    @Option(help: ArgumentHelp("Why, for the audit log.", valueName: "TEXT")) var reason: String?
    @Flag(help: "Wait until it is done.") var wait = false
    @OptionGroup var idempotency: RequestOptions
    @OptionGroup var client: ClientOptions

    func run(_ connection: Connection) async throws {
        var request = Availability_V1_StartReconciliationRequest.with {
            $0.erp = erp ?? ""
            $0.locations = location
            $0.skus = sku
            $0.reason = reason ?? ""
        }
        var shown = try await idempotency.call { requestID in
            request.requestID = requestID
            return try await connection.operations.startReconciliation(
                request, metadata: connection.metadata, options: connection.options
            ).reconciliation
        }
        while wait, shown.state == .running {
            try await Task.sleep(for: .milliseconds(200))
            let asked = Availability_V1_GetReconciliationRequest.with { $0.id = shown.id }
            shown = try await connection.operations.getReconciliation(
                asked, metadata: connection.metadata, options: connection.options
            ).reconciliation
        }
        try ReconcileText.write(shown, client.output)
        if shown.state == .failed { throw ExitCode(1) }
    }
}

struct ReconcileStatusCommand: ClientCommand {
    static let configuration = CommandConfiguration(commandName: "status", abstract: "How a comparison does.")

    @Argument(help: ArgumentHelp("As `avail reconcile start` named it.", valueName: "id")) var id: String
    @OptionGroup var client: ClientOptions

    func run(_ connection: Connection) async throws {
        let request = Availability_V1_GetReconciliationRequest.with { $0.id = id }
        let response = try await connection.operations.getReconciliation(
            request, metadata: connection.metadata, options: connection.options)
        try ReconcileText.write(response.reconciliation, client.output)
    }
}

struct ReconcileVariancesCommand: ClientCommand {
    static let configuration = CommandConfiguration(
        commandName: "variances", abstract: "What differs, newest first.",
        discussion: """
              avail reconcile variances --state open --cause drift
            """)

    @Option(help: ArgumentHelp("One comparison only.", valueName: "ID")) var reconciliation: String?

    @Option(help: ArgumentHelp("For example drift, lag or shipped-without-hold. Default: any.", valueName: "CAUSE"))
    var cause: EnumArgument<Availability_V1_VarianceCause>?

    @Option(help: ArgumentHelp("open, applied or resolved. Default: any.", valueName: "STATE"))
    var state: EnumArgument<Availability_V1_VarianceState>?

    @Option(help: "One sku only.") var sku: String?
    @Option(help: "One location only.") var location: String?
    @OptionGroup var limit: LimitOptions
    @OptionGroup var client: ClientOptions

    func run(_ connection: Connection) async throws {
        let request = Availability_V1_ListVariancesRequest.with {
            $0.reconciliationID = reconciliation ?? ""
            $0.cause = cause?.value ?? .unspecified
            $0.state = state?.value ?? .unspecified
            $0.sku = sku ?? ""
            $0.location = location ?? ""
        }
        try await writeList(
            request, limit: limit.limit, \Availability_V1_ListVariancesResponse.variances, ReconcileText.table
        ) {
            try await connection.operations.listVariances(
                $0, metadata: connection.metadata, options: connection.options)
        }
    }
}

struct ReconcileApplyCommand: ClientCommand {
    static let configuration = CommandConfiguration(
        commandName: "apply", abstract: "Apply the proposed repairs of variances.",
        discussion: """
            --preview says what would be, and changes nothing. What changed since it was compared is left alone \
            (FIGURE_CHANGED): compare again. The exit status is 1 when any was not applied.
              avail reconcile apply 17 18 --reason "counted by hand" --preview
            """)

    @Argument(help: ArgumentHelp("As `avail reconcile variances` names them.", valueName: "id")) var ids: [String]
    @Option(help: ArgumentHelp("Why, for the audit log.", valueName: "TEXT")) var reason: String
    @Flag(help: "Change nothing.") var preview = false
    @OptionGroup var client: ClientOptions

    func run(_ connection: Connection) async throws {
        let request = Availability_V1_ApplyVariancesRequest.with {
            $0.ids = ids
            $0.reason = reason
            $0.validateOnly = preview
        }
        let response = try await connection.operations.applyVariances(
            request, metadata: connection.metadata, options: connection.options)
        if client.output == .json {
            try Output.write(response)
        } else {
            try Output.write(ReconcileText.table(response.results))
        }
        if response.results.contains(where: { !$0.reason.isEmpty }) { throw ExitCode(1) }
    }
}

/// Comparisons and variances, for people.
enum ReconcileText {
    static func write(_ shown: Availability_V1_Reconciliation, _ output: OutputFormat) throws {
        guard output == .table else { return try Output.write(shown) }
        var table = TextTable([
            ("RECONCILIATION", .left), ("ERP", .left), ("STATE", .left), ("COMPARED", .right), ("VARIANCES", .right),
            ("BEGUN", .left), ("ENDED", .left), ("ERROR", .left),
        ])
        table.add([
            shown.id, shown.erp, shown.state.shortName, "\(shown.positionsCompared)", "\(shown.variances)",
            DurationText.time(shown.createTime, isPresent: shown.hasCreateTime),
            DurationText.time(shown.finishTime, isPresent: shown.hasFinishTime), shown.error,
        ])
        try Output.write(table)
    }

    static func table(_ variances: [Availability_V1_Variance]) -> TextTable {
        var table = TextTable([
            ("VARIANCE", .left), ("SKU", .left), ("LOCATION", .left), ("LOT", .left), ("BUCKET", .left),
            ("OURS", .right), ("THEIRS", .right), ("CAUSE", .left), ("STATE", .left), ("ABOUT", .left),
            ("PROPOSAL", .left),
        ])
        for variance in variances {
            let about = variance.reservationID.isEmpty ? variance.eventID : variance.reservationID
            table.add([
                variance.id, variance.sku, variance.location, variance.lot, variance.bucket, "\(variance.ours)",
                "\(variance.theirs)", variance.cause.shortName, variance.state.shortName, about, variance.proposal,
            ])
        }
        return table
    }

    static func table(_ results: [Availability_V1_VarianceResult]) -> TextTable {
        var table = TextTable([("VARIANCE", .left), ("STATE", .left), ("REASON", .left)])
        for result in results { table.add([result.id, result.state.shortName, result.reason]) }
        return table
    }
}
