import Engine
import Feeds
import Inventory
import Testing

@testable import JetStream

/// Against a real nats-server.
@Suite struct JetStreamFeedTests {
    @Test func whatIsPublishedThereIsCommittedThenAcknowledged() async throws {
        let server = try NatsServer()
        try server.addStream("STOCK", subject: "stock.>")
        for number in 1...25 { try server.publish("stock.wh1", "e\(number)") }
        let recorder = FeedRecorder()
        try await running(testFeed(server, subjects: ["stock.wh1"], batch: 10), recorder) {
            await recorder.wait("all events") { recorder.bodies.count == 25 }
            await recorder.wait("acknowledgements") {
                server.consumer("d", of: "STOCK").map { $0.acknowledged == 25 && $0.unacknowledged == 0 } == true
            }
            // While it waits for messages, one is read as soon as it comes, not when a batch is full.
            try server.publish("stock.wh1", "e26")
            await recorder.wait("the one that came alone") { recorder.bodies.count == 26 }
        }
        #expect(recorder.bodies == (1...26).map { "e\($0)" })
        #expect(recorder.batches.allSatisfy { $0 <= 10 })
        #expect(recorder.position?.text.hasSuffix(" stock.wh1=26") == true)
        #expect(recorder.backlog?.waiting == 0)
        #expect(server.consumer("d", of: "STOCK") != nil)
    }

    @Test func whatWasRefusedComesAgainInAnotherRun() async throws {
        let server = try NatsServer()
        try server.addStream("STOCK", subject: "stock.>")
        for number in 1...4 { try server.publish("stock.wh1", "e\(number)") }
        let recorder = FeedRecorder()
        recorder.refuse(1)
        try await running(testFeed(server, subjects: ["stock.wh1"], batch: 2), recorder) {
            await recorder.wait("all events") { Set(recorder.bodies).count == 4 }
            await recorder.wait("acknowledgements") { server.consumer("d", of: "STOCK")?.acknowledged == 4 }
            try server.publish("stock.wh1", "e5")
            await recorder.wait("the last") { recorder.bodies.contains("e5") }
        }
        #expect(recorder.refusalsLeft == 0 && recorder.bodies.count == 5)
        #expect(recorder.position?.text.hasSuffix(" stock.wh1=5") == true)
    }

    @Test func eachSubjectIsReadByItsOwnConsumerAndTheOthersLeftAlone() async throws {
        let server = try NatsServer()
        try server.addStream("STOCK", subject: "stock.>")
        for number in 1...3 {
            for place in ["wh1", "wh2", "wh3"] { try server.publish("stock.\(place)", "\(place)-\(number)") }
        }
        let recorder = FeedRecorder()
        try await running(testFeed(server, subjects: ["stock.wh1", "stock.wh2"]), recorder) {
            await recorder.wait("both subjects") { recorder.bodies.count == 6 }
            await recorder.wait("acknowledgements") {
                server.consumer("d-stock_wh1", of: "STOCK")?.unacknowledged == 0
                    && server.consumer("d-stock_wh2", of: "STOCK")?.unacknowledged == 0
            }
        }
        #expect(Set(recorder.bodies) == Set((1...3).flatMap { ["wh1-\($0)", "wh2-\($0)"] }))
        #expect(recorder.position?.text.hasSuffix(" stock.wh1=7 stock.wh2=8") == true)
    }

    @Test func aConsumerThatIsGoneIsMadeAnewAfterWhatWasCommitted() async throws {
        let server = try NatsServer()
        try server.addStream("STOCK", subject: "stock.>")
        for number in 1...3 { try server.publish("stock.wh1", "e\(number)") }
        let recorder = FeedRecorder()
        try await running(testFeed(server, subjects: ["stock.wh1"]), recorder) {
            await recorder.wait("the first") { recorder.bodies.count == 3 }
            try server.deleteConsumer("d", of: "STOCK")
            try server.publish("stock.wh1", "e4")
            await recorder.wait("what came after") { recorder.bodies.count == 4 }
        }
        // Also when the feed did not run.
        try server.deleteConsumer("d", of: "STOCK")
        try server.publish("stock.wh1", "e5")
        try await running(testFeed(server, subjects: ["stock.wh1"]), recorder) {
            await recorder.wait("what came then") { recorder.bodies.count == 5 }
        }
        #expect(recorder.bodies == (1...5).map { "e\($0)" })
    }

    @Test func theFeedGoesOnAfterTheServerWasKilled() async throws {
        let server = try NatsServer()
        try server.addStream("STOCK", subject: "stock.>")
        try server.publish("stock.wh1", "e1")
        let recorder = FeedRecorder()
        try await running(testFeed(server, subjects: ["stock.wh1"]), recorder) {
            await recorder.wait("what came before") { recorder.bodies.contains("e1") }
            server.kill()
            try server.start()
            await recorder.wait("the server") { server.messages(in: "STOCK") == 1 }
            try server.publish("stock.wh1", "e2")
            await recorder.wait("what came after") { recorder.bodies.contains("e2") }
        }
    }

