import Calls
import Engine
import Foundation
import Inventory
import Testing

@testable import Feeds

@Suite struct CloudEventsFeedTests {
    private let structured = ["Content-Type": "application/cloudevents+json"]
    private let event = Array(
        """
        {"specversion":"1.0","id":"e-1","source":"/wms","type":"x.inventory.cycle_count.v1","time":"2026-11-21T03:00:00Z",
        "subject":"skus/A/locations/WH1","data":{"quantity":7}}
        """.utf8)

    private func feed(bearer: String? = nil, origins: [String]? = nil) -> CloudEventsFeed {
        CloudEventsFeed(
            CloudEventsFeed.Settings(
                id: "shop", terms: CloudEventTerms(source: "wms-1"), bearerFile: bearer, allowedOrigins: origins))
    }

    @Test func anEventIsAnsweredAfterItsCommit() async throws {
        let port = ScriptedPort()
        let feed = feed()
        try await port.run(feed) {
            #expect(await feed.answer(.post("/events", structured), event) == HTTPAnswer(202))
            #expect(port.published.map(\.event.id) == ["e-1"])
            var preferring = structured
            preferring["Prefer"] = "respond-async, return=representation"
            let told = await feed.answer(.post("/events", preferring), event)
            #expect(told.status == 200)
            #expect(
                told.body
                    == #"{"results":[{"event_id":"e-1","outcome":"EVENT_OUTCOME_APPLIED","reason":""}]}"# + "\n")
        }
    }

    @Test func theTokenIsAskedForAndComparedWhole() async throws {
        let port = ScriptedPort()
        let feed = feed(bearer: try secretFile("s3cret\n"))
        try await port.run(feed) {
            for wrong in [nil, "Bearer", "Bearer s3cre", "Bearer s3crett", "Basic s3cret", "s3cret", "Bearer "] {
                var head = HTTPHead.post("/events", structured)
                if let wrong { head.fields.append(HTTPHeaderField("Authorization", wrong)) }
                let answer = feed.admit(head)
                #expect(answer?.status == 401, "\(wrong ?? "none")")
                #expect(answer?.fields.contains(HTTPHeaderField("WWW-Authenticate", "Bearer")) == true)
            }
            for right in ["Bearer s3cret", "bearer s3cret"] {
                #expect(feed.admit(.post("/events", structured.merging(["authorization": right]) { $1 })) == nil)
            }
        }
    }

    @Test func aFeedThatDoesNotRunOrCannotCommitAnswersLater() async throws {
        let port = ScriptedPort()
        let feed = feed()
        #expect(feed.admit(.post("/events", structured))?.status == 503)
        #expect(await feed.answer(.post("/events", structured), event).status == 503)
        let run = port.port
        port.fail(FeedFailure("the store is full"))
        let running = Task { () async -> FeedFailure? in
            do throws(FeedFailure) {
                try await feed.run(run)
                return nil
            } catch {
                return error
            }
        }
        while feed.admit(.post("/events", structured)) != nil { await Task.yield() }
        let answer = await feed.answer(.post("/events", structured), event)
        #expect(answer.status == 503 && answer.fields.contains { $0.name == "Retry-After" })
        #expect(await running.value == FeedFailure("the store is full"), "the supervisor learns why")
        #expect(feed.admit(.post("/events", structured))?.status == 503)
    }

    @Test func aMissingSecretIsToldToTheSupervisor() async throws {
        let port = ScriptedPort().port
        for (path, part) in [("/nowhere/token", "cannot be read"), (try secretFile(" \n"), "has 0 bytes")] {
            await #expect { try await feed(bearer: path).run(port) } throws: { "\($0)".contains(part) }
        }
    }

    @Test func moreThanMayWaitIsToldToComeAgain() async throws {
        let port = ScriptedPort()
        let (gate, opener) = AsyncStream.makeStream(of: Void.self)
        port.hold(until: gate)
        let desk = FeedDesk<Int>(waitingEventsMax: 2)
        let scripted = port.port
        let running = Task { try? await desk.work(scripted, 1) }
        while desk.credentials == nil { await Task.yield() }
        let event = CloudEventReader(CloudEventTerms(source: "wms-1")).event(event)
        let first = Task { await desk.publish([event, event]) }
        while desk.waitingEvents == 0 { await Task.yield() }
        if case .full = await desk.publish([event]) {} else { Issue.record("it was let in") }
        opener.finish()
        if case .published(let results) = await first.value { #expect(results.count == 2) } else { Issue.record() }
        #expect(desk.waitingEvents == 0)
        running.cancel()
        _ = await running.value
        #expect(desk.credentials == nil)
    }

    @Test func bodiesThatCannotBeReadAreRefused() async throws {
        let port = ScriptedPort()
        let feed = feed()
        try await port.run(feed) {
            #expect(feed.admit(.post("/events", ["Content-Type": "application/cloudevents+avro"]))?.status == 415)
            #expect(feed.admit(.post("/events", ["Content-Type": "text/plain"]))?.status == 415)
            let answer = await feed.answer(.post("/events", structured), Array("{}".utf8))
            #expect(answer.status == 400 && answer.body == "specversion: must be 1.0, is \"\"\n")
            let batch = HTTPHead.post("/events", ["Content-Type": "application/cloudevents-batch+json"])
            let many = Array("[\(Array(repeating: "{}", count: 1_001).joined(separator: ","))]".utf8)
            #expect(await feed.answer(batch, many).status == 413)
            #expect(await feed.answer(batch, Array("[]".utf8)).status == 202)
            #expect(port.published.isEmpty)
        }
    }

    // MARK: The handshake

    @Test(
        arguments: [
            (nil, "a.example", 200), (["*"], "a.example", 200), (["A.example"], "a.example", 200),
            (["b.example"], "a.example", 403), ([], "a.example", 403), (nil, nil, 400),
        ] as [([String]?, String?, Int)])
    func consentIsGivenToAllowedOrigins(_ allowed: [String]?, _ origin: String?, _ status: Int) {
        var head = HTTPHead(method: "OPTIONS", path: "/events")
        head.fields.append(HTTPHeaderField("WebHook-Request-Rate", "120"))
        if let origin { head.fields.append(HTTPHeaderField("webhook-request-origin", origin)) }
        let answer = feed(bearer: "/nowhere", origins: allowed).admit(head)
        #expect(answer?.status == status)
        let fields = Dictionary(uniqueKeysWithValues: (answer?.fields ?? []).map { ($0.name, $0.value) })
        #expect(fields["Allow"] == "POST, OPTIONS")
        #expect(fields["WebHook-Allowed-Origin"] == (status == 200 ? origin : nil))
        #expect(fields["WebHook-Allowed-Rate"] == (status == 200 ? "*" : nil))
    }

    @Test func aDeliveryOfAnotherOriginIsRefused() async throws {
        let feed = feed(origins: ["a.example"])
        try await ScriptedPort().run(feed) {
            func status(_ origin: String?) -> Int? {
                var fields = structured
                if let origin { fields["WebHook-Request-Origin"] = origin }
                return feed.admit(.post("/events", fields))?.status
            }
            #expect(status(nil) == nil && status("a.example") == nil && status("b.example") == 403)
        }
    }
}
