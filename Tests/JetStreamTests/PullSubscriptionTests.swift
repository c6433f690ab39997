import Glibc
import Testing

@testable import JetStream

/// Against a real nats-server.
@Suite struct PullSubscriptionTests {
    @Test func answersThatComeAfterTheWaitAreTakenByTheNextFetchAndNoneIsLost() throws {
        let server = try NatsServer()
        try server.addStream("STOCK", subject: "stock.>")
        let count = 2_500
        for number in 1...count { try server.publish("stock.wh1", "e\(number)") }
        let link = try JetStreamLink(NatsEndpoint(url: server.url, name: "test"))
        let consumer = try link.jetStream.addConsumer(durable: "d", of: "STOCK", subject: "stock.wh1", from: .all)
        let subscription = try PullSubscription(link, consumer: consumer.name, of: "STOCK")
        var sequences: [UInt64] = []
        let patience = ContinuousClock.now + .seconds(50)
        while sequences.count < count, ContinuousClock.now < patience {
            // Most of what this asks for arrives when it is over.
            guard let messages = try subscription.fetch(1_000, bytesMax: nil, waitNanoseconds: 3_000_000) else {
                continue
            }
            #expect(messages.count <= 1_000)
            for index in 0..<messages.count { sequences.append(try messages.place(at: index).sequence) }
            messages.acknowledge()
            usleep(20_000)
        }
        #expect(sequences == (1...UInt64(count)).map { $0 })
    }

    @Test func nothingToReadIsNoFailureAndWhatComesLaterIsRead() throws {
        let server = try NatsServer()
        try server.addStream("STOCK", subject: "stock.>")
        let link = try JetStreamLink(NatsEndpoint(url: server.url, name: "test"))
        let consumer = try link.jetStream.addConsumer(durable: "d", of: "STOCK", subject: "stock.wh1", from: .all)
        let subscription = try PullSubscription(link, consumer: consumer.name, of: "STOCK")
        for wait in [1, 30, 100] as [Int64] {
            let found = try subscription.fetch(10, bytesMax: nil, waitNanoseconds: wait * 1_000_000)?.count
            #expect(found == nil)
        }
        try server.publish("stock.wh1", "e1")
        var bodies: [[UInt8]] = []
        for _ in 0..<100 where bodies.isEmpty {
            guard let messages = try subscription.fetch(10, bytesMax: nil, waitNanoseconds: 100_000_000) else {
                continue
            }
            for index in 0..<messages.count { bodies.append(messages.body(at: index)) }
        }
        #expect(bodies == [Array("e1".utf8)])
    }

    @Test func placeIsReadFromBothFormsOfAnAcknowledgementsSubject() {
        let place = MessagePlace(sequence: 42, timeNanoseconds: 1_700_000_000_000_000_000, waiting: 7)
        let numbers = "1.42.40.1700000000000000000.7"
        #expect(MessagePlace(acknowledgedAt: "$JS.ACK.STOCK.d.\(numbers)") == place)
        #expect(MessagePlace(acknowledgedAt: "$JS.ACK.hub.ACCOUNT.STOCK.d.\(numbers)") == place)
        #expect(MessagePlace(acknowledgedAt: "$JS.ACK._.ACCOUNT.STOCK.d.\(numbers).token") == place)
        for other in ["", "$JS.ACK.STOCK.d.1.42.40.x.7", "$JS.ACK.STOCK.d.1.42.40.1", "_INBOX.a.b.c.d.e.f.g.h"] {
            #expect(MessagePlace(acknowledgedAt: other) == nil)
        }
    }
}
