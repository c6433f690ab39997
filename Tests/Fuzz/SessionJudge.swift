import Calls

@testable import RPC

/// An HTTP/2 session: an input is a script of frames, raw bytes, time, and what the application does. The session stays
/// within its limits, always ends, tells every call of its end once, and does the same however the bytes were cut.
enum SessionJudge {
    static func judge(_ input: [UInt8]) {
        let whole = play(input, isCut: false)
        let cut = play(input, isCut: true)
        // The queue of our own frames is looked at after each read, so cutting may only find the flood earlier.
        if whole.endedByFlood || cut.endedByFlood { return }
        expect(whole.notes == cut.notes, "the application sees how the bytes were cut")
        expect(whole.frames == cut.frames, "the caller sees how its bytes were cut")
    }

    private struct Trace {
        var notes: [FuzzApplication.Note]
        /// Without the content of header blocks, which hold a random request id.
        var frames: [Frame]
        var endedByFlood: Bool
    }

    private static func play(_ input: [UInt8], isCut: Bool) -> Trace {
        var source = ByteSource(input)
        let seed = source.byte()
        var cutter = Cutter(seed: isCut ? seed | 1 : 0)
        let connection = FuzzConnection()
        connection.application.pauseEvery = Int(source.byte() & 3)
        if seed & 1 == 0 { connection.receive(cutter.pieces(of: Frames.preface + Frames.settings())) }
        for _ in 0..<500 where !source.isAtEnd && !connection.isClosed {
            step(&source, &cutter, connection)
        }
        connection.end()
        let goAway = connection.frames.last { $0.type == 7 }
        return Trace(
            notes: connection.application.notes,
            frames: connection.frames.map { frame in
                Frame(
                    type: frame.type, flags: frame.flags, stream: frame.stream,
                    payload: frame.type == 1 ? [] : frame.payload)
            },
            endedByFlood: goAway?.payload.dropFirst(8).elementsEqual("too_many_frames".utf8) ?? false)
    }

    private static func step(_ source: inout ByteSource, _ cutter: inout Cutter, _ connection: FuzzConnection) {
        let action = source.byte()
        switch action % 16 {
        case 0...4:
            let type = action >> 4
            let flags = source.byte()
            let stream = streamID(&source)
            let payload = source.bytes(Int(source.byte()))
            connection.receive(
                cutter.pieces(of: Frames.frame(type: type, flags: flags, stream: stream, payload)))
        case 5, 6: connection.receive(cutter.pieces(of: request(&source)))
        case 7, 8: connection.receive(cutter.pieces(of: message(&source)))
        case 9: connection.receive(cutter.pieces(of: source.bytes(Int(source.byte()))))
        case 10: connection.pass(nanoseconds: 1 << UInt64(source.byte() % 44))
        case 11: answer(&source, connection, ends: false)
        case 12: answer(&source, connection, ends: true)
        case 13: receiver(&source, connection)?.sink.resumeReading()
        case 14: connection.flush()
        default:
            switch action >> 4 {
            case 15: connection.stop()
            case 14: connection.beginDrain()
            default: connection.flush()
            }
        }
    }

    /// Mostly small; the last byte's values reach the top of the range.
    private static func streamID(_ source: inout ByteSource) -> Int32 {
        let byte = source.byte()
        return byte < 0xF0 ? Int32(byte) : Int32.max - Int32(byte & 15)
    }

    /// A request's headers, well-formed but for what the options spoil.
    private static func request(_ source: inout ByteSource) -> [UInt8] {
        let options = source.byte()
        let stream = streamID(&source)
        let method = FuzzApplication.methods[Int(options & 3)].path
        var more: [(String, String)] = []
        if options & 8 != 0 { more += [("grpc-encoding", "gzip"), ("grpc-accept-encoding", "identity,gzip")] }
        if options & 16 != 0 { more.append(("grpc-timeout", "\(source.byte())m")) }
        if options & 32 != 0 {
            let name = text(&source, countMax: 31)
            more.append((name, text(&source, countMax: 127)))
        }
        if options & 64 != 0 { more.append(("x-channel-id", "refused")) }
        var frame = Frames.request(stream: stream, path: options & 128 != 0 ? "/test.Echo/None" : method, more: more)
        if options & 4 != 0 { frame[4] |= 1 }
        return frame
    }

    /// ASCII, control characters among it.
    private static func text(_ source: inout ByteSource, countMax: UInt8) -> String {
        String(decoding: source.bytes(Int(source.byte() & countMax)).map { $0 & 127 }, as: UTF8.self)
    }

    /// A DATA frame with one whole message, or with what the options make of it.
    private static func message(_ source: inout ByteSource) -> [UInt8] {
        let options = source.byte()
        let stream = streamID(&source)
        let bytes = source.bytes(Int(source.byte()))
        let copies = options & 2 == 0 ? 1 : 16
        let content = [[UInt8]](repeating: bytes, count: copies).flatMap(\.self)
        let length = content.count + (options & 4 == 0 ? 0 : 1)
        let prefix = [options >> 7, 0, 0, UInt8(length >> 8 & 255), UInt8(length & 255)]
        return Frames.data(stream: stream, prefix + content, end: options & 1 != 0)
    }

    private static func receiver(
        _ source: inout ByteSource, _ connection: FuzzConnection
    ) -> FuzzApplication.Receiver? {
        let open = connection.application.receivers.filter { !$0.isOver }
        return open.isEmpty ? nil : open[Int(source.byte()) % open.count]
    }

    private static func answer(_ source: inout ByteSource, _ connection: FuzzConnection, ends: Bool) {
        guard let receiver = receiver(&source, connection) else { return }
        let byte = source.byte()
        let reply = [UInt8](repeating: byte, count: Int(byte) * 16)
        if byte & 1 == 0 || !ends { receiver.sink.send(reply) }
        if ends {
            receiver.finish(byte & 2 == 0 ? .ok : CallStatus(.unavailable, "as asked", details: reply))
        }
    }
}
