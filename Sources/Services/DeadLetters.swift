internal import Calls
internal import Engine
internal import Feeds
internal import Foundation
internal import Inventory
internal import Ledger
internal import Proto
internal import SwiftProtobuf

/// ListDeadLetters, ReplayDeadLetters and DiscardDeadLetters.
struct DeadLetters {
    static let idsMax = 1_000
    /// Bytes of all originals of one replay.
    static let replayBytesMax = 16 << 20

    let environment: ServiceEnvironment

    func list(
        _ request: Availability_V1_ListDeadLettersRequest, _ reads: LoopReads
    ) throws(CallStatus) -> Availability_V1_ListDeadLettersResponse {
        var page = try DeadLetterPage(request, decoder: environment.deadLetterDecoder)
        try reads.requireSnapshot()
        do throws(LedgerError) {
            if request.ids.isEmpty {
                try reads.stock.forEachDeadLetter(after: page.after) { letter throws(LedgerError) in page.take(letter) }
            } else {
                var letters: [UInt64: DeadLetter] = [:]
                for id in request.ids {
                    if let letter = try reads.stock.deadLetter(id) { letters[letter.sequence] = letter }
                }
                let wanted = letters.values.filter { $0.sequence > page.after }.sorted { $0.sequence < $1.sequence }
                _ = wanted.allSatisfy { page.take($0) }
            }
        } catch {
            throw error.callStatus
        }
        page.response.total = reads.stock.deadLetters
        return page.response
    }

    func replay(
        _ request: Availability_V1_ReplayDeadLettersRequest, _ call: UnaryCall, _ sink: any ResponseSink
    ) throws(CallStatus) {
        try Self.check(request.ids, request.reason)
        try call.reads.requireSnapshot()
        var letters: [DeadLetterWish.Letter] = []
        /// Of publications: not these old figures are told, which newer ones may have followed, but the newest.
        var toldAgain: [DeadLetter] = []
        var bytes = 0
        for id in request.ids {
            let letter: DeadLetter?
            do throws(LedgerError) { letter = try call.reads.stock.deadLetter(id) } catch { throw error.callStatus }
            bytes += letter?.original.count ?? 0
            guard bytes <= Self.replayBytesMax else {
                throw .invalidField("ids", "their originals are more than \(Self.replayBytesMax) bytes; replay fewer")
            }
            if let letter, letter.isOfPublication {
                let canTell = environment.publications.canTellAgain(source: letter.source, original: letter.original)
                if canTell { toldAgain.append(letter) }
                letters.append(.init(id: id, isToldAgain: canTell))
            } else {
                letters.append(.init(id: id, incoming: letter.flatMap(environment.deadLetterDecoder.read)))
            }
        }
        let (epoch, publications) = (environment.epoch, environment.publications)
        try submit(.replay, letters, request.reason, call, sink) { [toldAgain] results, sequence in
            for letter in toldAgain {
                publications.tellAgain(source: letter.source, original: letter.original, letter: letter.id)
            }
            var response = Availability_V1_ReplayDeadLettersResponse()
            response.results = results.map { result in
                var replay = Availability_V1_DeadLetterReplay()
                replay.id = result.id
                replay.outcome = result.outcome.map { .init($0) } ?? .unspecified
                replay.reason = result.reason
                return replay
            }
            response.sequence = sequence
            response.epoch = epoch
            sink.succeed(with: response)
        }
    }

    func discard(
        _ request: Availability_V1_DiscardDeadLettersRequest, _ call: UnaryCall, _ sink: any ResponseSink
    ) throws(CallStatus) {
        if request.reason.isEmpty { throw .invalidField("reason", "is required") }
        try Self.check(request.ids, request.reason)
        let letters = request.ids.map { DeadLetterWish.Letter(id: $0) }
        try submit(.discard, letters, request.reason, call, sink) { results, _ in
            var response = Availability_V1_DiscardDeadLettersResponse()
            response.discardedIds = results.filter(\.isFound).map(\.id)
            sink.succeed(with: response)
        }
    }

    private static func check(_ ids: [String], _ reason: String) throws(CallStatus) {
        guard (1...idsMax).contains(ids.count) else {
            throw .invalidField("ids", "1 to \(idsMax) are required, are \(ids.count)")
        }
        if let problem = TextRules.problemUnlessEmpty(reason, bytesMax: 256) { throw .invalidField("reason", problem) }
    }

