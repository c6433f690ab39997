internal import Engine
internal import Feeds
internal import Glibc
internal import Inventory

/// One connection, shared by the threads of a feed: the last of them that lets it go closes it.
final class JetStreamLink: Sendable {
    let connection: NatsConnection
    let jetStream: JetStreamContext

    /// Connects. Blocks.
    init(_ endpoint: NatsEndpoint) throws(FeedFailure) {
        let connection = try NatsConnection(endpoint)
        jetStream = try connection.jetStream()
        self.connection = connection
    }
}

/// What every thread of a feed knows.
struct ReaderContext: Sendable {
    let settings: JetStreamFeed.Settings
    let decode: PayloadDecoder
    let session: FeedSession
    let link: JetStreamLink

    /// Bodies of one batch, unless one message alone is larger.
    private static let batchBytesMax = 8 << 20

    /// Nil: nothing came in time, or nothing that could be handed out.
    func fetch(_ subscription: PullSubscription, waitNanoseconds: Int64) throws(FeedFailure) -> NatsMessages? {
        do throws(FeedFailure) {
            return try subscription.fetch(
                settings.batch, bytesMax: Self.batchBytesMax, waitNanoseconds: waitNanoseconds)
        } catch {
            // The server refuses when the next message alone is too large for the bytes of a batch: then it comes alone.
            return try subscription.fetch(1, bytesMax: nil, waitNanoseconds: waitNanoseconds)
        }
    }

    /// - Parameter end: what is beyond this sequence is left out.
    func decoded(
        _ messages: borrowing NatsMessages, reader: Int, through end: UInt64 = .max
    ) throws(FeedFailure) -> ReadBatch {
        var events: [IncomingEvent] = []
        var sequences: [UInt64] = []
        var last = MessagePlace(sequence: 0, timeNanoseconds: 0, waiting: 0)
        for index in 0..<messages.count {
            let place = try messages.place(at: index)
            guard place.sequence <= end else { continue }
            let headers = messages.headers(at: index)
            let contentType = headers.first { $0.name.utf8.elementsEqual("Content-Type".utf8, by: isSameLetter) }?.value
            events.append(decode(messages.body(at: index), contentType ?? "", headers))
            sequences.append(place.sequence)
            // Those that come again come first.
            if place.sequence > last.sequence { last = place }
        }
        return ReadBatch(
            reader: reader, events: events, sequences: sequences, timeNanoseconds: last.timeNanoseconds,
            waiting: last.waiting)
    }
}

/// Compares ASCII letters whatever their case.
private func isSameLetter(_ first: UInt8, _ second: UInt8) -> Bool {
    func lowered(_ byte: UInt8) -> UInt8 { 65...90 ~= byte ? byte | 32 : byte }
    return lowered(first) == lowered(second)
}

func monotonicNow() -> Int64 {
    var now = timespec()
    // Writes into `now` only.
    unsafe clock_gettime(CLOCK_MONOTONIC, &now)
    return Int64(now.tv_sec) * .perSecond + Int64(now.tv_nsec)
}
