internal import Calls
internal import Engine
internal import Inventory
internal import Ledger

/// availability.v1.AvailabilityService/CheckAvailability: the hot path. Decodes from the connection's buffer, answers
/// from the loop's snapshot and writes into the loop's reply buffer; its usual course allocates nothing.
struct CheckAvailability {
    let environment: ServiceEnvironment

    func answer(
        _ message: UnsafeRawBufferPointer, reads: LoopReads, reply: inout ReplyBuffer
    ) throws(CallStatus) {
        try reads.requireSnapshot()
        let request: CheckAvailabilityCodec.Request
        do throws(MalformedMessage) {
            // The message outlives the request: both live in this call.
            request = try unsafe CheckAvailabilityCodec.Request(message)
        } catch {
            throw .malformed("availability.v1.CheckAvailabilityRequest")
        }
        let question = try unsafe CheckQuestion(
            channelID: request.channel, customer: request.customer, staleness: request.maxStaleness,
            lineCount: request.lineCount, lineCountMax: Limits.linesPerCheckMax, state: reads.stock.state)
        try question.admit(monotonicNanoseconds: environment.monotonicNow())
        defer { question.entry.throttle.leave() }

        CheckAvailabilityCodec.Response.begin(&reply, lineCount: request.lineCount)
        let now = environment.now()
        var index = 0
        for line in request {
            let asked = try unsafe question.line(sku: line.sku, location: line.location, quantity: line.quantity, index)
            var evaluation = unsafe LineEvaluation(
                question.entry.compiled, reads.stock.state.watermarks, sku: line.sku, scope: asked.scope,
                nowNanoseconds: now, maxStalenessNanoseconds: question.maxStalenessNanoseconds,
                recorder: SilentRecorder())
            let answer = try unsafe reads.stock.evaluate(&evaluation, sku: line.sku, asked)
            if let refused = answer.refused { throw question.staleData(refused, lineIndex: index) }
            unsafe CheckAvailabilityCodec.Response.addLine(
                to: &reply, sku: line.sku, location: line.location, available: answer.available,
                status: answer.status.rawValue, freshness: answer.isStale ? 2 : 1,
                ageMilliseconds: answer.ageMilliseconds)
            index += 1
        }
        CheckAvailabilityCodec.Response.finish(
            &reply, policyVersion: question.entry.channel.policyVersion, sequence: reads.stock.sequence,
            epoch: environment.epoch)
    }
}

extension StockView {
    /// Feeds every position that the line is about to the evaluation and finishes it.
    @inline(__always)
    func evaluate<Recorder: EvaluationRecorder>(
        _ evaluation: inout LineEvaluation<Recorder>, sku: UnsafeRawBufferPointer, _ asked: AskedLine
    ) throws(CallStatus) -> LineAnswer {
        do throws(LedgerError) {
            guard case .one(let location) = asked.scope else {
                let count = try unsafe positions(of: sku) { evaluation.add(location: $0, position: $1) }
                return evaluation.finish(quantity: asked.quantity, knownSku: count > 0)
            }
            var position = Position()
            var isKnown = true
            if unsafe try self.position(of: sku, at: location, into: &position) {
                evaluation.add(location: location, position: position)
            } else {
                unsafe isKnown = try self.isKnown(sku)
            }
            return evaluation.finish(quantity: asked.quantity, knownSku: isKnown)
        } catch {
            throw error.callStatus
        }
    }
}
