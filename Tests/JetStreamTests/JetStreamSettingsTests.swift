import Feeds
import Testing

@testable import JetStream

@Suite struct JetStreamSettingsTests {
    struct Case: Sendable {
        var problem: String
        var url = "nats://127.0.0.1:4222"
        var stream = "STOCK"
        var subjects = ["stock.wh1"]
        var durable = "availability"
        var batch = 1_000
    }

    @Test(arguments: [
        Case(problem: "url:", url: "http://127.0.0.1"), Case(problem: "url:", url: "nats://"),
        Case(problem: "url:", url: "nats://a:1, nats://b:1"), Case(problem: "stream:", stream: ""),
        Case(problem: "stream:", stream: "A.B"), Case(problem: "durable:", durable: "a b"),
        Case(problem: "durable:", durable: "stock.wh1"), Case(problem: "subjects: at least", subjects: []),
        Case(problem: "subjects: a..b", subjects: ["a..b"]), Case(problem: "subjects: a.>.b", subjects: ["a.>.b"]),
        Case(problem: "subjects: a.b*", subjects: ["a.b*"]), Case(problem: "subjects: two", subjects: ["a.b", "a_b"]),
        Case(problem: "subjects: too many", subjects: (0..<20).map { "stock.wh\($0)" }),
        Case(problem: "batch:", batch: 0), Case(problem: "batch:", batch: 1_001),
    ])
    func whatIsWrongIsSaidByItsKey(_ one: Case) {
        let failure = #expect(throws: FeedFailure.self) {
            try JetStreamFeed.Settings(
                id: "f", source: "wms", url: one.url, stream: one.stream, subjects: one.subjects, durable: one.durable,
                batch: one.batch)
        }
        #expect(failure?.description.hasPrefix(one.problem) == true, "\(failure?.description ?? "")")
    }

    @Test func aDurableOfOneOfSeveralSubjectsIsNamedAfterIt() throws {
        func durables(_ subjects: [String]) throws -> [String] {
            let settings = try JetStreamFeed.Settings(
                id: "f", source: "wms", url: "tls://a:1,nats://b:2", stream: "S", subjects: subjects, durable: "d")
            return subjects.map { settings.durable(of: $0) }
        }
        #expect(try durables(["stock.>"]) == ["d"])
        #expect(try durables(["stock.*.wh1", "stock.>"]) == ["d-stock_any_wh1", "d-stock_all"])
    }

    @Test func aURLIsShownWithoutItsPassword() {
        let endpoint = NatsEndpoint(url: "nats://user:p@ss@a:1,tls://b:2", name: "n")
        #expect(endpoint.shown == "nats://a:1,tls://b:2" && !endpoint.isSecure)
        #expect(NatsEndpoint(url: "tls://b:2", name: "n").isSecure)
        #expect(NatsEndpoint(url: "nats://b:2", caFile: "ca.pem", name: "n").isSecure)
    }
}
