internal import Calls
internal import Engine
internal import Feeds
internal import Inventory
internal import Ledger
internal import Proto
internal import SwiftProtobuf

/// StartRebuild, GetRebuild, SwitchRebuild and AbandonRebuild of the OperationsService.
struct RebuildCalls {
    private static let reasonBytesMax = 256
    private static let stepsMax = 100

    let environment: ServiceEnvironment

    var methods: [ServiceMethod] {
        let service = OperationsService.name
        return [
            .unary(service, "StartRebuild", Availability_V1_StartRebuildRequest.self) {
                request, call, sink throws(CallStatus) in
                let decision = try decision(request.reason, call.context)
                let wish = RebuildWish(
                    fromTimeNanoseconds: try fromTime(of: request), steps: try steps(named: request.steps),
                    switchesWhenReady: request.switchWhenReady, decision: decision)
                try submit(.start(wish), sink) { rebuild, _ in
                    Availability_V1_StartRebuildResponse.with { $0.rebuild = shown(rebuild) }
                }
            },
            .unary(service, "GetRebuild", Availability_V1_GetRebuildRequest.self) {
                request, call, sink throws(CallStatus) in
                let rebuild = try rebuild(request.id, call.reads)
                sink.succeed(with: Availability_V1_GetRebuildResponse.with { $0.rebuild = shown(rebuild) })
            },
            .unary(service, "SwitchRebuild", Availability_V1_SwitchRebuildRequest.self) {
                request, call, sink throws(CallStatus) in
                let id = try id(request.id)
                let command = RebuildCommand.switchTo(
                    id: id, try decision(request.reason, call.context), acceptsDifferences: request.acceptDifferences)
                try submit(command, sink) { rebuild, sequence in
                    Availability_V1_SwitchRebuildResponse.with {
                        $0.rebuild = shown(rebuild)
                        $0.sequence = sequence
                    }
                }
            },
            .unary(service, "AbandonRebuild", Availability_V1_AbandonRebuildRequest.self) {
                request, call, sink throws(CallStatus) in
                let id = try id(request.id)
                try submit(.abandon(id: id, try decision(request.reason, call.context)), sink) { rebuild, _ in
                    Availability_V1_AbandonRebuildResponse.with { $0.rebuild = shown(rebuild) }
                }
            },
        ]
    }

    private func submit(
        _ command: RebuildCommand, _ sink: any ResponseSink,
        _ response: @escaping @Sendable (Rebuild, _ sequence: UInt64) -> some Message
    ) throws(CallStatus) {
        let refusal = environment.engine.submit(.rebuild(tenant: environment.tenant, command)) { reply in
            switch reply {
            case .rebuild(let rebuild, let sequence): sink.succeed(with: response(rebuild, sequence))
            case .failed(let error): sink.finish(error.callStatus)
            default: sink.finish(EngineError.invariantBroken("wrong reply").callStatus)
            }
        }
        if let refusal { throw refusal.callStatus }
    }

    private func rebuild(_ id: String, _ reads: LoopReads) throws(CallStatus) -> Rebuild {
        let newest = reads.stock.state.rebuild
        if let newest, id.isEmpty || id == newest.id { return newest }
        guard !id.isEmpty else { throw EngineError.rebuildNotFound("").callStatus }
        let id = try self.id(id)
        try reads.requireSnapshot()
        do throws(LedgerError) {
            let found: Rebuild? = try reads.stock.reader.document(tenant: environment.tenant, kind: .rebuild, id: id)
            if let found { return found }
        } catch { throw error.callStatus }
        throw EngineError.rebuildNotFound(id).callStatus
    }

    private func shown(_ rebuild: Rebuild) -> Availability_V1_Rebuild {
        Availability_V1_Rebuild(rebuild, environment.board.state.directory)
    }

    // MARK: Fields

    /// What can be read, or what of it was asked for.
    private func steps(named names: [String]) throws(CallStatus) -> [RebuildStep] {
        let all =
            environment.feeds.conditions.filter(\.canReplay).map { RebuildStep(id: $0.id, kind: .feed) }
            + environment.readableErps().map { RebuildStep(id: $0, kind: .erp) }
        guard !names.isEmpty else {
            guard !all.isEmpty else {
                throw .invalidField(
                    "steps", "no feed has a past to read, and no ERP is read: there is nothing to fill it")
            }
            return all
        }
        guard names.count <= Self.stepsMax else { throw .invalidField("steps", "at most \(Self.stepsMax)") }
        for (index, name) in names.enumerated() {
            guard all.contains(where: { $0.id == name }) else {
                throw .invalidField(
                    "steps[\(index)]",
                    "must be a feed with a past to read or an ERP with read_every: "
                        + all.map(\.id).joined(separator: ", "))
            }
            guard names[..<index].allSatisfy({ $0 != name }) else {
                throw .invalidField("steps[\(index)]", "\(name) is named twice")
            }
        }
        return all.filter { names.contains($0.id) }
    }

    private func fromTime(of request: Availability_V1_StartRebuildRequest) throws(CallStatus) -> WallNanoseconds {
        guard request.hasFromTime else { return 0 }
        guard let time = request.fromTime.wallNanoseconds else {
            throw .invalidField("from_time", "must be a time of the years 1970 to 2262")
        }
        return time
    }

    private func id(_ id: String) throws(CallStatus) -> String {
        if let problem = TextRules.problem(id, bytesMax: Limits.idBytesMax) { throw .invalidField("id", problem) }
        return id
    }

    private func decision(_ reason: String, _ context: CallContext) throws(CallStatus) -> RebuildDecision {
        if let problem = TextRules.problem(reason, bytesMax: Self.reasonBytesMax) {
            throw .invalidField("reason", problem)
        }
        return RebuildDecision(reason: reason, actor: context.actor, requestID: context.requestID)
    }
}

extension Availability_V1_Rebuild {
    init(_ rebuild: Rebuild, _ directory: LocationDirectory) {
        self.init()
        id = rebuild.id
        state =
            switch rebuild.state {
            case .filling: .filling
            case .ready: .ready
            case .switched: .switched
            case .abandoned: .abandoned
            case .failed: .failed
            }
        createTime = .init(wallNanoseconds: rebuild.createTimeNanoseconds)
        if rebuild.endTimeNanoseconds > 0 { endTime = .init(wallNanoseconds: rebuild.endTimeNanoseconds) }
        reason = rebuild.reason
        steps = rebuild.steps.map { step in
            .with {
                $0.id = step.id
                $0.taken = step.taken
                $0.refused = step.refused
                $0.done = step.isDone
                $0.error = step.error
            }
        }
        positions = rebuild.positions
        differingPositions = rebuild.differingPositions
        switchesWhenReady = rebuild.switchesWhenReady
        error = rebuild.error
        published = rebuild.published
        let refused = rebuild.allRefusals
        self.refused = refused.events
        refusals = refused.reasons.map { reason in
            .with { ($0.reason, $0.events, $0.example) = (reason.name, reason.events, reason.example) }
        }
        guard let differences = rebuild.differences else { return }
        risingPositions = differences.rising
        missingPositions = differences.missing
        addedPositions = differences.added
        compareTime = .init(wallNanoseconds: differences.timeNanoseconds)
        examples = differences.examples.map { example in
            .with {
                $0.sku = example.sku
                $0.location = directory.location(example.location)?.id ?? ""
                if let units = example.running { $0.runningSellable = units }
                if let units = example.beside { $0.sellable = units }
            }
        }
    }
}
