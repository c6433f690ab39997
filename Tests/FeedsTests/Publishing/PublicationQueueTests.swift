import Inventory
import Testing

@testable import Feeds

struct PublicationQueueTests {
    private var queue = PublicationQueue(inFlightMax: 3)
    private static let second = Int64.perSecond

    private func figure(_ sku: String, _ value: Int) -> ToldFigure {
        ToldFigure(
            line: PublicationLine(sku: sku, location: ""), sequence: UInt64(value), epoch: 1, timeNanoseconds: 1,
            data: { "\(value)" })
    }

    private func token(_ sequence: UInt64, terms: UInt64 = 1, stale: Bool = false) -> FigureToken {
        FigureToken(
            text: "t\(sequence)", sequence: sequence, termsDigest: terms, toldStale: stale, cautiousText: "c\(sequence)"
        )
    }

    private mutating func tell(
        _ skus: [String], value: Int = 0, upTo sequence: UInt64? = nil, terms: UInt64 = 1, stale: Bool = false
    ) {
        queue.take(
            ToldMessage(
                figures: skus.map { figure($0, value) }, token: sequence.map { token($0, terms: terms, stale: stale) },
                termsDigest: terms, hasStale: stale), nowNanoseconds: 0)
    }

    private mutating func next(_ now: Int64 = 0) -> PublicationQueue.Delivery? { queue.next(now) }

    private mutating func all(_ now: Int64 = 0) -> [PublicationQueue.Delivery] {
        var deliveries: [PublicationQueue.Delivery] = []
        while let delivery = queue.next(now) { deliveries.append(delivery) }
        return deliveries
    }

    private func text(_ delivery: PublicationQueue.Delivery?) -> String? {
        delivery.map { "\($0.figure.line.sku)=\($0.figure.data())" }
    }

    @Test mutating func oneOfEachLineIsInFlightAndSeveralLinesUpToTheBound() throws {
        tell(["a", "b"], value: 1)
        tell(["a", "c", "d"], value: 2)
        let sent = all()
        #expect(sent.map { text($0) } == ["a=2", "b=1", "c=2"])
        tell(["a"], value: 3)
        #expect(next() == nil)
        queue.acknowledge(sent[1])
        #expect(text(next()) == "d=2" && next() == nil)
        queue.acknowledge(sent[0])
        #expect(text(next()) == "a=3")
    }

    @Test mutating func whatWaitsIsReplacedByTheNewest() {
        for value in 1...1_000 { tell(["a", "b"], value: value) }
        #expect(queue.count == 2)
        #expect(all().map { text($0) } == ["a=1000", "b=1000"])
    }

