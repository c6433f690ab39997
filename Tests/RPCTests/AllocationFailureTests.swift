import Calls
import Testing

@testable import RPC

/// The same conversation again and again, each time with another allocation of nghttp2's refused, until none is.
struct AllocationFailureTests {
    @Test(arguments: [true, false])
    func connectionGoesOnOrEndsCleanlyWhicheverAllocationFails(refusesOnlyOne: Bool) throws {
        var number = 1
        while true {
            let memory = FailingMemory(refusedFrom: number, refusesOnlyOne: refusesOnlyOne)
            let isAbandoned = try converse(memory, number)
            #expect(memory.live == 0 || isAbandoned, "allocation \(number): memory is left behind")
            if memory.asked < number { break }
            number += 1
            try #require(number < 10_000)
        }
        #expect(number > 50, "the conversation allocates")
    }

    /// Whether nghttp2's session had to be left behind.
    private func converse(_ memory: FailingMemory, _ number: Int) throws -> Bool {
        let bench: Bench
        do {
            bench = try Bench(memory: memory.table)
        } catch is Bench.NoSession {
            return false
        }
        var frames = bench.greeting
        for step in conversation where !bench.session.isFinished { frames += step(bench) }
        let handler = bench.handler
        if bench.session.isFinished {
            // The last frame says why, and nothing follows it.
            let last = try #require(frames.last)
            #expect(last.type == 7 && last.errorCode == 2, "allocation \(number)")
            #expect(bench.exchange([]).isEmpty)
        } else {
            let ended = Set(frames.filter { $0.type == 1 && $0.flags & 1 != 0 }.map(\.stream))
            #expect(ended == [1, 5, 7, 11, 15], "allocation \(number)")
            #expect(frames.contains { $0.type == 3 && $0.stream == 9 })
        }
        bench.end()
        #expect(bench.session.streamsOpen == 0)
        // The calls that the handler did not end were cancelled, each once.
        #expect(handler.cancelled.count + handler.finished == handler.opened.count, "allocation \(number)")

        // The loop and its other connections are none the worse.
        memory.refusedFrom = 0
        let next = try #require(Session(context: bench.context, peer: nil))
        let replies = bench.exchange(
            Frames.preface + Frames.settings() + Frames.request(stream: 1)
                + Frames.data(stream: 1, message([9]), end: true), with: next)
        #expect(replies.first { $0.type == 0 }?.payload == message([9]), "allocation \(number)")
        next.close(.connectionLost)
        return bench.session.isAbandoned
    }

    /// Connect, ask, get a big reply, be reset and reset, fail, drain.
    private var conversation: [(Bench) -> [Frame]] {
        let hold = "/test.Echo/Hold"
        return [
            { $0.exchange(Frames.preface + Frames.settings() + Frames.frame(type: 4, flags: 1, stream: 0, [])) },
            { bench in
                let half = message([UInt8](repeating: 1, count: 40_000))
                return bench.exchange(
                    Frames.request(stream: 1) + Frames.data(stream: 1, Array(half[..<16_000]), end: false)
                        + Frames.data(stream: 1, Array(half[16_000..<32_000]), end: false)
                        + Frames.data(stream: 1, Array(half[32_000...]), end: true))
            },
            { $0.exchange(Frames.frame(type: 8, flags: 0, stream: 0, [0, 1, 0, 0])) },
            {
                $0.exchange(
                    Frames.request(stream: 3, path: hold) + Frames.data(stream: 3, message([1]), end: true)
                        + Frames.frame(type: 3, flags: 0, stream: 3, [0, 0, 0, 8]))
            },
            { $0.exchange(Frames.request(stream: 5, path: hold) + Frames.data(stream: 5, message([1]), end: true)) },
            { $0.finish(.ok, reply: [1, 2, 3]) },
            { $0.exchange(Frames.request(stream: 7, path: hold) + Frames.data(stream: 7, message([1]), end: true)) },
            { $0.finish(CallStatus(.notFound, "kein Stück", details: [1, 2, 3])) },
            // A window that overflows: a reset of ours.
            {
                $0.exchange(
                    Frames.request(stream: 9) + Frames.frame(type: 8, flags: 0, stream: 9, [0x7F, 255, 255, 255]))
            },
            { $0.exchange(Frames.request(stream: 11, path: "/test.Echo/Nothing")) },
            { $0.exchange(Frames.frame(type: 6, flags: 0, stream: 0, [1, 2, 3, 4, 5, 6, 7, 8])) },
            { $0.exchange(Frames.request(stream: 13, path: hold) + Frames.data(stream: 13, message([1]), end: true)) },
            {
                $0.exchange(
                    Frames.request(stream: 15, path: hold, more: [("grpc-timeout", "1m")])
                        + Frames.data(stream: 15, message([1]), end: true))
            },
            { $0.pass(milliseconds: 20) },
            { bench in
                bench.session.beginDrain()
                return bench.exchange([])
            },
            { $0.exchange(Frames.frame(type: 6, flags: 1, stream: 0, [0, 0, 0, 0, 0, 0, 0, 0])) },
            { $0.exchange(Frames.frame(type: 7, flags: 0, stream: 0, [0, 0, 0, 0, 0, 0, 0, 0])) },
        ]
    }
}
