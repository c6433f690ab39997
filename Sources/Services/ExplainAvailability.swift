internal import Calls
internal import Engine
internal import Inventory
internal import Proto
internal import SwiftProtobuf

/// availability.v1.AvailabilityService/ExplainAvailability: the answer of CheckAvailability with every term that led to
/// it, made by the same evaluation.
struct ExplainAvailability {
    let environment: ServiceEnvironment

    func answer(
        _ request: Availability_V1_ExplainAvailabilityRequest, reads: LoopReads
    ) throws(CallStatus) -> Availability_V1_ExplainAvailabilityResponse {
        try reads.requireSnapshot()
        let channelID = Array(request.channel.utf8)
        let customer = Array(request.customer.utf8)
        // Explaining is for people: the texts are copied so that the checks of the hot path can read them as bytes.
        let question = try unsafe channelID.withBytes { channel throws(CallStatus) in
            try unsafe customer.withBytes { customer throws(CallStatus) in
                try unsafe CheckQuestion(
                    channelID: channel, customer: customer,
                    staleness: .init(request.hasMaxStaleness ? request.maxStaleness : nil),
                    lineCount: request.lines.count, lineCountMax: Limits.linesPerExplanationMax,
                    state: reads.stock.lentState)
            }
        }
        try question.admit(monotonicNanoseconds: environment.monotonicNow())
        defer { question.leave() }
        let now = environment.now()
        var response = Availability_V1_ExplainAvailabilityResponse()
        response.lines.reserveCapacity(request.lines.count)
        for (index, line) in request.lines.enumerated() {
            response.lines.append(try explain(line, index, question, reads, nowNanoseconds: now))
        }
        response.policyVersion = question.policyVersion
        response.sequence = reads.stock.sequence
        response.epoch = environment.epoch
        response.channel = question.entry.channel.id
        response.evaluatedAt = .init(wallNanoseconds: now)
        return response
    }

    private func explain(
        _ line: Availability_V1_CheckAvailabilityLine, _ index: Int, _ question: CheckQuestion, _ reads: LoopReads,
        nowNanoseconds: WallNanoseconds
    ) throws(CallStatus) -> Availability_V1_ExplainedLine {
        let sku = Array(line.sku.utf8)
        let location = Array(line.location.utf8)
        let state = reads.stock.state
        var scopes = LastScope()
        return try unsafe sku.withBytes { sku throws(CallStatus) in
            let asked = try unsafe location.withBytes { location throws(CallStatus) in
                try unsafe question.line(
                    sku: sku, location: location, quantity: line.hasQuantity ? line.quantity : nil, index,
                    scopes: &scopes)
            }
            var evaluation = unsafe LineEvaluation(
                question.tables, sku: sku, scope: asked.scope, nowNanoseconds: nowNanoseconds,
                maxStalenessNanoseconds: question.maxStalenessNanoseconds, recorder: ExplainingRecorder())
            let source = unsafe LedgerStock(
                stock: reads.stock, clock: environment.clock, countsOwnHolds: question.tables.countsOwnHolds,
                lentEntry: question.lentEntry)
            guard let answer = try unsafe source.evaluate(&evaluation, sku: sku, index: index, asked) else {
                preconditionFailure("the ledger always can tell")
            }
            if let refused = answer.refused { throw question.staleData(refused, lineIndex: index) }
            var explained = Availability_V1_ExplainedLine()
            explained.sku = line.sku
            explained.location = line.location
            explained.available = answer.available
            explained.status = Availability_V1_AvailabilityStatus(rawValue: answer.status.rawValue) ?? .unspecified
            explained.freshness = answer.isStale ? .stale : .fresh
            explained.ageMs = answer.ageMilliseconds
            explained.terms = evaluation.recorder.terms.map { Availability_V1_ExplanationTerm($0, state: state) }
            return explained
        }
    }
}

extension CheckAvailabilityCodec.Staleness {
    /// As the hot path's decoder sees it.
    init(_ duration: Google_Protobuf_Duration?) {
        guard let duration else {
            self = .absent
            return
        }
        let isValid = duration.seconds >= 0 && (0..<1_000_000_000).contains(duration.nanos)
        self = isValid ? .nanoseconds(duration.nanosecondCount ?? .max) : .invalid
    }
}

extension Availability_V1_ExplanationTerm {
    init(_ term: ExplanationTerm, state: PublishedState) {
        self.init()
        location = state.directory.location(term.location)?.id ?? ""
        kind = Availability_V1_ExplanationTermKind(rawValue: term.kind.rawValue) ?? .unspecified
        amount = term.amount
        result = term.result
        note = term.note
        if term.source != 0 { source = state.sourceName(term.source) }
        if let age = term.ageMilliseconds { ageMs = age }
        if let changed = term.sequence { sequence = changed }
    }
}

extension ExplanationTerm {
    /// A short sentence for people.
    var note: String {
        let setting = self.setting ?? 0
        return switch kind {
        case .onHand: "gross stock"
        case .quarantined: "in quarantine"
        case .damaged: "damaged"
        case .allocated: "allocated to others"
        case .reserved: "held by us"
        case .releasing: "closed holds the ERP still counts"
        case .safetyStock:
            setting > 0 ? "safety stock, at least \(setting) by the policy" : "safety stock of the position"
        case .sellable: "sellable here"
        case .inTransit: "in transit counts for this channel"
        case .buffer: "buffer of the channel"
        case .share: "the channel's share is \(setting)%"
        case .staleCut: "cut by \(setting)% because the figure is stale"
        case .withheld: "withheld because the figure is stale"
        case .clamp: "never below 0"
        case .locationAvailable: "what this location contributes"
        case .sum: "sum over the locations"
        case .floor: "below the floor of \(setting)"
        case .cap: "at most the cap of \(setting)"
        case .available: "what the channel may sell"
        case .notEligible: "the channel may not sell from here"
        case .locationInactive: "the location is not active"
        case .noPosition: "no position here"
        case .degradationBuffer: "extra buffer while a feed or the ERP queue lags"
        case .allowedOversell: "the policy allows to sell \(setting) beyond sellable"
        }
    }
}

extension [UInt8] {
    /// Lends the bytes with typed errors.
    func withBytes<Result>(
        _ body: (UnsafeRawBufferPointer) throws(CallStatus) -> Result
    ) throws(CallStatus) -> Result {
        var outcome: Swift.Result<Result, CallStatus>?
        unsafe withUnsafeBytes { bytes in
            do throws(CallStatus) {
                outcome = .success(try unsafe body(bytes))
            } catch {
                outcome = .failure(error)
            }
        }
        guard let outcome else { preconditionFailure("the body was called") }
        return try outcome.get()
    }
}
