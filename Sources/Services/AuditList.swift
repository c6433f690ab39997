internal import Calls
internal import Engine
internal import Foundation
internal import Inventory
internal import Ledger
internal import Proto
internal import SwiftProtobuf

/// ListAuditEntries: newest first. A page looks at a bounded number of entries and of their bytes, so that a filter that
/// nothing matches does not keep the loop busy: it may end early, with a token to go on with.
struct AuditList {
    private static let visitedMax = 1_000
    /// One entry may have two versions of a long policy; a page of so many bytes fits the message that a client takes.
    private static let visitedBytesMax = 1 << 20
    private static let actorBytesMax = 1_024
    private static let subjectBytesMax = 256

    private let request: Availability_V1_ListAuditEntriesRequest
    private let size: Int
    /// The number of the last entry of the page before.
    private let before: UInt64
    private let from: WallNanoseconds
    private let until: WallNanoseconds

    init(_ request: Availability_V1_ListAuditEntriesRequest) throws(CallStatus) {
        size = try ListFields.pageSize(request.pageSize)
        before = try ListFields.number(inToken: request.pageToken, ofList: "ListAuditEntries") ?? .max
        try ListFields.check([
            ("actor", request.actor, Self.actorBytesMax), ("action", request.action, Limits.idBytesMax),
            ("subject", request.subject, Self.subjectBytesMax), ("channel", request.channel, Limits.nameBytesMax),
        ])
        from = try ListFields.time(request.hasFromTime, request.fromTime, "from_time") ?? .min
        until = try ListFields.time(request.hasUntilTime, request.untilTime, "until_time") ?? .max
        self.request = request
    }

    func page(_ reads: LoopReads) throws(CallStatus) -> Availability_V1_ListAuditEntriesResponse {
        try reads.requireSnapshot()
        var response = Availability_V1_ListAuditEntriesResponse()
        var (visited, visitedBytes, last) = (0, 0, before)
        do throws(LedgerError) {
            try reads.stock.forEachAuditEntryBackwards(before: before) { number, bytes, entry throws(LedgerError) in
                // The log is in the order of its times.
                guard entry.timeNanoseconds >= from else { return false }
                guard response.entries.count < size, visited < Self.visitedMax, visitedBytes < Self.visitedBytesMax
                else {
                    response.nextPageToken = ListFields.token(last)
                    return false
                }
                visited += 1
                visitedBytes += bytes
                last = number
                if matches(entry) { response.entries.append(.init(entry)) }
                return true
            }
        } catch {
            throw error.callStatus
        }
        return response
    }

    private func matches(_ entry: AuditEntry) -> Bool {
        entry.timeNanoseconds < until
            && (request.actor.isEmpty || entry.actor == request.actor)
            && (request.action.isEmpty || entry.action.rawValue == request.action)
            && (request.subject.isEmpty || entry.subject == request.subject
                || entry.outcomes?[request.subject] != nil)
            && (request.channel.isEmpty || entry.concernedChannel == request.channel)
    }
}

extension AuditEntry {
    /// Empty where it is none's.
    fileprivate var concernedChannel: String { channel ?? channelAfter?.id ?? "" }
}

extension Availability_V1_AuditEntry {
    fileprivate init(_ entry: AuditEntry) {
        self.init()
        sequence = entry.sequence
        time = .init(wallNanoseconds: entry.timeNanoseconds)
        actor = entry.actor
        action = entry.action.rawValue
        subject = entry.subject
        channel = entry.concernedChannel
        reason = entry.reason
        correlationID = entry.requestID
        if let before = entry.channelBefore { beforeJson = Self.json(before) }
        if let after = entry.channelAfter {
            afterJson = Self.json(after)
        } else if let outcomes = entry.outcomes {
            afterJson = Self.json(outcomes)
        }
    }

    /// As the API tells of it.
    private static func json(_ channel: Channel) -> String {
        var options = JSONEncodingOptions()
        options.useDeterministicOrdering = true
        return (try? Availability_V1_Channel(channel).jsonString(options: options)) ?? ""
    }

    private static func json(_ outcomes: [String: String]) -> String {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        return (try? encoder.encode(outcomes)).map { String(decoding: $0, as: UTF8.self) } ?? ""
    }
}
