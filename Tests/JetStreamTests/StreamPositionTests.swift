import Feeds
import Testing

@testable import JetStream

@Suite struct StreamPositionTests {
    @Test func aPositionIsReadAsItWasWritten() {
        let position = StreamPosition(createdNanoseconds: 42, sequences: ["stock.wh2": 7, "stock.wh1": 9, "a=b.>": 1])
        #expect(position.text == "42 a=b.>=1 stock.wh1=9 stock.wh2=7")
        #expect(StreamPosition(text: position.text) == position)
        #expect(StreamPosition(text: "42") == StreamPosition(createdNanoseconds: 42))
    }

    @Test(arguments: ["", "x", "-1 a=2", "42 a", "42 a=", "42 a=-1", "42 a=1x"])
    func otherTextIsNoPosition(_ text: String) {
        #expect(StreamPosition(text: text) == nil)
    }

    @Test func subjectsFitAsLongAsTheirLongestPositionDoes() {
        #expect(StreamPosition.fits(["s.\(String(repeating: "x", count: 200))"]))
        #expect(!StreamPosition.fits((0..<9).map { "stock.warehouse-\($0)" }))
    }

    @Test func whatComesInOrderIsCommittedUpToTheLast() {
        var progress = SubjectProgress(stored: 0, consumer: consumer(delivered: 0, acknowledged: 0, unacknowledged: 0))
        progress.commit([3, 8])
        #expect(progress.committed == 8)
        progress.commit([12])
        #expect(progress.committed == 12)
    }

    @Test func whatComesAgainNeverTakesThePlaceBack() {
        var progress = SubjectProgress(
            stored: 0, consumer: consumer(delivered: 10, acknowledged: 10, unacknowledged: 0))
        progress.commit([11, 12])
        progress.commit([5])
        #expect(progress.committed == 12)
    }

    @Test func newerOnesWaitForThoseThatAnEarlierRunLeft() {
        // 4 and 9 were handed out to a run that ended before it acknowledged them.
        var progress = SubjectProgress(stored: 3, consumer: consumer(delivered: 10, acknowledged: 3, unacknowledged: 2))
        progress.commit([11, 12])
        #expect(progress.committed == 3)
        progress.commit([4, 4])
        #expect(progress.committed == 3)
        progress.commit([9, 13])
        #expect(progress.committed == 13)
    }

    @Test func whatWasStoredIsCommittedThoughItsAcknowledgementWasLost() {
        let progress = SubjectProgress(stored: 8, consumer: consumer(delivered: 8, acknowledged: 3, unacknowledged: 5))
        #expect(progress.committed == 8)
    }

    private func consumer(delivered: UInt64, acknowledged: UInt64, unacknowledged: UInt64) -> ConsumerState {
        ConsumerState(
            deliveredSequence: delivered, acknowledgedSequence: acknowledged, unacknowledged: unacknowledged, waiting: 0
        )
    }
}