    private func submit(
        _ kind: DeadLetterWish.Kind, _ letters: [DeadLetterWish.Letter], _ reason: String, _ call: UnaryCall,
        _ sink: any ResponseSink,
        succeed: @escaping @Sendable ([DeadLetterResult], _ sequence: UInt64) -> Void
    ) throws(CallStatus) {
        let wish = DeadLetterWish(
            kind: kind, letters: letters, actor: call.context.actor, reason: reason,
            requestID: call.context.requestID)
        let command = EngineCommand.dealWithDeadLetters(tenant: environment.tenant, wish)
        let refusal = environment.engine.submit(command) { reply in
            switch reply {
            case .deadLetters(let results, let sequence): succeed(results, sequence)
            case .failed(let error): sink.finish(error.callStatus)
            default: sink.finish(EngineError.invariantBroken("wrong reply").callStatus)
            }
        }
        if let refusal { throw refusal.callStatus }
    }
}

/// A page of the list, oldest first. It looks at a bounded number of letters and of bytes, so that a filter that nothing
/// matches does not keep the loop busy: it may end early, with a token to go on with.
private struct DeadLetterPage {
    private static let visitedMax = 10_000
    private static let visitedBytesMax = 16 << 20
    /// Of the originals shown, so that a page fits the message that a client takes.
    private static let shownBytesMax = 1 << 20

    private let request: Availability_V1_ListDeadLettersRequest
    private let decoder: DeadLetterDecoder
    private let size: Int
    private let from: WallNanoseconds
    private let until: WallNanoseconds
    /// The sequence of the last letter of the page before.
    let after: UInt64
    var response = Availability_V1_ListDeadLettersResponse()
    private var visited = 0
    private var visitedBytes = 0
    private var shownBytes = 0
    private var last: UInt64

    init(_ request: Availability_V1_ListDeadLettersRequest, decoder: DeadLetterDecoder) throws(CallStatus) {
        size = try ListFields.pageSize(request.pageSize)
        after = try ListFields.number(inToken: request.pageToken, ofList: "ListDeadLetters") ?? 0
        guard request.ids.count <= DeadLetters.idsMax else {
            throw .invalidField("ids", "at most \(DeadLetters.idsMax), are \(request.ids.count)")
        }
        try ListFields.check([
            ("source", request.source, Limits.nameBytesMax + UndeliveredMessage.sourcePrefix.utf8.count),
            ("reason", request.reason, Limits.idBytesMax), ("sku", request.sku, Limits.skuBytesMax),
        ])
        from = try ListFields.time(request.hasFromTime, request.fromTime, "from_time") ?? .min
        until = try ListFields.time(request.hasUntilTime, request.untilTime, "until_time") ?? .max
        self.request = request
        self.decoder = decoder
        last = after
    }

    /// Returns whether there is room for another.
    mutating func take(_ letter: DeadLetter) -> Bool {
        guard response.deadLetters.count < size, visited < Self.visitedMax, visitedBytes < Self.visitedBytesMax,
            shownBytes < Self.shownBytesMax
        else {
            response.nextPageToken = ListFields.token(last)
            return false
        }
        visited += 1
        visitedBytes += letter.original.count
        last = letter.sequence
        if matches(letter) {
            shownBytes += letter.original.count
            response.deadLetters.append(
                Availability_V1_DeadLetter(letter, event: letter.original.count <= 65_536 ? decoder.read(letter) : nil))
        }
        return true
    }

    private func matches(_ letter: DeadLetter) -> Bool {
        (request.source.isEmpty || letter.source == request.source)
            && (request.sku.isEmpty || letter.sku == request.sku)
            && (request.reason.isEmpty || letter.reasonName == request.reason)
            && letter.firstTimeNanoseconds >= from && letter.firstTimeNanoseconds < until
    }
}

extension DeadLetter {
    fileprivate var isOfPublication: Bool { contentType == ContentType.publication.rawValue }

    /// `TOO_OLD` of `TOO_OLD: occurred_at: …`.
    fileprivate var reasonName: Substring { reason.prefix { $0 != ":" } }
}

extension Availability_V1_DeadLetter {
    /// - Parameter event: what is read out of it now; nil when nothing can be.
    fileprivate init(_ letter: DeadLetter, event: IncomingEvent?) {
        self.init()
        id = letter.id
        source = letter.source
        eventID = letter.eventID
        reason = String(letter.reasonName)
        message = String(letter.reason.dropFirst(letter.reasonName.count + 2))
        receiveTime = .init(wallNanoseconds: letter.firstTimeNanoseconds)
        body = Data(letter.original)
        contentType = ContentType(rawValue: letter.contentType)?.mediaType ?? "application/octet-stream"
        if let event { self.event = .init(asItCame: event) }
        replayCount = letter.attempts &- 1
    }
}
