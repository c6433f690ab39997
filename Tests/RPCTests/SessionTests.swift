import Calls
import Testing

@testable import RPC

/// The session without a socket: frames in, frames out.
struct SessionTests {
    @Test func callIsAnsweredHoweverItsBytesAreCut() throws {
        let request =
            Frames.preface + Frames.settings() + Frames.request(stream: 1)
            + Frames.data(stream: 1, message([1, 2, 3]), end: true)
        for cut in stride(from: 1, to: request.count, by: 1) {
            let bench = try Bench()
            let replies = bench.exchange(Array(request[..<cut])) + bench.exchange(Array(request[cut...]))
            let body = replies.filter { $0.type == 0 }.flatMap(\.payload)
            #expect(body == message([1, 2, 3]), "cut at \(cut)")
            #expect(replies.filter { $0.type == 1 && $0.stream == 1 }.count == 2, "cut at \(cut)")
            #expect(bench.session.streamsOpen == 0)
        }
    }

    @Test func callArrivingByteByByteIsAnsweredOnce() throws {
        let bench = try Bench()
        let request =
            Frames.preface + Frames.settings() + Frames.request(stream: 1)
            + Frames.data(stream: 1, message([7]), end: true)
        let replies = request.flatMap { bench.exchange([$0]) }
        #expect(replies.filter { $0.type == 0 }.map(\.payload) == [message([7])])
        #expect(bench.handler.turns == request.count)
    }

    @Test func slotsAreReusedFromCallToCall() throws {
        let bench = try Bench()
        _ = bench.exchange(Frames.preface + Frames.settings())
        for number in 0..<1_000 {
            let stream = Int32(2 * number + 1)
            let replies = bench.exchange(
                Frames.request(stream: stream) + Frames.data(stream: stream, message([UInt8(number & 255)]), end: true))
            #expect(replies.first { $0.type == 0 }?.payload == message([UInt8(number & 255)]))
        }
        let key = bench.context.streams.acquire().pointee.key
        #expect(key.generation == 1_000)
        #expect(bench.counters.snapshot().methods[0].outcomes[0].count == 1_000)
    }

    @Test func openingASkippedStreamIsAConnectionError() throws {
        let bench = try Bench()
        _ = bench.exchange(Frames.preface + Frames.settings() + Frames.request(stream: 1) + Frames.request(stream: 7))
        #expect(!bench.session.isClosing)
        let replies = bench.exchange(Frames.request(stream: 5))
        #expect(replies.last { $0.type == 7 }?.errorCode == 1)
        #expect(bench.session.isClosing)
        bench.end()
    }

    @Test func emptyDataFramesInARowCloseTheConnection() throws {
        let bench = try Bench()
        _ = bench.exchange(Frames.preface + Frames.settings() + Frames.request(stream: 1))
        let empty = Frames.data(stream: 1, [], end: false)
        _ = bench.exchange(Array(repeating: empty, count: 10).flatMap { $0 })
        #expect(!bench.session.isClosing)
        #expect(bench.exchange(empty).last { $0.type == 7 }?.errorCode == 11)
        bench.end()
    }

    @Test func controlFramesEmptyTheirBucket() throws {
        let bench = try Bench()
        _ = bench.exchange(Frames.preface + Frames.settings())
        let priority = Frames.frame(type: 2, flags: 0, stream: 3, [0, 0, 0, 0, 15])
        _ = bench.exchange(Array(repeating: priority, count: 990).flatMap { $0 })
        #expect(!bench.session.isClosing)
        let replies = bench.exchange(Array(repeating: priority, count: 20).flatMap { $0 })
        #expect(replies.last { $0.type == 7 }?.errorCode == 11)
    }

    @Test func resetsWeAreMadeToSendEmptyTheirBucket() throws {
        let bench = try Bench()
        _ = bench.exchange(Frames.preface + Frames.settings())
        var replies: [Frame] = []
        for number in 0..<150 where !bench.session.isClosing {
            let stream = Int32(2 * number + 1)
            // A WINDOW_UPDATE that overflows is a stream error (RFC 9113 6.9.1).
            replies += bench.exchange(
                Frames.request(stream: stream) + Frames.frame(type: 8, flags: 0, stream: stream, [0x7F, 255, 255, 255]))
        }
        #expect(replies.filter { $0.type == 3 }.count <= 101)
        #expect(replies.last { $0.type == 7 }?.errorCode == 11)
        bench.end()
    }

    @Test func deadlineThatPassesEndsTheCall() throws {
        let bench = try Bench()
        _ = bench.exchange(
            Frames.preface + Frames.settings()
                + Frames.request(stream: 1, path: "/test.Echo/Hold", more: [("grpc-timeout", "100m")])
                + Frames.data(stream: 1, message([]), end: true))
        #expect(bench.handler.opened.count == 1)
        #expect(bench.pass(milliseconds: 90).isEmpty)
        let replies = bench.pass(milliseconds: 20)
        #expect(replies.contains { $0.type == 1 && $0.stream == 1 })
        #expect(bench.handler.cancelled == [.deadlineExceeded])
        #expect(bench.counters.snapshot().methods[1].outcomes[4].count == 1)
        #expect(bench.session.streamsOpen == 0)
    }

