import Calls

@testable import RPC

/// gRPC's framing: the messages and the outcome follow from the bytes alone, however DATA frames and reads cut them, and
/// are those of a plain reading of the definition (PROTOCOL-HTTP2, Length-Prefixed-Message).
enum FramingJudge {
    static func judge(_ input: [UInt8]) {
        var source = ByteSource(input)
        let options = source.byte()
        let seed = source.byte() | 1
        let body = source.remaining()
        let isGzip = options & 1 != 0
        let reference = read(body, isGzip: isGzip)

        for (seed, pauseEvery) in [(0, 0), (seed, 0), (seed, Int(options >> 1 & 3))] {
            let chat = exchange("Chat", body, isGzip: isGzip, seed: seed, pauseEvery: pauseEvery)
            expect(chat.messages == reference.messages, "other messages in the stream, cut by \(seed)")
            expect(chat.code == reference.code, "the stream ended \(chat.code), not \(reference.code), cut by \(seed)")
        }
        let whole = exchange("Inline", body, isGzip: isGzip, seed: 0, pauseEvery: 0)
        let cut = exchange("Inline", body, isGzip: isGzip, seed: seed, pauseEvery: 0)
        expect(whole.messages == cut.messages, "another message when it came in pieces")
        if reference.code == .ok, reference.messages.count == 1 {
            expect(whole.messages == reference.messages && whole.code == cut.code, "the one message is another")
        } else {
            expect(whole.messages.isEmpty && whole.code != .ok && cut.code != .ok, "answered without one message")
        }
    }

    /// The definition, read off without regard to speed.
    private static func read(_ body: [UInt8], isGzip: Bool) -> (messages: [[UInt8]], code: StatusCode) {
        var messages: [[UInt8]] = []
        var rest = body[...]
        let messageBytesMax = limits.messageBytesMax
        while rest.count >= 5 {
            let prefix = Array(rest.prefix(5))
            let length = prefix[1...].reduce(0) { $0 << 8 | Int($1) }
            if prefix[0] > 1 { return (messages, .internalError) }
            if length > messageBytesMax { return (messages, .resourceExhausted) }
            if rest.count < 5 + length { break }
            var message = Array(rest.dropFirst(5).prefix(length))
            rest = rest.dropFirst(5 + length)
            if prefix[0] == 1 {
                guard isGzip else { return (messages, .internalError) }
                var gzip = Gzip()
                var plain = ByteQueue()
                switch message.withUnsafeBytes({ gzip.inflate($0, limit: messageBytesMax, into: &plain) }) {
                case .whole: message = Array(plain.bytes)
                case .tooLarge: return (messages, .resourceExhausted)
                case .corrupt: return (messages, .internalError)
                }
            }
            messages.append(message)
        }
        return (messages, rest.isEmpty ? .ok : .internalError)
    }

    // The windows are wide: flow control is the session's matter.
    private static let limits = {
        var limits = FuzzConnection.limits
        limits.streamWindowBytes = 256 << 10
        limits.connectionWindowBytes = 1 << 20
        limits.requestBytesPerConnectionMax = 1 << 20
        limits.controlFramesMax = 1_000
        limits.emptyDataFramesMax = 1_000
        return limits
    }()

    private static func exchange(
        _ method: String, _ body: [UInt8], isGzip: Bool, seed: UInt8, pauseEvery: Int
    ) -> (messages: [[UInt8]], code: StatusCode) {
        let connection = FuzzConnection(limits: limits)
        connection.application.pauseEvery = pauseEvery
        connection.application.finishesAtEnd = true
        var cutter = Cutter(seed: seed)
        let pieces = cutter.pieces(of: body).flatMap { piece in
            stride(from: 0, to: piece.count, by: 16_384).map { Array(piece[$0..<min($0 + 16_384, piece.count)]) }
        }
        var bytes = Frames.preface + Frames.settings()
        let encoding = isGzip ? [("grpc-encoding", "gzip")] : []
        bytes += Frames.request(stream: 1, path: "/test.Echo/\(method)", more: encoding)
        for (index, piece) in pieces.enumerated() {
            bytes += Frames.data(stream: 1, piece, end: index == pieces.count - 1)
        }
        if pieces.isEmpty { bytes += Frames.data(stream: 1, [], end: true) }
        for piece in cutter.pieces(of: bytes) {
            connection.receive([piece])
            for receiver in connection.application.receivers where !receiver.isOver { receiver.sink.resumeReading() }
        }
        // Each resumption may end at the next pause.
        for _ in 0...body.count {
            for receiver in connection.application.receivers where !receiver.isOver { receiver.sink.resumeReading() }
        }
        connection.flush()
        let messages = connection.application.notes.compactMap { note -> [UInt8]? in
            switch note {
            case .answered(let message), .received(_, let message): message
            default: nil
            }
        }
        let codes = connection.outcomes.codes
        expect(codes.count == 1, "one call, \(codes.count) outcomes")
        connection.end()
        return (messages, codes.first ?? .unknown)
    }
}
