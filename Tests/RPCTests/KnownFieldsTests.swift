import Calls
import Testing

@testable import RPC

/// A connection's fields are remembered by the addresses of nghttp2's buffers: nothing may be taken for another.
struct KnownFieldsTests {
    /// The last of them was added last and has index 62 (RFC 7541 2.3.3).
    private static let fields = [
        (":method", "POST"), (":scheme", "http"), (":authority", "test"), (":path", "/test.Echo/Inline"),
        ("content-type", "application/grpc"),
    ]

    @Test func fieldsFromTheCallersTableMeanTheSameOnEveryCall() throws {
        let bench = try Bench()
        _ = bench.exchange(Frames.preface + Frames.settings())
        _ = bench.exchange(added(Self.fields, stream: 1) + Frames.data(stream: 1, message([1]), end: true))
        for number in 1..<500 {
            let stream = Int32(2 * number + 1)
            let block = (0..<Self.fields.count).map { UInt8(0x80 | (61 + Self.fields.count - $0)) }
            let head = Frames.frame(type: 1, flags: 4, stream: stream, block)
            let replies = bench.exchange(head + Frames.data(stream: stream, message([7]), end: true))
            #expect(replies.first { $0.type == 0 }?.payload == message([7]), "call \(number)")
        }
    }

    /// Each call adds its fields to a table of 4,096 bytes anew, so that buffers are let go and made all the time, often
    /// where others were.
    @Test func fieldsWhoseBuffersComeAndGoAreNeverTakenForOthers() throws {
        let bench = try Bench()
        _ = bench.exchange(Frames.preface + Frames.settings())
        for number in 0..<3_000 {
            let stream = Int32(2 * number + 1)
            let isKnown = number % 3 != 0
            let isGRPC = number % 7 != 0
            var fields = Self.fields
            fields[3].1 = isKnown ? "/test.Echo/Inline" : "/test.Echo/Inlinf"
            fields[4].1 = isGRPC ? "application/grpc" : "application/grpx"
            fields.append(("x-filler", String(repeating: "f", count: number * 31 % 200)))
            let replies = bench.exchange(
                added(fields, stream: stream) + Frames.data(stream: stream, message([9]), end: true))
            let body = replies.first { $0.type == 0 }?.payload
            #expect(body == (isKnown && isGRPC ? message([9]) : nil), "call \(number)")
            #expect(!replies.contains { $0.type == 3 && $0.errorCode == 1 }, "call \(number)")
        }
    }

    @Test func malformedFieldIsMalformedEachTime() throws {
        let bench = try Bench()
        _ = bench.exchange(Frames.preface + Frames.settings())
        let bad = Self.fields + [("connection", "close")]
        let indexed = (0..<bad.count).map { UInt8(0x80 | (61 + bad.count - $0)) }
        for number in 0..<20 {
            let stream = Int32(2 * number + 1)
            let head =
                number == 0 ? added(bad, stream: stream) : Frames.frame(type: 1, flags: 4, stream: stream, indexed)
            let reset = bench.exchange(head).first { $0.type == 3 && $0.stream == stream }
            #expect(reset?.payload == [0, 0, 0, 1], "call \(number)")
        }
        #expect(bench.session.streamsOpen == 0)
    }

    /// Literals with incremental indexing (RFC 7541 6.2.1).
    private func added(_ fields: [(String, String)], stream: Int32) -> [UInt8] {
        var block: [UInt8] = []
        for (name, value) in fields {
            block += [0x40, UInt8(name.utf8.count)] + Array(name.utf8)
            precondition(value.utf8.count < 255)
            block += value.utf8.count < 127 ? [UInt8(value.utf8.count)] : [127, UInt8(value.utf8.count - 127)]
            block += Array(value.utf8)
        }
        return Frames.frame(type: 1, flags: 4, stream: stream, block)
    }
}