    @Test mutating func roomEndsAtTheBoundAndComesBack() throws {
        tell((0..<PublicationQueue.linesMax).map { "s\($0)" })
        #expect(!queue.hasRoom)
        queue.acknowledge(try #require(next()))
        #expect(queue.hasRoom && queue.count == PublicationQueue.linesMax - 1)
    }

    @Test mutating func linesThatWaitToBeTriedAgainTakeNoRoom() throws {
        let refused = (0..<PublicationQueue.linesMax + 5).map { "s\($0)" }
        tell(refused, upTo: 10)
        while let delivery = next() {
            queue.fail(delivery, .message, notBeforeNanoseconds: 9 * Self.second, gateNanoseconds: 0, 0)
        }
        #expect(queue.hasRoom && queue.count == refused.count && queue.retrying == refused.count)
        tell(["fresh", refused[3]], value: 1, upTo: 20)
        let fresh = try #require(next(1))
        #expect(text(fresh) == "fresh=1" && next(1) == nil && queue.pending == 1)
        #expect(queue.wakeNanoseconds(1) == 9 * Self.second)
        queue.acknowledge(fresh)
        // Their time has come: the newest figure of each, once.
        var told: [String] = []
        while let delivery = next(9 * Self.second) {
            told.append(text(delivery) ?? "")
            queue.acknowledge(delivery)
        }
        #expect(Set(told) == Set(refused.map { $0 == refused[3] ? "\($0)=1" : "\($0)=0" }))
        #expect(told.count == refused.count && queue.count == 0 && queue.retrying == 0)
        #expect(queue.acknowledged == token(20))
    }

    @Test mutating func linesAreTriedAgainInTheOrderOfTheirTimes() throws {
        tell(["a", "b", "c"])
        for (delivery, seconds) in zip(all(), [3, 1, 2] as [Int64]) {
            queue.fail(delivery, .message, notBeforeNanoseconds: seconds * Self.second, gateNanoseconds: 0, 0)
        }
        #expect(next(Self.second - 1) == nil && queue.wakeNanoseconds(0) == Self.second)
        #expect(all(2 * Self.second).map { text($0) } == ["b=0", "c=0"] && queue.retrying == 3)
        #expect(all(3 * Self.second).map { text($0) } == ["a=0"] && queue.wakeNanoseconds(0) == nil)
    }

    @Test mutating func linesThatAreTriedAgainTakeTurnsWithOthers() throws {
        tell((0..<3).map { "old\($0)" })
        for delivery in all() {
            queue.fail(delivery, .message, notBeforeNanoseconds: Self.second, gateNanoseconds: 0, 0)
        }
        tell((0..<3).map { "new\($0)" })
        var told: [String] = []
        while let delivery = next(Self.second) {
            told.append(String(delivery.figure.line.sku.prefix(3)))
            queue.acknowledge(delivery)
        }
        #expect(Set([told[0...1], told[2...3], told[4...5]].map { Set($0) }) == [["old", "new"]])
        #expect(queue.count == 0 && queue.retrying == 0)
    }

    @Test mutating func cursorWaitsForTheOldestThatIsNotAcknowledged() {
        tell(["a", "b"], value: 1)
        #expect(queue.acknowledged == nil)
        tell(["c"], value: 2, upTo: 10)
        let sent = all()
        // Newer figures do not hold the cursor back.
        tell(["a", "b"], value: 3, upTo: 20)
        queue.acknowledge(sent[0])
        queue.acknowledge(sent[2])
        #expect(queue.acknowledged == nil)
        queue.acknowledge(sent[1])
        #expect(queue.acknowledged == token(10))
        for delivery in all() { queue.acknowledge(delivery) }
        #expect(queue.acknowledged == token(20) && queue.count == 0)
        tell([], upTo: 30)
        #expect(queue.acknowledged == token(30))
    }

    @Test mutating func figureThatReplacedOneThatFailedStillHoldsTheCursor() throws {
        tell(["a"], value: 1, upTo: 10)
        let sent = try #require(next())
        tell(["a"], value: 2, upTo: 20)
        queue.fail(sent, .message, notBeforeNanoseconds: Self.second, gateNanoseconds: 0, 0)
        #expect(queue.acknowledged == nil && next() == nil)
        let again = try #require(next(Self.second))
        #expect(text(again) == "a=2" && again.failures == 1 && again.firstAttemptNanoseconds == 0)
        queue.acknowledge(again)
        #expect(queue.acknowledged == token(20))
    }

    @Test mutating func tokenIsCautiousWhereLaterFiguresWouldNotBeFoundFromIt() throws {
        tell(["a"], upTo: 10)
        let first = try #require(next())
        tell(["b"], upTo: 20, stale: true)
        queue.acknowledge(first)
        #expect(queue.acknowledged?.text == "c10")
        for delivery in all() { queue.acknowledge(delivery) }
        #expect(queue.acknowledged?.text == "t20")
        tell([], upTo: 30)
        #expect(queue.acknowledged?.text == "t30")
        tell(["a"], terms: 2)
        #expect(queue.acknowledged?.text == "c30")
        tell(["b"], upTo: 40, terms: 2)
        for delivery in all() { queue.acknowledge(delivery) }
        #expect(queue.acknowledged?.text == "t40")
    }

    @Test mutating func receiverThatFailsIsTriedWithOneAndMessageThatFailsWaitsAlone() throws {
        tell(["a", "b", "c", "d"])
        let sent = all()
        queue.fail(sent[0], .message, notBeforeNanoseconds: 5 * Self.second, gateNanoseconds: 0, 0)
        #expect(text(next()) == "d=0")
        queue.fail(sent[1], .receiver, notBeforeNanoseconds: Self.second, gateNanoseconds: 2 * Self.second, 0)
        // Begun before the failure was known: it says nothing new.
        queue.fail(sent[2], .receiver, notBeforeNanoseconds: Self.second, gateNanoseconds: 9 * Self.second, 0)
        #expect(queue.receiverFailures == 1)
        tell(["e"], value: 1)
        #expect(next(Self.second) == nil)
        // `d` is still on its way.
        #expect(next(2 * Self.second) == nil && queue.inFlight == 1)
    }

    @Test mutating func whatWaitedBecauseOfAnOutageIsTriedOnceItIsOver() throws {
        tell(["a"], value: 1)
        var now: Int64 = 0
        for _ in 0..<3 {
            let delivery = try #require(next(now))
            queue.fail(
                delivery, .receiver, notBeforeNanoseconds: now + 100 * Self.second,
                gateNanoseconds: now + 100 * Self.second, now)
            now += 100 * Self.second
        }
        tell(["b"], value: 2)
        let delivery = try #require(next(now))
        // Whichever of both came first.
        queue.acknowledge(delivery)
        #expect(queue.receiverFailures == 0 && all(now + 1).count + 1 == 2)
    }

    @Test mutating func linesAreOneOnlyByTheirBytes() {
        tell(["\u{e9}", "e\u{301}"])
        #expect(queue.count == 2)
    }
}

struct PublicationQuestionTests {
    @Test func lineIsAboutItselfItsLocationOrEverything() {
        func question(_ lines: [(String, String)]) -> PublicationQuestion {
            PublicationQuestion(channel: "web", lines: lines.map { PublicationLine(sku: $0, location: $1) })
        }
        let (here, anywhere) = (PublicationLine(sku: "A", location: "WH1"), PublicationLine(sku: "A", location: ""))
        #expect(question([]).isAbout(anywhere) && !question([]).isAbout(here))
        #expect(question([("A", "WH1")]).isAbout(here) && !question([("B", "WH1")]).isAbout(here))
        #expect(question([("", "WH1")]).isAbout(here) && !question([("", "WH2")]).isAbout(here))
        #expect(!question([("", "WH1")]).isAbout(anywhere))
    }
}

struct SubjectPatternTests {
    private let line = PublicationLine(sku: "A.B *>%/\u{e9}", location: "W H")

