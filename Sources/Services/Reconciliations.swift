internal import Calls
internal import Engine
internal import Inventory
internal import Ledger
internal import Proto
internal import SwiftProtobuf

/// StartReconciliation, GetReconciliation, ListVariances and ApplyVariances.
struct Reconciliations {
    /// Variances looked at for one page, so that a filter that nothing matches does not keep the loop busy.
    private static let visitedMax = 2_000

    let environment: ServiceEnvironment

    var methods: [ServiceMethod] {
        let service = OperationsService.name
        return [
            .unary(service, "StartReconciliation", Availability_V1_StartReconciliationRequest.self) {
                request, call, sink throws(CallStatus) in
                try start(request, call, sink)
            },
            .unary(service, "GetReconciliation", Availability_V1_GetReconciliationRequest.self) {
                request, call, sink throws(CallStatus) in
                try call.reads.requireSnapshot()
                var response = Availability_V1_GetReconciliationResponse()
                response.reconciliation = .init(try reconciliation(request.id, call.reads))
                sink.succeed(with: response)
            },
            .unary(service, "ListVariances", Availability_V1_ListVariancesRequest.self) {
                request, call, sink throws(CallStatus) in
                sink.succeed(with: try list(request, call.reads))
            },
            .unary(service, "ApplyVariances", Availability_V1_ApplyVariancesRequest.self) {
                request, call, sink throws(CallStatus) in
                try apply(request, call, sink)
            },
        ]
    }

    // MARK: Comparisons

    private func start(
        _ request: Availability_V1_StartReconciliationRequest, _ call: UnaryCall, _ sink: any ResponseSink
    ) throws(CallStatus) {
        try check(request.requestID, "request_id", Limits.idBytesMax)
        try check(request.reason, "reason", 256, isRequired: false)
        let erps = environment.erps().map(\.name)
        guard !request.erp.isEmpty || erps.count == 1, request.erp.isEmpty || erps.contains(request.erp) else {
            throw .invalidField("erp", "must be one of \(erps.joined(separator: ", "))")
        }
        guard request.locations.count <= 100 else { throw .invalidField("locations", "at most 100") }
        guard request.skus.count <= 1_000 else { throw .invalidField("skus", "at most 1000") }
        for (index, sku) in request.skus.enumerated() { try check(sku, "skus[\(index)]", Limits.skuBytesMax) }
        for (index, location) in request.locations.enumerated() {
            guard call.reads.stock.state.directory.number(of: location) != nil else {
                throw .invalidField("locations[\(index)]", "there is no location \(location)")
            }
        }
        let now = environment.now()
        let wanted = Reconciliation(
            id: "c-" + String(now, radix: 32), requestID: request.requestID,
            erp: request.erp.isEmpty ? erps[0] : request.erp, createTimeNanoseconds: now,
            actor: call.context.actor, reason: request.reason, locations: request.locations,
            skus: request.skus)
        let wake = environment.reconciliationStarted
        let refusal = environment.engine.submit(
            .reconcile(tenant: environment.tenant, .start(wanted, correlationID: call.context.requestID))
        ) { reply in
            switch reply {
            case .reconciliation(.reconciliation(let started), _):
                wake(started.erp)
                var response = Availability_V1_StartReconciliationResponse()
                response.reconciliation = .init(started)
                sink.succeed(with: response)
            case .failed(let error): sink.finish(error.callStatus)
            default: sink.finish(EngineError.invariantBroken("wrong reply").callStatus)
            }
        }
        if let refusal { throw refusal.callStatus }
    }

    private func reconciliation(_ id: String, _ reads: LoopReads) throws(CallStatus) -> Reconciliation {
        try check(id, "id", Limits.idBytesMax)
        do throws(LedgerError) {
            let found: Reconciliation? = try reads.stock.reader.document(
                tenant: environment.tenant, kind: .reconciliation, id: id)
            if let found { return found }
        } catch { throw error.callStatus }
        throw EngineError.reconciliationNotFound(id).callStatus
    }

    // MARK: Variances

