import Calls

/// The application behind the fuzzed sessions. It writes down what it is told, and answers when the script says so.
final class FuzzApplication: LoopHandler {
    static let methods = [
        MethodDescriptor(service: "test.Echo", name: "Inline", kind: .unaryInline),
        MethodDescriptor(service: "test.Echo", name: "Unary", kind: .unary),
        MethodDescriptor(service: "test.Echo", name: "Stream", kind: .serverStreaming),
        MethodDescriptor(service: "test.Echo", name: "Chat", kind: .bidirectional),
    ]

    /// What happened, in order.
    enum Note: Equatable {
        case answered([UInt8])
        case opened(method: Int)
        case received(call: Int, [UInt8])
        case ended(call: Int)
        case cancelled(call: Int, CancelReason)
    }

    var notes: [Note] = []
    private(set) var receivers: [Receiver] = []
    /// Every so many messages of a chat the reading pauses; 0: never.
    var pauseEvery = 0
    /// Whether calls that take messages end OK with the last one.
    var finishesAtEnd = false
    private var isInTurn = false

    func turnBegan() {
        expect(!isInTurn, "a turn within a turn")
        isInTurn = true
    }

    func turnEnded() {
        expect(isInTurn, "a turn ended that did not begin")
        isInTurn = false
    }

    func answer(method: Int, request: UnsafeRawBufferPointer, reply: inout ReplyBuffer) throws(CallStatus) {
        expect(isInTurn && method == 0, "an inline call outside a turn, or of another method")
        notes.append(.answered(Array(request)))
        if request.first == 0xEE { throw CallStatus(.invalidArgument, "as asked", details: Array(request)) }
        let target = reply.reserve(request.count)
        if let start = request.baseAddress { target.copyMemory(from: start, byteCount: request.count) }
        reply.advance(by: request.count)
    }

    func open(_ context: CallContext, sink: any ResponseSink) throws(CallStatus) -> any CallReceiver {
        notes.append(.opened(method: context.method))
        if context.channelID == "refused" { throw CallStatus(.permissionDenied, "as asked") }
        let receiver = Receiver(self, call: receivers.count, sink: sink)
        receivers.append(receiver)
        return receiver
    }

    /// One open call.
    final class Receiver: CallReceiver {
        let sink: any ResponseSink
        /// Finished by the script, or cancelled by the wire: after that nothing may come.
        private(set) var isOver = false
        private let call: Int
        private var messageCount = 0
        // The application outlives its calls.
        private unowned let application: FuzzApplication

        init(_ application: FuzzApplication, call: Int, sink: any ResponseSink) {
            self.application = application
            self.call = call
            self.sink = sink
        }

        func finish(_ status: CallStatus) {
            isOver = true
            sink.finish(status)
        }

        func receive(_ message: [UInt8]) -> ReadDecision {
            expect(!isOver, "a message after the end")
            application.notes.append(.received(call: call, message))
            messageCount += 1
            let pauseEvery = application.pauseEvery
            return pauseEvery > 0 && messageCount.isMultiple(of: pauseEvery) ? .pause : .more
        }

        func endOfMessages() {
            expect(!isOver, "an end after the end")
            application.notes.append(.ended(call: call))
            if application.finishesAtEnd { finish(.ok) }
        }

        func writable() {
            expect(!isOver, "writable after the end")
        }

        func cancelled(_ reason: CancelReason) {
            expect(!isOver, "cancelled after the end")
            isOver = true
            application.notes.append(.cancelled(call: call, reason))
        }
    }
}
