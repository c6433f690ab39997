internal import CNATS
internal import Feeds
internal import Inventory

/// Fetches what a consumer hands out, by requests to the server (NATS ADR-13, «Pull Subscribe internals»). One thread; the
/// messages it gave keep it alive, since they are acknowledged through it.
///
/// Why not `natsSubscription_FetchRequest`: that of libnats 3.4 writes beyond the list that it allocates when messages of an
/// earlier request arrive late, which under load they do.
@safe
final class PullSubscription {
    fileprivate let link: JetStreamLink
    // Owned: freed by deinit, which leaves the consumer on the server as it is.
    private let pointer: OpaquePointer
    private let requestSubject: String
    private let inbox: String
    private var requests = 0
    /// What was asked for last and is not answered whole. The server ends it at its end, mostly with a word; messages that are
    /// late then count for the next.
    private var open: (subject: String, left: Int, endNanoseconds: Int64)?

    init(_ link: JetStreamLink, consumer: String, of stream: String) throws(FeedFailure) {
        self.link = link
        inbox = try link.connection.newInbox()
        requestSubject = "$JS.API.CONSUMER.MSG.NEXT.\(stream).\(consumer)"
        unsafe pointer = try link.connection.subscribe(to: "\(inbox).*")
    }

    deinit { unsafe natsSubscription_Destroy(pointer) }

    /// What is there at once, or else what comes first, within `waitNanoseconds`; nil: nothing came.
    ///
    /// - Parameter bytesMax: bounds the batch; the server answers with an error if the next message alone is larger. Nil: no
    ///   bound.
    func fetch(_ count: Int, bytesMax: Int?, waitNanoseconds: Int64) throws(FeedFailure) -> NatsMessages? {
        let deadline = monotonicNow() + waitNanoseconds
        if monotonicNow() > open?.endNanoseconds ?? 0 {
            try ask(for: count, bytesMax: bytesMax, waitNanoseconds: waitNanoseconds)
        }
        var messages = NatsMessages(of: self)
        while messages.count < count, let request = open, let message = unsafe try next(before: deadline) {
            guard let status = unsafe Self.status(of: message) else {
                unsafe messages.take(message)
                open = request.left > 1 ? (request.subject, request.left - 1, request.endNanoseconds) : nil
                continue
            }
            // Freed here: it is no message of the stream.
            defer { unsafe natsMsg_Destroy(message) }
            // The end of a request that was given up, or a sign of life.
            guard status.subject == request.subject, status.code != "100" else { continue }
            open = nil
            if messages.count > 0 || status.code == "404" || status.code == "408" { break }
            throw FeedFailure("fetch: \(status.code) \(status.description)")
        }
        if messages.count > 0 { return messages }
        return nil
    }

    private func ask(for count: Int, bytesMax: Int?, waitNanoseconds: Int64) throws(FeedFailure) {
        requests += 1
        let subject = "\(inbox).\(requests)"
        // The server ends it a little sooner, so that its last word comes in time. With both, it answers as soon as it has
        // anything, and not only when the batch is full.
        let expires = waitNanoseconds >= 20 * .perMillisecond ? waitNanoseconds - 10 * .perMillisecond : waitNanoseconds
        let bytes = bytesMax.map { ",\"max_bytes\":\($0)" } ?? ""
        try link.connection.publish(
            "{\"batch\":\(count),\"expires\":\(expires),\"no_wait\":true\(bytes)}", to: requestSubject,
            reply: subject)
        open = (subject, count, monotonicNow() + expires)
    }

    /// Owned by the caller; nil: none came in time.
    private func next(before deadline: Int64) throws(FeedFailure) -> OpaquePointer? {
        let left = (deadline - monotonicNow()) / .perMillisecond
        var message: OpaquePointer?
        let status = unsafe natsSubscription_NextMsg(&message, pointer, max(0, left))
        if status == NATS_TIMEOUT { return nil }
        if status != NATS_OK { open = nil }
        try check(status, "fetch")
        return unsafe message
    }

    /// Which request the server says something of instead of a message of the stream; nil: it is a message of the stream,
    /// which alone asks to be acknowledged.
    private static func status(of message: OpaquePointer) -> (subject: String, code: String, description: String)? {
        guard unsafe natsMsg_GetReply(message) == nil else { return nil }
        func header(_ name: String) -> String {
            var value: UnsafePointer<CChar>?
            guard unsafe natsMsgHeader_Get(message, name, &value) == NATS_OK, let value = unsafe value else {
                return ""
            }
            return unsafe String(cString: value)
        }
        // Both are the message's and are copied.
        let subject = unsafe natsMsg_GetSubject(message).map { unsafe String(cString: $0) } ?? ""
        return (subject, header("Status"), header("Description"))
    }
}

