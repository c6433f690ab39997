import Calls
import Glibc
import Synchronization

enum EchoMethod: Int, CaseIterable {
    case inline, unary, serverStream, bidi, slow, fail, slowReader

    var descriptor: MethodDescriptor {
        switch self {
        case .inline: MethodDescriptor(service: "test.Echo", name: "Inline", kind: .unaryInline)
        case .unary: MethodDescriptor(service: "test.Echo", name: "Unary", kind: .unary)
        case .serverStream: MethodDescriptor(service: "test.Echo", name: "ServerStream", kind: .serverStreaming)
        case .bidi: MethodDescriptor(service: "test.Echo", name: "Bidi", kind: .bidirectional)
        case .slow: MethodDescriptor(service: "test.Echo", name: "Slow", kind: .unary)
        case .fail: MethodDescriptor(service: "test.Echo", name: "Fail", kind: .unary)
        case .slowReader: MethodDescriptor(service: "test.Echo", name: "SlowReader", kind: .bidirectional)
        }
    }
}

struct EchoApplication: CallApplication {
    var methods: [MethodDescriptor] { EchoMethod.allCases.map(\.descriptor) }

    func makeLoopHandler(loop: Int) -> any LoopHandler { EchoHandler() }
}

final class EchoHandler: LoopHandler {
    private var isInTurn = false

    func turnBegan() {
        precondition(!isInTurn)
        isInTurn = true
    }

    func turnEnded() {
        precondition(isInTurn)
        isInTurn = false
    }

    func answer(method: Int, request: UnsafeRawBufferPointer, reply: inout ReplyBuffer) throws(CallStatus) {
        precondition(isInTurn)
        if let first = request.first, first == 0xFF {
            throw CallStatus(.resourceExhausted, "inline refusal", retryPushbackMilliseconds: 250)
        }
        let target = reply.reserve(request.count)
        if let start = request.baseAddress { memcpy(target, start, request.count) }
        reply.advance(by: request.count)
    }

    func open(_ context: CallContext, sink: any ResponseSink) throws(CallStatus) -> any CallReceiver {
        switch EchoMethod(rawValue: context.method)! {
        case .inline: preconditionFailure("inline methods are not opened")
        case .unary: return UnaryEcho(sink, context)
        case .serverStream: return ServerStream(sink)
        case .bidi: return BidiEcho(sink)
        case .slow: return SlowEcho(sink)
        case .fail: return Failure(sink)
        case .slowReader: return SlowReader(sink)
        }
    }
}

/// Answers from another thread. The message `who` is answered with what the wire knows of the caller.
final class UnaryEcho: CallReceiver {
    private let sink: any ResponseSink
    private let context: CallContext

    init(_ sink: any ResponseSink, _ context: CallContext) {
        self.sink = sink
        self.context = context
    }

    func receive(_ message: [UInt8]) -> ReadDecision {
        let (sink, context) = (sink, context)
        Task.detached {
            var reply = message
            if message == Array("who".utf8) {
                let names = context.peer?.alternativeNames.joined(separator: ",") ?? ""
                let fields = [
                    context.requestID, context.traceparent, context.authorization, context.channelID,
                    context.peer?.subject ?? "", names, context.deadlineNanoseconds == nil ? "" : "deadline",
                ]
                reply = Array(fields.joined(separator: "|").utf8)
            }
            sink.send(reply)
            sink.finish(.ok)
        }
        return .more
    }

    func endOfMessages() {}
    func writable() {}
    func cancelled(_ reason: CancelReason) {}
}

/// `count size`: so many messages of that size, as fast as the caller takes them.
final class ServerStream: CallReceiver {
    private let sink: any ResponseSink
    private var left = 0
    private var size = 0
    private var ignoresBackPressure = false

    init(_ sink: any ResponseSink) { self.sink = sink }

    func receive(_ message: [UInt8]) -> ReadDecision {
        let words = String(decoding: message, as: UTF8.self).split(separator: " ")
        left = Int(words[0])!
        size = Int(words[1])!
        ignoresBackPressure = words.count > 2
        return .more
    }

    func endOfMessages() { pump() }
    func writable() { pump() }

    func cancelled(_ reason: CancelReason) {
        print("cancelled \(Self.self) \(reason)")
        fflush(nil)
    }

    private func pump() {
        while left > 0, sink.isWritable || ignoresBackPressure {
            left -= 1
            sink.send([UInt8](repeating: UInt8(truncatingIfNeeded: left), count: size))
        }
        if left == 0 { sink.finish(.ok) }
    }
}

/// Echoes each message, half of them from another thread.
final class BidiEcho: CallReceiver {
    private let sink: any ResponseSink

    init(_ sink: any ResponseSink) { self.sink = sink }

    func receive(_ message: [UInt8]) -> ReadDecision {
        sink.send(message)
        if sink.isWritable { return .more }
        return .pause
    }

    func endOfMessages() { sink.finish(.ok) }
    func writable() { sink.resumeReading() }

    func cancelled(_ reason: CancelReason) {
        print("cancelled \(Self.self) \(reason)")
        fflush(nil)
    }
}

/// Takes one message, pauses for a while, and takes the next; answers with the number of bytes at the end.
final class SlowReader: CallReceiver {
    private let sink: any ResponseSink
    private var byteCount = 0

    init(_ sink: any ResponseSink) { self.sink = sink }

    func receive(_ message: [UInt8]) -> ReadDecision {
        byteCount += message.count
        let sink = sink
        Task.detached {
            try? await Task.sleep(nanoseconds: 20_000_000)
            sink.resumeReading()
        }
        return .pause
    }

    func endOfMessages() {
        sink.send(Array(String(byteCount).utf8))
        sink.finish(.ok)
    }

    func writable() {}
    func cancelled(_ reason: CancelReason) {}
}

/// `milliseconds`: says that it was asked, and answers after so long, from another thread.
final class SlowEcho: CallReceiver {
    private let sink: any ResponseSink

    init(_ sink: any ResponseSink) { self.sink = sink }

    func receive(_ message: [UInt8]) -> ReadDecision {
        let sink = sink
        let delay = UInt64(String(decoding: message, as: UTF8.self))!
        print("asked \(Self.self)")
        fflush(nil)
        Task.detached {
            try? await Task.sleep(nanoseconds: delay * 1_000_000)
            sink.send(message)
            sink.finish(.ok)
        }
        return .more
    }

    func endOfMessages() {}
    func writable() {}

    func cancelled(_ reason: CancelReason) {
        print("cancelled \(Self.self) \(reason)")
        fflush(nil)
    }
}

/// `code size`: ends with that status, a message that needs encoding, `size` bytes of details and a pushback.
final class Failure: CallReceiver {
    private let sink: any ResponseSink

    init(_ sink: any ResponseSink) { self.sink = sink }

    func receive(_ message: [UInt8]) -> ReadDecision {
        let words = String(decoding: message, as: UTF8.self).split(separator: " ")
        let details = (0..<Int(words[1])!).map { UInt8(truncatingIfNeeded: $0) }
        sink.finish(
            CallStatus(
                StatusCode(rawValue: UInt8(words[0])!)!, "nur 3 Stück übrig: 50% (länger warten)", details: details,
                retryPushbackMilliseconds: 1_500))
        return .more
    }

    func endOfMessages() {}
    func writable() {}
    func cancelled(_ reason: CancelReason) {}
}
