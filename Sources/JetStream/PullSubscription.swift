internal import CNATS
internal import Feeds

/// Fetches what a consumer hands out. One thread; the messages it gave keep it alive, since they are acknowledged through it.
@safe
final class PullSubscription {
    // Owned: freed by deinit, which leaves the consumer on the server as it is.
    private let pointer: OpaquePointer

    /// Takes a subscription over.
    init(_ subscription: OpaquePointer) { unsafe pointer = subscription }

    deinit { unsafe natsSubscription_Destroy(pointer) }

    /// What is there at once, or else what comes first, within `waitNanoseconds`; nil: nothing came.
    ///
    /// - Parameter bytesMax: bounds the batch; the server answers with an error if the next message alone is larger. Nil: no
    ///   bound.
    func fetch(_ count: Int, bytesMax: Int?, waitNanoseconds: Int64) throws(FeedFailure) -> NatsMessages? {
        var request = jsFetchRequest()
        unsafe jsFetchRequest_Init(&request)
        request.Batch = Int32(count)
        request.MaxBytes = Int64(bytesMax ?? 0)
        request.Expires = waitNanoseconds
        // With both, the server answers as soon as it has anything, and not only when the batch is full.
        request.NoWait = true
        var list = unsafe natsMsgList()
        let status = unsafe natsSubscription_FetchRequest(&list, pointer, &request)
        if status == NATS_TIMEOUT || status == NATS_NOT_FOUND { return nil }
        try check(status, "fetch")
        return unsafe NatsMessages(list, of: self)
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

/// Messages that were handed out together: owned here until they are freed. One thread.
@safe
struct NatsMessages: ~Copyable {
    private var list: natsMsgList
    private let subscription: PullSubscription

    /// Takes the list over.
    fileprivate init(_ list: natsMsgList, of subscription: PullSubscription) {
        unsafe self.list = list
        self.subscription = subscription
    }

    deinit {
        var list = unsafe list
        unsafe natsMsgList_Destroy(&list)
    }

    var count: Int { unsafe Int(list.Count) }

    func body(at index: Int) -> [UInt8] {
        let message = unsafe list.Msgs[index]
        let bytes = unsafe UnsafeRawBufferPointer(
            start: natsMsg_GetData(message), count: Int(natsMsg_GetDataLength(message)))
        // Copied: they are the message's.
        return unsafe Array(bytes)
    }

    /// The first value of each header.
    func headers(at index: Int) -> [(name: String, value: String)] {
        let message = unsafe list.Msgs[index]
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
        var found: UnsafeMutablePointer<jsMsgMetaData>?
        try unsafe check(natsMsg_GetMetaData(&found, list.Msgs[index]), "a message's place")
        // Freed after what is needed of it was copied.
        defer { unsafe jsMsgMetaData_Destroy(found) }
        guard let data = unsafe found?.pointee else { preconditionFailure("natsMsg_GetMetaData gave nothing") }
        return unsafe MessagePlace(
            sequence: data.Sequence.Stream, timeNanoseconds: data.Timestamp, waiting: data.NumPending)
    }

    /// They are committed here and need not be handed out again.
    func acknowledge() {
        // One that fails is handed out again, and found to be a duplicate.
        for index in 0..<count { unsafe _ = natsMsg_Ack(list.Msgs[index], nil) }
    }

    /// They are to be handed out again, after a pause.
    func refuse(afterMilliseconds delay: Int64) {
        // One that fails is handed out again all the same, when its time to be acknowledged is over.
        for index in 0..<count { unsafe _ = natsMsg_NakWithDelay(list.Msgs[index], delay, nil) }
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
