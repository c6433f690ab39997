import Engine
import Synchronization
import Testing

@testable import Feeds

@Suite(.timeLimit(.minutes(5))) struct PublicationRunTests {
    /// Watches that hold on to their readers, as those of callers do, and end at once.
    private final class Figures: FigureSource {
        let watches = Atomic(0)

        func watch(
            _ question: PublicationQuestion, after token: String, _ reader: any FigureReader
        ) throws(FeedFailure) -> any FigureWatch {
            reader.ended(FeedFailure("the channel is gone"))
            return Watch(self, reader)
        }

        func token(_ text: String) -> FigureToken? { nil }
    }

    private final class Watch: FigureWatch {
        private let figures: Figures
        private let reader: any FigureReader

        init(_ figures: Figures, _ reader: any FigureReader) {
            self.figures = figures
            self.reader = reader
            figures.watches.add(1, ordering: .relaxed)
        }

        deinit { figures.watches.subtract(1, ordering: .relaxed) }

        func wake() {}
        func tellAgain(_ line: PublicationLine) {}
        func cancel() {}
    }

    private struct Nobody: PublicationTarget {
        let kind = PublicationKind.webhook
        let text = "nobody"

        func send(_ event: PublishedEvent) async -> DeliveryAnswer { .refused(.none, "nobody") }
        func shutDown() async {}
    }

    private func runOnce(_ figures: Figures) async -> PublicationEnd {
        let alarm = AlarmClock()
        defer { alarm.stop() }
        let port = PublicationPort(
            figures: figures, progress: { (_) throws(FeedFailure) in nil }, store: { (_) async throws(FeedFailure) in },
            clock: FakeClock().feedClock, alarm: alarm)
        let settings = PublicationSettings(
            id: "shop", question: PublicationQuestion(channel: "web", lines: [], bands: []), inFlightMax: 1,
            targetDigest: "")
        return await PublicationRun(settings, target: Nobody(), port: port, tally: PublicationTally()).run(owed: [])
    }

    @Test func runThatEndedIsLetGoWithItsWatch() async {
        let figures = Figures()
        guard case .failed(let failure) = await runOnce(figures) else {
            Issue.record("it did not fail")
            return
        }
        #expect(failure.description == "the channel is gone")
        #expect(figures.watches.load(ordering: .relaxed) == 0)
    }
}