    @Test func sinkOfAnEndedCallDoesNothing() throws {
        let bench = try Bench()
        _ = bench.exchange(
            Frames.preface + Frames.settings() + Frames.request(stream: 1, path: "/test.Echo/Hold")
                + Frames.data(stream: 1, message([]), end: true))
        _ = bench.exchange(Frames.frame(type: 3, flags: 0, stream: 1, [0, 0, 0, 8]))
        #expect(bench.handler.cancelled == [.resetByCaller])
        _ = bench.exchange(
            Frames.request(stream: 3, path: "/test.Echo/Hold") + Frames.data(stream: 3, message([]), end: true))
        // The first call's sink must not answer the second, which has its slot.
        bench.handler.opened[0].send([1])
        bench.handler.opened[0].finish(.ok)
        #expect(bench.exchange([]).isEmpty)
        bench.handler.opened[1].send([2])
        bench.handler.opened[1].finish(.ok)
        #expect(bench.exchange([]).first { $0.type == 0 }?.payload == message([2]))
    }

    @Test func lostConnectionCancelsEveryCall() throws {
        let bench = try Bench()
        _ = bench.exchange(Frames.preface + Frames.settings())
        for stream in [1, 3, 5] as [Int32] {
            _ = bench.exchange(
                Frames.request(stream: stream, path: "/test.Echo/Hold")
                    + Frames.data(stream: stream, message([]), end: true))
        }
        bench.session.close(.connectionLost)
        #expect(bench.handler.cancelled == [.connectionLost, .connectionLost, .connectionLost])
        #expect(bench.session.streamsOpen == 0)
    }

    @Test func streamsEndWhenTheServerStopsAndOtherCallsGoOn() throws {
        let bench = try Bench()
        _ = bench.exchange(Frames.preface + Frames.settings())
        for (stream, path) in [(1, "Hold"), (3, "Follow"), (5, "Chat")] as [(Int32, String)] {
            _ = bench.exchange(
                Frames.request(stream: stream, path: "/test.Echo/\(path)")
                    + Frames.data(stream: stream, message([7]), end: path != "Chat"))
        }
        bench.handler.opened[1].send([8])
        bench.session.endStreams()
        // What was sent still goes out; of the chat nothing more is read, and it ends when it is answered.
        let replies = bench.exchange(Frames.data(stream: 5, message([9]), end: false))
        #expect(replies.contains { $0.type == 0 && $0.stream == 3 && $0.payload == message([8]) })
        #expect(bench.handler.cancelled == [.serverStopping])
        #expect(bench.handler.received == 3 && bench.handler.ends == 3)
        bench.handler.opened[2].send([10])
        bench.handler.opened[2].finish(.ok)
        #expect(bench.exchange([]).contains { $0.type == 0 && $0.stream == 5 && $0.payload == message([10]) })
        let methods = bench.counters.snapshot().methods
        let unavailable = Int(StatusCode.unavailable.rawValue)
        #expect(methods[3].outcomes[unavailable].count == 1 && methods[2].outcomes[unavailable].count == 1)
        #expect(bench.session.streamsOpen == 1 && methods[1].outcomes.allSatisfy { $0.count == 0 })
        bench.handler.opened[0].send([1])
        bench.handler.opened[0].finish(.ok)
        _ = bench.exchange([])
        #expect(bench.session.streamsOpen == 0)
    }

    @Test func chatThatItsCallerEndedGoesOnToItsOwnEnd() throws {
        let bench = try Bench()
        _ = bench.exchange(
            Frames.preface + Frames.settings() + Frames.request(stream: 1, path: "/test.Echo/Chat")
                + Frames.data(stream: 1, message([7]), end: true))
        bench.session.endStreams()
        bench.handler.opened[0].send([8])
        bench.handler.opened[0].finish(.ok)
        #expect(bench.exchange([]).contains { $0.type == 0 && $0.payload == message([8]) })
        #expect(bench.counters.snapshot().methods[2].outcomes[0].count == 1)
    }

    @Test func streamThatIsOpenedWhileTheServerStopsIsRefused() throws {
        let bench = try Bench()
        bench.context.isStopping = true
        _ = bench.exchange(
            Frames.preface + Frames.settings() + Frames.request(stream: 1, path: "/test.Echo/Follow")
                + Frames.data(stream: 1, message([7]), end: true) + Frames.request(stream: 3, path: "/test.Echo/Hold")
                + Frames.data(stream: 3, message([7]), end: true))
        #expect(bench.handler.opened.count == 1)
        let methods = bench.counters.snapshot().methods
        #expect(methods[3].outcomes[Int(StatusCode.unavailable.rawValue)].count == 1)
        bench.end()
    }

    @Test func drainAnnouncesThenNamesTheLastStream() throws {
        let bench = try Bench()
        _ = bench.exchange(
            Frames.preface + Frames.settings() + Frames.request(stream: 1, path: "/test.Echo/Hold")
                + Frames.data(stream: 1, message([]), end: true))
        bench.session.beginDrain()
        let announced = bench.exchange([])
        #expect(announced.first { $0.type == 7 }?.lastStream == .max)
        let ping = try #require(announced.first { $0.type == 6 })
        let final = bench.exchange(Frames.frame(type: 6, flags: 1, stream: 0, ping.payload))
        #expect(final.first { $0.type == 7 }?.lastStream == 1)
        #expect(!bench.session.isFinished)
        bench.handler.opened[0].send([9])
        bench.handler.opened[0].finish(.ok)
        #expect(bench.exchange([]).contains { $0.type == 0 && $0.payload == message([9]) })
        #expect(bench.session.isFinished)
    }
}