    @Test func aReplayReadsFromItsStartUpToWhereTheFeedStood() async throws {
        let server = try NatsServer()
        try server.addStream("STOCK", subject: "stock.>")
        for number in 1...6 { try server.publish("stock.wh1", "e\(number)") }
        let recorder = FeedRecorder()
        let feed = try testFeed(server, subjects: ["stock.wh1"], batch: 2)
        try await running(feed, recorder) {
            await recorder.wait("all events") { recorder.bodies.count == 6 }
        }
        try server.publish("stock.wh1", "e7")
        for (start, expected) in [
            (ReplayStart.position("4"), 4...6), (.time(0), 1...6),
            (.position(recorder.position?.text.replacing("=6", with: "=2") ?? ""), 3...6),
        ] {
            let replayed = FeedRecorder()
            try await feed.replay(from: start, replayed.port)
            #expect(replayed.bodies == expected.map { "e\($0)" })
            #expect(replayed.position == recorder.position)
        }
        await #expect(throws: FeedFailure.self) { try await feed.replay(from: .position("x"), recorder.port) }
        let beyond = FeedRecorder()
        try await feed.replay(from: .position("7"), beyond.port)
        #expect(beyond.bodies == [])
    }

    @Test func aMessageLargerThanABatchMayBeComesAlone() async throws {
        let server = try NatsServer(configuration: "max_payload: 16777216\n")
        try server.addStream("STOCK", subject: "stock.>")
        let large = String(repeating: "x", count: 9 << 20)
        for body in ["e1", large, "e2"] { try server.publish("stock.wh1", body) }
        let recorder = FeedRecorder()
        try await running(testFeed(server, subjects: ["stock.wh1"]), recorder) {
            await recorder.wait("all three") { recorder.bodies.count == 3 }
        }
        #expect(recorder.bodies == ["e1", String(large.prefix(64)), "e2"])
    }

    @Test func whatIsNotThereIsSaid() async throws {
        let server = try NatsServer()
        let recorder = FeedRecorder()
        let feed = try testFeed(server, subjects: ["stock.wh1"])
        var failure = await #expect(throws: FeedFailure.self) { try await feed.run(recorder.port) }
        #expect(failure?.description.hasPrefix("stream STOCK: ") == true, "\(failure?.description ?? "")")
        server.kill()
        failure = await #expect(throws: FeedFailure.self) { try await feed.run(recorder.port) }
        #expect(failure?.description.hasPrefix(server.url) == true, "\(failure?.description ?? "")")
    }

    @Test func aPublisherStoresAnIdOnceAndConnectsAgain() async throws {
        let server = try NatsServer()
        try server.addStream("OUT", subject: "out.>")
        let publisher = JetStreamPublisher(NatsEndpoint(url: server.url, name: "test"))
        for id in ["1", "1", "2"] {
            try await publisher.publish(
                subject: "out.web", id: id, headers: [("Content-Type", "application/json")], body: Array("{}".utf8))
        }
        #expect(server.messages(in: "OUT") == 2)
        await #expect(throws: FeedFailure.self) {
            try await publisher.publish(subject: "nobody.takes.it", id: "3", headers: [], body: [])
        }
        await #expect(throws: FeedFailure.self) {
            try await publisher.publish(subject: "out.web", id: "3", headers: [("a", "b\r\nc: d")], body: [])
        }
        server.kill()
        await #expect(throws: FeedFailure.self) {
            try await publisher.publish(subject: "out.web", id: "3", headers: [], body: [])
        }
        try server.start()
        let recorder = FeedRecorder()
        await recorder.wait("the server") { server.messages(in: "OUT") == 2 }
        try await publisher.publish(subject: "out.web", id: "3", headers: [], body: [])
        #expect(server.messages(in: "OUT") == 3)
    }

    @Test func aPublisherOfSeveralWaitsForNoneThatIsCancelled() async throws {
        let server = try NatsServer()
        try server.addStream("OUT", subject: "out.>")
        let publisher = JetStreamPublisher(NatsEndpoint(url: server.url, name: "test"), callsMax: 4)
        func publish(_ ids: Range<Int>) -> [Task<Void, any Error>] {
            ids.map { id in
                Task { try await publisher.publish(subject: "out.\(id)", id: "\(id)", headers: [], body: []) }
            }
        }
        for task in publish(0..<40) { try await task.value }
        #expect(server.messages(in: "OUT") == 40)
        // Connected, and silent: four are at the server, the others wait for a thread.
        server.suspend()
        let stuck = publish(40..<400)
        for task in stuck { task.cancel() }
        for task in stuck { await #expect(throws: FeedFailure("cancelled")) { try await task.value } }
        server.resume()
        for task in publish(400..<410) { try await task.value }
        let stored = try #require(server.messages(in: "OUT"))
        #expect((50...54).contains(stored), "of those that nobody waits for only what was on its way is sent")
    }
}