    @Test func bytesThatSubjectsCannotHaveAreEscapedAndDifferentNamesStayDifferent() throws {
        let pattern = try SubjectPattern("availability.{channel}.{sku}")
        #expect(
            pattern.subject(channel: "web-1_x", line: line) == "availability.web-1_x.A%2EB%20%2A%3E%25%2F%C3%A9")
        #expect(
            try SubjectPattern("x.{location}.{sku}").subject(
                channel: "web", line: PublicationLine(sku: "{location}", location: "{sku}"))
                == "x.%7Bsku%7D.%7Blocation%7D")
    }

    @Test(arguments: [
        "availability", "availability.{channel}", "{sku}..x", ".{sku}", "{sku}.", "a b.{sku}", "{sku}.*", "{sku}.>",
        "{sku}.{place}", "$JS.{sku}", "",
    ])
    func whatIsNoSubjectIsRefused(_ text: String) {
        #expect(throws: FeedFailure.self) { try SubjectPattern(text) }
    }
}

struct PublishedEventTests {
    private func event(_ time: Int64 = 1_700_000_000_123_000_000) -> PublishedEvent {
        PublishedEvent(
            ToldFigure(
                line: PublicationLine(sku: "A/\"1", location: ""), sequence: 7, epoch: 3, timeNanoseconds: time,
                data: { #"{"lines":[{"sku":"A/\"1","location":""}]}"# }), publication: "shop", channel: "web",
            typePrefix: "com.example")
    }

    @Test func idStaysTheSameForOneFigureAndDiffersForTheNext() {
        #expect(event() == event() && event().id != event(1_700_000_000_124_000_000).id)
        #expect(event().id.hasPrefix("3-7-") && event().id.utf8.count == 20 && !event().id.contains("."))
    }

    @Test func bodyIsACloudEventAndNamesItsLine() {
        let text = String(decoding: event().body, as: UTF8.self)
        #expect(
            text == """
                {"specversion":"1.0","id":"\(event().id)","source":"/channels/web",\
                "type":"com.example.availability.changed.v1","subject":"skus/A%2F%221",\
                "time":"2023-11-14T22:13:20.123Z","datacontenttype":"application/json",\
                "data":{"lines":[{"sku":"A/\\"1","location":""}]}}
                """)
        #expect(PublishedEvent.line(of: event().body) == event().line)
        #expect(PublishedEvent.line(of: Array("{}".utf8)) == nil)
    }

    @Test func retryAfterIsSecondsOrATime() {
        #expect(WebhookRetry.RetryAfter(header: " 120 ") == .nanoseconds(120 * .perSecond))
        #expect(WebhookRetry.RetryAfter(header: "99999999999999999999") == .nanoseconds(86_400 * .perSecond))
        #expect(
            WebhookRetry.RetryAfter(header: "Sun, 06 Nov 1994 08:49:37 GMT") == .at(784_111_777 * .perSecond))
        for text in ["", "-1", "soon", "Sun, 06 Nov 1994 08:49:37 CET"] {
            #expect(WebhookRetry.RetryAfter(header: text) == nil)
        }
    }
}
