internal import Calls
internal import Engine
internal import HotTable
internal import Inventory

/// availability.v1.AvailabilityService/CheckAvailability: the hot path. Decodes from the connection's buffer, answers
/// from the hot table or else from the loop's snapshot, and writes into the loop's reply buffer; its usual course
/// allocates nothing.
@safe
struct CheckAvailability {
    let environment: ServiceEnvironment
    /// Uncounted; the environment has it.
    private let lentClock: Unmanaged<LedgerClock>

    init(environment: ServiceEnvironment) {
        self.environment = environment
        unsafe lentClock = Unmanaged.passUnretained(environment.clock)
    }

    func answer(
        _ message: UnsafeRawBufferPointer, reads: LoopReads, reply: inout ReplyBuffer
    ) throws(CallStatus) {
        let request: CheckAvailabilityCodec.Request
        do throws(MalformedMessage) {
            // The message outlives the request: both live in this call.
            request = try unsafe CheckAvailabilityCodec.Request(message, lines: reads.lines)
        } catch {
            throw .malformed("availability.v1.CheckAvailabilityRequest")
        }
        let question = try unsafe CheckQuestion(
            channelID: request.channel, customer: request.customer, staleness: request.maxStaleness,
            lineCount: request.lineCount, lineCountMax: Limits.linesPerCheckMax, state: reads.stock.lentState)
        try question.admit(monotonicNanoseconds: environment.monotonicNow())
        defer { question.leave() }

        let now = environment.now()
        let sequence: UInt64
        if let shown = try answerFromHotTable(question, reads, nowNanoseconds: now, reply: &reply) {
            sequence = shown
        } else {
            try reads.requireSnapshot()
            let source = unsafe LedgerStock(
                stock: reads.stock, clock: environment.clock, countsOwnHolds: question.tables.countsOwnHolds,
                lentEntry: question.lentEntry)
            _ = try fill(&reply, question, reads, from: source, nowNanoseconds: now)
            reads.stock.counts.countLedger()
            sequence = reads.stock.sequence
        }
        CheckAvailabilityCodec.Response.finish(
            &reply, policyVersion: question.policyVersion, sequence: sequence, epoch: environment.epoch)
    }

    /// Nil when the ledger must be asked. What was read while the table changed is not used, a refusal neither.
    @inline(__always)
    private func answerFromHotTable(
        _ question: CheckQuestion, _ reads: LoopReads, nowNanoseconds: WallNanoseconds, reply: inout ReplyBuffer
    ) throws(CallStatus) -> UInt64? {
        guard let table = unsafe reads.stock.lentHotTable else { return nil }
        guard let version = unsafe table._withUnsafeGuaranteedRef({ $0.beginRead() }) else { return nil }
        let sequence = unsafe table._withUnsafeGuaranteedRef { $0.sequence }
        let source = unsafe HotStock(
            table: table, lines: reads.lines, lineCount: question.lineCount,
            countsOwnHolds: question.tables.countsOwnHolds, nextExpiryNanoseconds: reads.stock.nextExpiryNanoseconds,
            clock: lentClock)
        let isWhole: Bool
        do throws(CallStatus) {
            isWhole = try fill(&reply, question, reads, from: source, nowNanoseconds: nowNanoseconds)
        } catch {
            if unsafe isUnchanged(table, since: version) { throw error }
            return nil
        }
        guard isWhole, unsafe isUnchanged(table, since: version) else { return nil }
        reads.stock.showed(sequence)
        reads.stock.counts.countHotTable()
        return sequence
    }

    @inline(__always)
    private func isUnchanged(_ table: Unmanaged<HotTable>, since version: UInt64) -> Bool {
        unsafe table._withUnsafeGuaranteedRef { $0.isUnchanged(since: version) }
    }

    /// Writes the lines of the answer. False when the source cannot tell of one of them.
    @inline(__always)
    private func fill<Source: StockSource>(
        _ reply: inout ReplyBuffer, _ question: CheckQuestion, _ reads: LoopReads, from source: Source,
        nowNanoseconds: WallNanoseconds
    ) throws(CallStatus) -> Bool {
        CheckAvailabilityCodec.Response.begin(&reply, lineCount: question.lineCount)
        var scopes = LastScope()
        for index in 0..<question.lineCount {
            let line = reads.lines[index]
            let asked = try unsafe question.line(
                sku: line.sku, location: line.location, quantity: line.quantity, index, scopes: &scopes)
            var evaluation = unsafe LineEvaluation(
                question.tables, sku: line.sku, scope: asked.scope, nowNanoseconds: nowNanoseconds,
                maxStalenessNanoseconds: question.maxStalenessNanoseconds, recorder: SilentRecorder())
            guard let answer = try unsafe source.evaluate(&evaluation, sku: line.sku, index: index, asked) else {
                return false
            }
            if let refused = answer.refused { throw question.staleData(refused, lineIndex: index) }
            unsafe CheckAvailabilityCodec.Response.addLine(
                to: &reply, sku: line.sku, location: line.location, available: answer.available,
                status: answer.status.rawValue, freshness: answer.isStale ? 2 : 1,
                ageMilliseconds: answer.ageMilliseconds)
        }
        return true
    }
}
