internal import Calls
internal import Engine
internal import Inventory
internal import Ledger
internal import Proto
internal import SwiftProtobuf

/// Reads reservation requests; what is wrong with a request is told all at once.
struct ReservationReader {
    private let state: PublishedState
    private var violations: [FieldViolation] = []

    init(state: PublishedState) {
        self.state = state
    }

    /// Throws everything that was wrong.
    func finish() throws(CallStatus) {
        if !violations.isEmpty { throw .invalidFields(violations) }
    }

    private mutating func note(_ field: String, _ problem: String) {
        violations.append(FieldViolation(field: field, description: problem))
    }

    mutating func text(_ text: String, _ field: String, bytesMax: Int) {
        if let problem = TextRules.problemUnlessEmpty(text, bytesMax: bytesMax) { note(field, problem) }
    }

    mutating func read(_ request: Availability_V1_CreateReservationRequest) -> ReservationWish {
        if request.channel.isEmpty {
            note("channel", "is required: the caller's credential names no channel of its own")
        } else {
            text(request.channel, "channel", bytesMax: Limits.nameBytesMax)
        }
        text(request.customer, "customer", bytesMax: Limits.nameBytesMax)
        text(request.orderReference, "order_reference", bytesMax: Limits.idBytesMax)
        let most = Limits.linesPerReservationMax
        guard (1...most).contains(request.lines.count) else {
            note("lines", "1 to \(most) are allowed, are \(request.lines.count)")
            return wish(request, lines: [])
        }
        var lines: [GrantLine] = []
        for (index, line) in request.lines.enumerated() {
            if let line = read(line, "lines[\(index)]") { lines.append(line) }
        }
        return wish(request, lines: lines)
    }

    private mutating func wish(
        _ request: Availability_V1_CreateReservationRequest, lines: [GrantLine]
    ) -> ReservationWish {
        ReservationWish(
            channelID: request.channel, lines: lines, ttlNanoseconds: ttl(request.hasTtl ? request.ttl : nil),
            orderReference: request.orderReference, customer: request.customer, allowsPartial: request.allowPartial)
    }

    private mutating func read(_ line: Availability_V1_CreateReservationLine, _ path: String) -> GrantLine? {
        let before = violations.count
        if let problem = TextRules.problem(line.sku, bytesMax: Limits.skuBytesMax) { note("\(path).sku", problem) }
        if !(1...Limits.quantityMax).contains(line.quantity) {
            note("\(path).quantity", "must be 1 to \(Limits.quantityMax), is \(line.quantity)")
        }
        text(line.lot, "\(path).lot", bytesMax: Limits.idBytesMax)
        text(line.location, "\(path).location", bytesMax: Limits.nameBytesMax)
        guard violations.count == before else { return nil }
        guard let scope = state.directory.scope(named: line.location) else {
            note("\(path).location", "no location or location group is called \(line.location)")
            return nil
        }
        return GrantLine(sku: line.sku, scope: scope, lot: line.lot, quantity: line.quantity)
    }

    /// Nil when the caller did not say.
    mutating func ttl(_ duration: Google_Protobuf_Duration?) -> Int64? {
        guard let duration else { return nil }
        guard let nanoseconds = duration.nanosecondCount, Limits.ttlNanosecondsRange.contains(nanoseconds) else {
            let range = Limits.ttlNanosecondsRange
            note("ttl", "must be \(range.lowerBound / .perSecond) s to \(range.upperBound / .perSecond) s")
            return nil
        }
        return nanoseconds
    }

    mutating func quantities(_ lines: [Availability_V1_ReservationLineQuantity]) -> [LineQuantity] {
        if lines.count > Limits.linesPerSplitReservationMax {
            note("lines", "at most \(Limits.linesPerSplitReservationMax), are \(lines.count)")
            return []
        }
        return lines.map { LineQuantity(lineID: $0.lineID, quantity: $0.quantity) }
    }

    /// Nil for what no reservation can be called.
    mutating func id(_ text: String) -> (number: ReservationNumber, epoch: UInt64)? {
        if let problem = TextRules.problem(text, bytesMax: Limits.idBytesMax) {
            note("id", problem)
            return nil
        }
        return ReservationID.parse(text)
    }

    /// - Parameter clearing: takes out of the request what does not make it another one.
    mutating func identity<Request: Message>(
        _ requestID: String, of request: Request, _ context: CallContext, clearing: (inout Request) -> Void
    ) -> RequestIdentity {
        if let problem = TextRules.problem(requestID, bytesMax: Limits.idBytesMax) { note("request_id", problem) }
        var body = request
        clearing(&body)
        // Without map fields the order of what is serialized is that of the field numbers.
        let bytes: [UInt8] = (try? body.serializedBytes()) ?? []
        return RequestIdentity(
            requestID: requestID, bodyDigest: ContentDigest.of(bytes), correlationID: requestID)
    }
}
