import CNGHTTP2
import Calls

@testable import RPC

/// A frame as the session sent it.
struct Frame: Equatable {
    let type: UInt8
    let flags: UInt8
    let stream: Int32
    let payload: [UInt8]

    /// Of a GOAWAY.
    var lastStream: Int32 { Int32(bitPattern: word(0)) }
    var errorCode: UInt32 { word(4) }

    private func word(_ offset: Int) -> UInt32 {
        payload[offset..<offset + 4].reduce(0) { $0 << 8 | UInt32($1) }
    }
}

/// Frames a caller sends, with header fields as plain literals (RFC 7541 6.2.2).
enum Frames {
    static let preface = Array("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".utf8)

    static func frame(type: UInt8, flags: UInt8, stream: Int32, _ payload: [UInt8]) -> [UInt8] {
        let count = payload.count
        var bytes: [UInt8] = [UInt8(count >> 16), UInt8(count >> 8 & 255), UInt8(count & 255), type, flags]
        for shift in [24, 16, 8, 0] as [Int32] { bytes.append(UInt8(truncatingIfNeeded: stream >> shift)) }
        return bytes + payload
    }

    static func settings() -> [UInt8] { frame(type: 4, flags: 0, stream: 0, []) }

    static func data(stream: Int32, _ bytes: [UInt8], end: Bool) -> [UInt8] {
        frame(type: 0, flags: end ? 1 : 0, stream: stream, bytes)
    }

    static func request(
        stream: Int32, path: String = "/test.Echo/Inline", more: [(String, String)] = []
    ) -> [UInt8] {
        let fields = [
            (":method", "POST"), (":scheme", "http"), (":path", path), (":authority", "test"),
            ("content-type", "application/grpc"),
        ]
        return frame(type: 1, flags: 4, stream: stream, self.fields(fields + more))
    }

    static func fields(_ fields: [(String, String)]) -> [UInt8] {
        var block: [UInt8] = []
        for (name, value) in fields {
            block += [0, UInt8(name.utf8.count)] + Array(name.utf8)
            block += [UInt8(value.utf8.count)] + Array(value.utf8)
        }
        return block
    }

    static func parse(_ bytes: [UInt8]) -> [Frame] {
        var frames: [Frame] = []
        var offset = 0
        while offset + 9 <= bytes.count {
            let count = Int(bytes[offset]) << 16 | Int(bytes[offset + 1]) << 8 | Int(bytes[offset + 2])
            let stream = bytes[offset + 5..<offset + 9].reduce(Int32(0)) { $0 << 8 | Int32($1) }
            let payload = Array(bytes[offset + 9..<offset + 9 + count])
            frames.append(
                Frame(type: bytes[offset + 3], flags: bytes[offset + 4], stream: stream, payload: payload))
            offset += 9 + count
        }
        return frames
    }
}

/// A gRPC message with its prefix.
func message(_ bytes: [UInt8]) -> [UInt8] {
    [0, 0, 0, UInt8(bytes.count >> 8), UInt8(bytes.count & 255)] + bytes
}

/// One session, its loop's state, and a clock that stands still.
final class Bench {
    let context: LoopContext
    let session: Session
    let handler = BenchHandler()
    let counters = LoopCounters(methodCount: 5)
    /// What the session said first.
    private(set) var greeting: [Frame] = []

    /// There was no memory for one.
    struct NoSession: Error {}

    init(limits: WireLimits = WireLimits(), memory: UnsafeMutablePointer<nghttp2_mem>? = nil) throws {
        let mailbox = try Mailbox()
        mailbox.adoptCurrentThread()
        let methods = MethodTable([
            MethodDescriptor(service: "test.Echo", name: "Inline", kind: .unaryInline),
            MethodDescriptor(service: "test.Echo", name: "Hold", kind: .unary),
            MethodDescriptor(service: "test.Echo", name: "Chat", kind: .bidirectional),
            MethodDescriptor(service: "test.Echo", name: "Follow", kind: .serverStreaming),
        ])
        context = LoopContext(
            limits: limits, methods: methods, counters: counters, observer: nil, mailbox: mailbox, handler: handler,
            nowNanoseconds: 1_000_000_000, memory: memory)
        guard let made = Session(context: context, peer: nil) else { throw NoSession() }
        session = made
        greeting = output(session)
    }

    deinit {
        session.close(.connectionLost)
        // These refer back to the context, which refers to both.
        context.unflushed = []
        handler.opened = []
    }

    func exchange(_ bytes: [UInt8], with other: Session? = nil) -> [Frame] {
        if !bytes.isEmpty { bytes.withUnsafeBytes { (other ?? session).receive($0) } }
        return output(other ?? session)
    }

    /// The application ends the call that was opened last.
    func finish(_ status: CallStatus, reply: [UInt8]? = nil) -> [Frame] {
        if let reply { handler.opened.last?.send(reply) }
        handler.opened.last?.finish(status)
        handler.finished += 1
        return output(session)
    }

    /// Time passes, and deadlines with it.
    func pass(milliseconds count: Int) -> [Frame] {
        context.nowNanoseconds += milliseconds(count)
        context.wheel.advance(nowNanoseconds: context.nowNanoseconds)
        while let timer = context.wheel.nextDue() {
            session.deadlinePassed(StreamPointer(timer.pointee.owner!))
        }
        return output(session)
    }

    func end() { session.close(.connectionLost) }

    private func output(_ session: Session) -> [Frame] {
        var bytes: [UInt8] = []
        while let frame = session.nextOutput() { bytes += Array(frame) }
        return Frames.parse(bytes)
    }
}

/// Echoes inline; holds what it is asked to open.
final class BenchHandler: LoopHandler {
    private(set) var turns = 0
    fileprivate(set) var opened: [any ResponseSink] = []
    fileprivate(set) var finished = 0
    /// Messages that receivers were given.
    fileprivate(set) var received = 0
    /// Receivers that heard the end of their messages.
    fileprivate(set) var ends = 0
    fileprivate(set) var cancelled: [CancelReason] = []

    func turnBegan() { turns += 1 }
    func turnEnded() {}

    func answer(method: Int, request: UnsafeRawBufferPointer, reply: inout ReplyBuffer) throws(CallStatus) {
        let target = reply.reserve(request.count)
        if let start = request.baseAddress { target.copyMemory(from: start, byteCount: request.count) }
        reply.advance(by: request.count)
    }

    func open(_ context: CallContext, sink: any ResponseSink) throws(CallStatus) -> any CallReceiver {
        opened.append(sink)
        return Holder(self)
    }

    private final class Holder: CallReceiver {
        // The handler outlives its calls.
        private unowned let handler: BenchHandler

        init(_ handler: BenchHandler) { self.handler = handler }

        func receive(_ message: [UInt8]) -> ReadDecision {
            handler.received += 1
            return .more
        }
        func endOfMessages() { handler.ends += 1 }
        func writable() {}
        func cancelled(_ reason: CancelReason) { handler.cancelled.append(reason) }
    }
}
