import Calls
import Testing

@testable import RPC

/// A malformed request is reset with PROTOCOL_ERROR, counts as no call, and nothing of it reaches the application.
struct MalformedRequestTests {
    @Test(arguments: ["/test.Echo/Inline", "/test.Echo/Hold", "/test.Echo/Chat", "/test.Echo/Unknown"])
    func endOfStreamBeforeTheDeclaredContentIsMalformed(path: String) throws {
        let bench = try ready()
        try expectReset(bench, head(path, [("content-length", "5")], end: true))
    }

    @Test(arguments: ["/test.Echo/Inline", "/test.Echo/Hold", "/test.Echo/Chat"])
    func contentBeyondTheDeclaredIsMalformedAtOnce(path: String) throws {
        let bench = try ready()
        let opening = Frames.request(stream: 1, path: path, more: [("content-length", "3")])
        _ = bench.exchange(opening)
        try expectReset(bench, Frames.data(stream: 1, message([1, 2, 3]), end: false))
        #expect(bench.handler.received == 0)
    }

    @Test func contentShortOfTheDeclaredIsMalformed() throws {
        let bench = try ready()
        _ = bench.exchange(Frames.request(stream: 1, more: [("content-length", "9")]))
        try expectReset(bench, Frames.data(stream: 1, message([1, 2, 3]), end: true))
    }

    @Test func contentAsDeclaredIsAnswered() throws {
        let bench = try ready()
        _ = bench.exchange(Frames.request(stream: 1, more: [("content-length", "8")]))
        let replies = bench.exchange(Frames.data(stream: 1, message([1, 2, 3]), end: true))
        #expect(replies.first { $0.type == 0 }?.payload == message([1, 2, 3]))
    }

    @Test(arguments: [[("connection", "close")], [(":path", "/")], [("Upper", "x")]])
    func fieldsBeyondTheLimitAreJudgedToo(bad: [(String, String)]) throws {
        let padding = (0..<60).map { ("x-padding-\($0)", String(repeating: "p", count: 120)) }
        for fields in [bad + padding, padding + padding + bad] {
            let bench = try ready()
            try expectReset(bench, head("/test.Echo/Inline", fields, end: false))
        }
    }

    @Test func trailersBeyondTheLimitAreJudgedToo() throws {
        let bench = try ready()
        _ = bench.exchange(Frames.request(stream: 1))
        _ = bench.exchange(Frames.data(stream: 1, message([1]), end: false))
        let many = (0..<120).map { ("x-\($0)", "") } + [(":path", "/")]
        try expectReset(bench, Frames.frame(type: 1, flags: 5, stream: 1, Frames.fields(many)))
    }

    private func ready() throws -> Bench {
        let bench = try Bench()
        _ = bench.exchange(Frames.preface + Frames.settings())
        return bench
    }

    private func head(_ path: String, _ more: [(String, String)], end: Bool) -> [UInt8] {
        var bytes = Frames.request(stream: 1, path: path, more: more)
        if end { bytes[4] |= 1 }
        return bytes
    }

    private func expectReset(_ bench: Bench, _ bytes: [UInt8]) throws {
        let replies = bench.exchange(bytes)
        let reset = try #require(replies.first { $0.type == 3 }, "\(replies.map(\.type))")
        #expect(reset.payload == [0, 0, 0, 1])
        #expect(!replies.contains { $0.type <= 1 })
        #expect(bench.session.streamsOpen == 0 && bench.handler.opened.count == bench.handler.cancelled.count)
    }
}