    private func list(
        _ request: Availability_V1_ListVariancesRequest, _ reads: LoopReads
    ) throws(CallStatus) -> Availability_V1_ListVariancesResponse {
        let size = try ListFields.pageSize(request.pageSize)
        let before = try ListFields.number(inToken: request.pageToken, ofList: "ListVariances") ?? .max
        try check(request.sku, "sku", Limits.skuBytesMax, isRequired: false)
        let directory = reads.stock.state.directory
        let location = request.location.isEmpty ? 0 : directory.number(of: request.location)
        guard let location else { throw .invalidField("location", "there is no location \(request.location)") }
        try reads.requireSnapshot()
        var response = Availability_V1_ListVariancesResponse()
        var visited = 0
        do throws(LedgerError) {
            try reads.stock.reader.forEachVarianceBackwards(tenant: environment.tenant, before: before) {
                number, variance in
                // Where a scan starts is included.
                if number == before { return true }
                if response.variances.count == size || visited == Self.visitedMax {
                    response.nextPageToken = ListFields.token(number + 1)
                    return false
                }
                visited += 1
                let isWanted =
                    (request.reconciliationID.isEmpty || variance.reconciliation == request.reconciliationID)
                    && (request.cause == .unspecified || variance.cause.rawValue == request.cause.rawValue)
                    && (request.state == .unspecified || variance.state.rawValue == request.state.rawValue)
                    && (request.sku.isEmpty || variance.sku == request.sku)
                    && (location == 0 || variance.location == location)
                if isWanted { response.variances.append(.init(variance, number: number, directory: directory)) }
                return true
            }
        } catch { throw error.callStatus }
        return response
    }

    private func apply(
        _ request: Availability_V1_ApplyVariancesRequest, _ call: UnaryCall, _ sink: any ResponseSink
    ) throws(CallStatus) {
        guard (1...1_000).contains(request.ids.count) else {
            throw .invalidField("ids", "1 to 1000, are \(request.ids.count)")
        }
        try check(request.reason, "reason", 256)
        var numbers: [UInt64] = []
        for (index, id) in request.ids.enumerated() {
            guard let number = UInt64(id) else { throw .invalidField("ids[\(index)]", "is not a variance's id") }
            numbers.append(number)
        }
        let repair = VarianceRepair(
            numbers: numbers, actor: call.context.actor, reason: request.reason,
            requestID: call.context.requestID, validateOnly: request.validateOnly)
        let epoch = environment.epoch
        let refusal = environment.engine.submit(
            .reconcile(tenant: environment.tenant, .repair(repair))
        ) { reply in
            switch reply {
            case .reconciliation(.repaired(let outcomes), let sequence):
                var response = Availability_V1_ApplyVariancesResponse()
                response.results = outcomes.map { .init($0) }
                response.sequence = sequence
                response.epoch = epoch
                sink.succeed(with: response)
            case .failed(let error): sink.finish(error.callStatus)
            default: sink.finish(EngineError.invariantBroken("wrong reply").callStatus)
            }
        }
        if let refusal { throw refusal.callStatus }
    }

    private func check(
        _ text: String, _ field: String, _ bytesMax: Int, isRequired: Bool = true
    ) throws(CallStatus) {
        let problem =
            isRequired
            ? TextRules.problem(text, bytesMax: bytesMax) : TextRules.problemUnlessEmpty(text, bytesMax: bytesMax)
        if let problem { throw .invalidField(field, problem) }
    }
}

extension Availability_V1_Reconciliation {
    init(_ record: Reconciliation) {
        self.init()
        id = record.id
        state = .init(rawValue: record.state.rawValue) ?? .unspecified
        erp = record.erp
        createTime = .init(wallNanoseconds: record.createTimeNanoseconds)
        if record.finishTimeNanoseconds > 0 { finishTime = .init(wallNanoseconds: record.finishTimeNanoseconds) }
        // An ERP does not say beforehand how many it has.
        positionsTotal = record.state == .succeeded ? record.compared : 0
        positionsCompared = record.compared
        variances = record.variances
        error = record.error
        actor = record.actor
        reason = record.reason
    }
}

extension Availability_V1_Variance {
    init(_ variance: Variance, number: UInt64, directory: LocationDirectory) {
        self.init()
        id = "\(number)"
        reconciliationID = variance.reconciliation
        sku = variance.sku
        location = directory.location(variance.location)?.id ?? ""
        lot = variance.lot ?? ""
        bucket = variance.bucket
        ours = variance.ours
        theirs = variance.theirs
        cause = .init(rawValue: variance.cause.rawValue) ?? .unspecified
        state = .init(rawValue: variance.state.rawValue) ?? .unspecified
        proposal = variance.proposal
        reservationID = variance.reservationID
        eventID = variance.eventID
        createTime = .init(wallNanoseconds: variance.createTimeNanoseconds)
    }
}

extension Availability_V1_VarianceResult {
    init(_ outcome: VarianceOutcome) {
        self.init()
        id = "\(outcome.number)"
        state = outcome.state.flatMap { .init(rawValue: $0.rawValue) } ?? .unspecified
        reason = outcome.reason
    }
}
