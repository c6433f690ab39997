internal import Calls
internal import Engine
internal import Inventory
internal import Ledger
internal import Proto
internal import SwiftProtobuf

/// availability.v1.AvailabilityService/GetAvailabilitySchedule: what may be promised by date. Each date is the answer of
/// CheckAvailability, by the same evaluation, over what `SupplySchedule` makes of each position.
struct AvailabilitySchedule {
    let environment: ServiceEnvironment

    /// Where the request says nothing: 90 days.
    private static let untilDefaultNanoseconds: Int64 = 90 * 86_400 * .perSecond
    /// Evaluations of one position for one date, in one call: beyond it neighbouring dates fall together, so that one call
    /// does not stop its loop for the others.
    private static let evaluationsPerCallMax = 500_000

    func answer(
        _ request: Availability_V1_GetAvailabilityScheduleRequest, reads: LoopReads
    ) throws(CallStatus) -> Availability_V1_GetAvailabilityScheduleResponse {
        try reads.requireSnapshot()
        let now = environment.now()
        let until = try Self.until(request, nowNanoseconds: now)
        let channelID = Array(request.channel.utf8)
        let customer = Array(request.customer.utf8)
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
        var call = ScheduleCall(
            question: question, stock: reads.stock, nowNanoseconds: now, untilNanoseconds: until,
            ledgerNanoseconds: environment.clock.nowNanoseconds,
            evaluationsPerLineMax: Self.evaluationsPerCallMax / request.lines.count)
        var response = Availability_V1_GetAvailabilityScheduleResponse()
        response.lines.reserveCapacity(request.lines.count)
        for (index, line) in request.lines.enumerated() { response.lines.append(try call.schedule(line, index)) }
        response.policyVersion = question.policyVersion
        response.sequence = reads.stock.sequence
        response.epoch = environment.epoch
        return response
    }

    private static func until(
        _ request: Availability_V1_GetAvailabilityScheduleRequest, nowNanoseconds now: WallNanoseconds
    ) throws(CallStatus) -> WallNanoseconds {
        guard request.hasUntil else { return now + untilDefaultNanoseconds }
        guard let until = request.until.wallNanoseconds, until > now else {
            throw .invalidField("until", "must be a time to come")
        }
        guard until - now <= Limits.scheduleNanosecondsMax else {
            throw .invalidField("until", "at most 366 days ahead, is \((until - now) / (86_400 * .perSecond)) days")
        }
        return until
    }
}

/// One call at work.
private struct ScheduleCall {
    let question: CheckQuestion
    let stock: StockView
    let nowNanoseconds: WallNanoseconds
    let untilNanoseconds: WallNanoseconds
    let ledgerNanoseconds: WallNanoseconds
    let evaluationsPerLineMax: Int
    private var suppliesRead = 0

    init(
        question: CheckQuestion, stock: StockView, nowNanoseconds: WallNanoseconds, untilNanoseconds: WallNanoseconds,
        ledgerNanoseconds: WallNanoseconds, evaluationsPerLineMax: Int
    ) {
        self.question = question
        self.stock = stock
        self.nowNanoseconds = nowNanoseconds
        self.untilNanoseconds = untilNanoseconds
        self.ledgerNanoseconds = ledgerNanoseconds
        self.evaluationsPerLineMax = evaluationsPerLineMax
    }

    /// A position that the channel may sell from, and what falls due there.
    private struct Place {
        let location: LocationNumber
        let figures: StockFigures
        let openHolds: Int64
        var supplies: [DatedSupply]
        /// Units before the policy, by date.
        var promised: [Int64] = []
    }

    mutating func schedule(
        _ line: Availability_V1_CheckAvailabilityLine, _ index: Int
    ) throws(CallStatus) -> Availability_V1_AvailabilitySchedule {
        let sku = Array(line.sku.utf8)
        let location = Array(line.location.utf8)
        var scopes = LastScope()
        let asked = try unsafe sku.withBytes { sku throws(CallStatus) in
            try unsafe location.withBytes { location throws(CallStatus) in
                try unsafe question.line(
                    sku: sku, location: location, quantity: line.hasQuantity ? line.quantity : nil, index,
                    scopes: &scopes)
            }
        }
        var schedule = Availability_V1_AvailabilitySchedule()
        schedule.sku = line.sku
        schedule.location = line.location
        let (places, today) = try places(line.sku, asked, index)
        schedule.freshness = today.isStale ? .stale : .fresh
        schedule.ageMs = today.ageMilliseconds
        let entries = entries(places, line.sku, asked)
        schedule.entries = entries.map(\.entry)
        if let first = entries.first(where: \.isServed) { schedule.earliestTime = first.entry.effectiveTime }
        return schedule
    }

