internal import Calls
internal import Engine
internal import Feeds
internal import Inventory
internal import Ledger
internal import Proto
internal import SwiftProtobuf

/// availability.v1.OperationsService: looks inside.
struct OperationsService {
    static let name = "availability.v1.OperationsService"

    let environment: ServiceEnvironment

    var methods: [ServiceMethod] {
        [
            .unary(Self.name, "GetPosition", Availability_V1_GetPositionRequest.self) {
                request, call, sink throws(CallStatus) in
                sink.succeed(with: try position(request, call.reads))
            },
            .unary(Self.name, "ListSources", Availability_V1_ListSourcesRequest.self) {
                request, call, sink throws(CallStatus) in
                let now = environment.now()
                let feeds = environment.feeds.conditions
                let page = try Page(size: request.pageSize, token: request.pageToken)
                let all = call.reads.stock.state.sources.filter { source in
                    request.status == .unspecified
                        || request.status
                            == .init(source, feeds: feeds, nowNanoseconds: now, settings: environment.settings)
                }
                let (sources, next) = page.take(from: all, id: \.id)
                var response = Availability_V1_ListSourcesResponse()
                response.sources = sources.map {
                    Availability_V1_Source($0, feeds: feeds, nowNanoseconds: now, settings: environment.settings)
                }
                response.nextPageToken = next
                sink.succeed(with: response)
            },
            .unary(Self.name, "GetServerStatus", Availability_V1_GetServerStatusRequest.self) {
                _, call, sink throws(CallStatus) in
                sink.succeed(with: try ServerStatus(environment: environment).response(reads: call.reads))
            },
            .unary(Self.name, "ListErpWrites", Availability_V1_ListErpWritesRequest.self) {
                request, call, sink throws(CallStatus) in
                let writes = ErpWrites(environment: environment)
                sink.succeed(with: try writes.list(request, directory: call.reads.stock.state.directory))
            },
            .unary(Self.name, "RetryErpWrite", Availability_V1_RetryErpWriteRequest.self) {
                request, call, sink throws(CallStatus) in
                try ErpWrites(environment: environment).retry(request, call, sink)
            },
            .unary(Self.name, "ListDeadLetters", Availability_V1_ListDeadLettersRequest.self) {
                request, call, sink throws(CallStatus) in
                sink.succeed(with: try DeadLetters(environment: environment).list(request, call.reads))
            },
            .unary(Self.name, "ReplayDeadLetters", Availability_V1_ReplayDeadLettersRequest.self) {
                request, call, sink throws(CallStatus) in
                try DeadLetters(environment: environment).replay(request, call, sink)
            },
            .unary(Self.name, "DiscardDeadLetters", Availability_V1_DiscardDeadLettersRequest.self) {
                request, call, sink throws(CallStatus) in
                try DeadLetters(environment: environment).discard(request, call, sink)
            },
            .unary(Self.name, "ListStalePositions", Availability_V1_ListStalePositionsRequest.self) {
                request, call, sink throws(CallStatus) in
                let list = try StalePositions(
                    request, state: call.reads.stock.state, nowNanoseconds: environment.now())
                sink.succeed(
                    with: try list.page(call.reads, ledgerNanoseconds: environment.clock.nowNanoseconds))
            },
            .unary(Self.name, "ListAuditEntries", Availability_V1_ListAuditEntriesRequest.self) {
                request, call, sink throws(CallStatus) in
                sink.succeed(with: try AuditList(request).page(call.reads))
            },
            .unimplemented(Self.name, "ListPositionHistory"),
            tail,
        ] + Reconciliations(environment: environment).methods + FeedCalls(environment: environment).methods
            + PublicationCalls(environment: environment).methods + RebuildCalls(environment: environment).methods
    }