/// Where a message is in its stream.
struct MessagePlace: Sendable, Equatable {
    var sequence: UInt64
    /// When the server stored it.
    var timeNanoseconds: Int64
    /// What the consumer had not handed out yet when it handed this out.
    var waiting: UInt64
}

extension MessagePlace {
    /// Read from where a message is acknowledged: `$JS.ACK.stream.consumer.delivered.stream sequence.consumer sequence.
    /// time.pending`, with domain and account before the stream where there are more than nine parts (NATS ADR-15). Nil: it
    /// is none.
    init?(acknowledgedAt reply: String) {
        let parts = reply.split(separator: ".", omittingEmptySubsequences: false)
        guard parts.count == 9 || parts.count >= 11, parts[0] == "$JS", parts[1] == "ACK" else { return nil }
        let numbers = parts[(parts.count == 9 ? 4 : 6)...]
        let first = numbers.startIndex
        guard let sequence = UInt64(numbers[first + 1]), let time = Int64(numbers[first + 3]),
            let waiting = UInt64(numbers[first + 4])
        else { return nil }
        self.init(sequence: sequence, timeNanoseconds: time, waiting: waiting)
    }
}

/// Messages that were handed out together: owned here until they are freed. One thread.
@safe
struct NatsMessages: ~Copyable {
    // Owned: freed by deinit.
    private var messages: [OpaquePointer] = unsafe []
    private let subscription: PullSubscription

    fileprivate init(of subscription: PullSubscription) { self.subscription = subscription }

    deinit {
        for index in unsafe messages.indices { unsafe natsMsg_Destroy(messages[index]) }
    }

    /// Takes a message over.
    fileprivate mutating func take(_ message: OpaquePointer) { unsafe messages.append(message) }

    var count: Int { unsafe messages.count }

    func body(at index: Int) -> [UInt8] {
        let message = unsafe messages[index]
        let bytes = unsafe UnsafeRawBufferPointer(
            start: natsMsg_GetData(message), count: Int(natsMsg_GetDataLength(message)))
        // Copied: they are the message's.
        return unsafe Array(bytes)
    }

    /// The first value of each header.
    func headers(at index: Int) -> [(name: String, value: String)] {
        let message = unsafe messages[index]
        var names: UnsafeMutablePointer<UnsafePointer<CChar>?>?
        var count: Int32 = 0
        guard unsafe natsMsgHeader_Keys(message, &names, &count) == NATS_OK else { return [] }
        // The array is ours to free, its strings are the message's and are copied.
        defer { unsafe free(names) }
        return (0..<Int(count)).compactMap { position in
            var value: UnsafePointer<CChar>?
            guard let name = unsafe names?[position], unsafe natsMsgHeader_Get(message, name, &value) == NATS_OK,
                let value = unsafe value
            else { return nil }
            return unsafe (String(cString: name), String(cString: value))
        }
    }

    func place(at index: Int) throws(FeedFailure) -> MessagePlace {
        let reply = reply(at: index)
        guard let place = MessagePlace(acknowledgedAt: reply) else {
            throw FeedFailure("a message's place: \(reply) is none")
        }
        return place
    }

    /// They are committed here and need not be handed out again.
    func acknowledge() { answer("+ACK") }

    /// They are to be handed out again, after a pause.
    func refuse(afterMilliseconds delay: Int64) { answer("-NAK {\"delay\":\(delay * .perMillisecond)}") }

    private func answer(_ text: String) {
        // One that fails is handed out again, when its time to be acknowledged is over; committed, it is a duplicate then.
        for index in 0..<count { try? subscription.link.connection.publish(text, to: reply(at: index), reply: nil) }
    }

    private func reply(at index: Int) -> String {
        // The message's, copied; a status, which alone has none, is never taken.
        unsafe natsMsg_GetReply(messages[index]).map { unsafe String(cString: $0) } ?? ""
    }
}

/// A message to be sent.
@safe
struct NatsMessage: ~Copyable {
    // Owned: freed by deinit.
    fileprivate(set) var pointer: OpaquePointer?

    /// The library copies everything.
    init(subject: String, headers: [(name: String, value: String)], body: [UInt8]) throws(FeedFailure) {
        var made: OpaquePointer?
        let status = unsafe body.withUnsafeBytes { bytes in
            unsafe natsMsg_Create(
                &made, subject, nil, bytes.baseAddress?.assumingMemoryBound(to: CChar.self), Int32(bytes.count))
        }
        try check(status, "message for \(subject)")
        unsafe pointer = made
        for header in headers {
            try unsafe check(natsMsgHeader_Set(made, header.name, header.value), "header \(header.name)")
        }
    }

    deinit { unsafe natsMsg_Destroy(pointer) }
}