    /// The positions that count for the line, and what the figures as they stand come to.
    private mutating func places(
        _ sku: String, _ asked: AskedLine, _ index: Int
    ) throws(CallStatus) -> ([Place], LineAnswer) {
        let channel = stock.channelNumber(question.entry.channel.id)
        let positions: [(location: LocationNumber, position: Position)]
        do throws(LedgerError) {
            positions = try stock.livePositions(of: sku, ledgerNanoseconds: ledgerNanoseconds)
        } catch { throw error.callStatus }
        var evaluation = evaluation(sku, asked, CountedLocations())
        for (location, position) in positions {
            evaluation.add(
                location: location, figures: StockFigures(position), openHolds: position.openHolds(of: channel))
        }
        let answer = evaluation.finish(quantity: asked.quantity, knownSku: !positions.isEmpty)
        if let refused = answer.refused { throw question.staleData(refused, lineIndex: index) }
        let counted = evaluation.recorder.locations
        var supplies = try supplies(of: sku, at: counted)
        var places: [Place] = []
        for (location, position) in positions where counted.contains(location) {
            // What is promised beyond stock without a date is due now.
            let undated = DatedSupply(
                timeNanoseconds: nowNanoseconds, incoming: 0, backordered: max(0, position.buckets[.backordered]))
            supplies[location, default: []].append(undated)
            places.append(
                Place(
                    location: location, figures: StockFigures(position), openHolds: position.openHolds(of: channel),
                    supplies: supplies[location] ?? []))
        }
        return (places, answer)
    }

    /// What is dated of a sku, by location.
    private mutating func supplies(
        of sku: String, at counted: Set<LocationNumber>
    ) throws(CallStatus) -> [LocationNumber: [DatedSupply]] {
        var dated: [LocationNumber: [DatedSupply]] = [:]
        var read = suppliesRead
        do throws(LedgerError) {
            try stock.forEachSupply(of: sku) { location, _, line throws(LedgerError) in
                read += 1
                if counted.contains(location), let supply = line.dated { dated[location, default: []].append(supply) }
                return read <= Limits.suppliesPerScheduleMax
            }
        } catch { throw error.callStatus }
        suppliesRead = read
        guard read <= Limits.suppliesPerScheduleMax else {
            throw .invalidField(
                "lines", "their skus have more than \(Limits.suppliesPerScheduleMax) supplies; ask for fewer at once")
        }
        return dated
    }

    private func entries(
        _ places: [Place], _ sku: String, _ asked: AskedLine
    ) -> [(entry: Availability_V1_AvailabilityScheduleEntry, isServed: Bool)] {
        let all = places.flatMap(\.supplies)
        let limit = max(2, min(Limits.scheduleDatesMax, evaluationsPerLineMax / max(1, places.count)))
        let dates = SupplySchedule.dates(
            all, nowNanoseconds: nowNanoseconds, untilNanoseconds: untilNanoseconds, limit: limit)
        let due = SupplySchedule.due(all, dates: dates)
        var places = places
        for index in places.indices {
            places[index].promised = SupplySchedule.promised(
                start: places[index].figures.unreserved, places[index].supplies, dates: dates)
        }
        return dates.indices.map { date in
            var evaluation = evaluation(sku, asked, SilentRecorder())
            for place in places {
                var figures = place.figures
                figures.unreserved = place.promised[date]
                evaluation.add(location: place.location, figures: figures, openHolds: place.openHolds)
            }
            let answer = evaluation.finish(quantity: asked.quantity, knownSku: true)
            var entry = Availability_V1_AvailabilityScheduleEntry()
            entry.effectiveTime = .init(wallNanoseconds: dates[date])
            entry.available = answer.available
            entry.incomingDue = due[date].incoming
            entry.backorderedDue = due[date].backordered
            return (entry, answer.status == .inStock)
        }
    }

    private func evaluation<Recorder: EvaluationRecorder>(
        _ sku: String, _ asked: AskedLine, _ recorder: Recorder
    ) -> LineEvaluation<Recorder> {
        var sku = sku
        return sku.withUTF8 { bytes in
            unsafe LineEvaluation(
                question.tables, sku: UnsafeRawBufferPointer(bytes), scope: asked.scope,
                nowNanoseconds: nowNanoseconds, maxStalenessNanoseconds: question.maxStalenessNanoseconds,
                recorder: recorder)
        }
    }
}

/// Keeps which locations an answer is made of.
private struct CountedLocations: EvaluationRecorder {
    static var isRecording: Bool { false }

    private(set) var locations: Set<LocationNumber> = []

    mutating func record(_ term: ExplanationTerm) {}
    func mentions(_ location: LocationNumber) -> Bool { false }
    mutating func arrangeLocations(by rank: (LocationNumber) -> Int) {}

    mutating func contributed(_ location: LocationNumber, figure: Int64, sellable: Int64, isWithheld: Bool) {
        locations.insert(location)
    }
}
