import Testing

@testable import Engine

@Suite(.timeLimit(.minutes(5))) struct FirstAnswerTests {
    @Test func firstAnswerCountsWhetherItComesBeforeOrAfterTheQuestion() async {
        let early = FirstAnswer<Int?>()
        #expect(!early.isGiven)
        early.give(nil)
        early.give(2)
        #expect(early.isGiven)
        #expect(await early.wait() == nil)
        let late = FirstAnswer<Int?>()
        async let answer = late.wait()
        await Task.yield()
        late.give(1)
        late.give(nil)
        #expect(await answer == 1)
    }

    @Test func cancelledTaskGetsItsOwnAnswerAtOnce() async {
        let never = FirstAnswer<String>()
        let waiting = Task { await never.wait(ifCancelled: "cancelled") }
        waiting.cancel()
        #expect(await waiting.value == "cancelled")
        never.give("too late")
        let given = FirstAnswer<String>()
        given.give("given")
        let asking = Task { await given.wait(ifCancelled: "cancelled") }
        asking.cancel()
        #expect(await asking.value == "given")
    }
}