    private func position(
        _ request: Availability_V1_GetPositionRequest, _ reads: LoopReads
    ) throws(CallStatus) -> Availability_V1_GetPositionResponse {
        try reads.requireSnapshot()
        if let problem = TextRules.problem(request.sku, bytesMax: Limits.skuBytesMax) {
            throw .invalidField("sku", problem)
        }
        if let problem = TextRules.problem(request.location, bytesMax: Limits.nameBytesMax) {
            throw .invalidField("location", problem)
        }
        if let problem = TextRules.problemUnlessEmpty(request.lot, bytesMax: Limits.idBytesMax) {
            throw .invalidField("lot", problem)
        }
        let state = reads.stock.state
        guard let location = state.locations.first(where: { $0.id == request.location }) else {
            throw .invalidField("location", "there is no location \(request.location)")
        }
        let found: [(location: LocationNumber, position: Position)]
        var supplies: [(id: String, line: SupplyLine)] = []
        do throws(LedgerError) {
            found = try reads.stock.livePositions(
                of: request.sku, ledgerNanoseconds: environment.clock.nowNanoseconds)
            try reads.stock.forEachSupply(of: request.sku, at: location.number) { _, id, line throws(LedgerError) in
                if line.dated != nil { supplies.append((id, line)) }
                return true
            }
        } catch {
            throw error.callStatus
        }
        guard let position = found.first(where: { $0.location == location.number })?.position else {
            throw .failure(
                .notFound, .positionNotFound, "\(request.sku) has no position at \(request.location)",
                metadata: ["sku": request.sku, "location": request.location])
        }
        var response = Availability_V1_GetPositionResponse()
        response.sku = request.sku
        response.location = request.location
        if !request.lot.isEmpty {
            try fill(&response, request, location.number, reads)
            return response
        }
        response.lots = try lots(of: request.sku, at: location.number, position, reads)
        fill(&response, position, location.number, reads)
        response.position.incoming += supplies.reduce(0) { $0 + $1.line.open }
        response.supplies = supplies.map { Availability_V1_Supply(id: $0.id, $0.line) }
            .sorted { ($0.expectedAt.seconds, $0.expectedAt.nanos) < ($1.expectedAt.seconds, $1.expectedAt.nanos) }
        return response
    }

    /// The figures of a position, or of a part of one.
    func fill(
        _ response: inout Availability_V1_GetPositionResponse, _ position: Position, _ location: LocationNumber,
        _ reads: LoopReads
    ) {
        let state = reads.stock.state
        response.position = Availability_V1_Position(position.buckets)
        response.sellable = position.sellable
        response.shortfall = position.shortfall
        response.sequence = position.sequence
        response.readSequence = reads.stock.sequence
        response.epoch = environment.epoch
        let vouched = state.vouched(for: StockFigures(position), at: location)
        if position.authoritativeTimeNanoseconds > 0 {
            response.authoritativeTime = .init(wallNanoseconds: position.authoritativeTimeNanoseconds)
            response.authoritativeSource = state.sourceName(position.authoritativeSource)
        }
        if vouched.untilNanoseconds > 0 {
            response.age = .init(nanosecondCount: vouched.ageNanoseconds(nowNanoseconds: environment.now()))
        }
    }
}

extension Availability_V1_Supply {
    /// What is still to come of it.
    init(id: String, _ line: SupplyLine) {
        self.init()
        self.id = id
        quantity = line.open
        guard let figure = line.figure else { return }
        expectedAt = .init(wallNanoseconds: figure.expectedAtNanoseconds)
        backordered = figure.backordered
    }
}

extension Availability_V1_Source {
    init(
        _ source: SourceState, feeds: [FeedCondition], nowNanoseconds: WallNanoseconds, settings: EngineSettings
    ) {
        self.init()
        let progress = source.progress
        id = source.id
        status = .init(source, feeds: feeds, nowNanoseconds: nowNanoseconds, settings: settings)
        self.feeds = feeds.filter { $0.sources.contains(source.id) }.sorted { $0.id < $1.id }.map {
            Availability_V1_Feed($0)
        }
        if progress.watermarkNanoseconds > 0 {
            watermark = .init(wallNanoseconds: progress.watermarkNanoseconds)
            lag = .init(nanosecondCount: max(0, nowNanoseconds - progress.watermarkNanoseconds))
        }
        if progress.newestOccurredAtNanoseconds > 0 {
            newestOccurredAt = .init(wallNanoseconds: progress.newestOccurredAtNanoseconds)
        }
        nextExpectedSequence = progress.nextSequence ?? 0
        if let since = progress.gapSinceNanoseconds { gapSince = .init(wallNanoseconds: since) }
        counters.applied = progress.applied
        counters.duplicate = progress.duplicates
        counters.superseded = progress.superseded
        counters.buffered = progress.buffered
        counters.deadLettered = progress.deadLettered
        counters.lateFillers = progress.lateFillers
        lastError = progress.lastError
        if progress.lastEventNanoseconds > 0 { lastEventTime = .init(wallNanoseconds: progress.lastEventNanoseconds) }
    }
}

extension Availability_V1_SourceStatus {
    /// A watermark older than a quarter of an hour is STALE here; what it costs an answer is each policy's own decision.
    private static let staleAfterNanoseconds: Int64 = 900 * 1_000_000_000

    init(
        _ source: SourceState, feeds: [FeedCondition], nowNanoseconds: WallNanoseconds, settings: EngineSettings
    ) {
        let own = feeds.filter { $0.sources.contains(source.id) }
        if !own.isEmpty, own.allSatisfy({ $0.state == .paused }) {
            self = .paused
            return
        }
        let status = source.progress.status(
            nowNanoseconds: nowNanoseconds, gapWaitNanoseconds: settings.gapWaitNanoseconds,
            staleAfterNanoseconds: Self.staleAfterNanoseconds)
        self = Self(rawValue: status.rawValue) ?? .unspecified
    }
}
