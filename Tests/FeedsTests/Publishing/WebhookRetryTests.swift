import Inventory
import Testing

@testable import Feeds

@Suite struct WebhookRetryTests {
    private let retry = WebhookRetry()
    private let now: WallNanoseconds = 1_000_000 * .perSecond

    private func step(
        _ answer: WebhookRetry.Answer, failures: Int = 1, sinceFirst: Int64 = 0, jitter: Double = 1
    ) -> WebhookRetry.Step {
        retry.step(
            after: answer, failures: failures, firstAttemptNanoseconds: now - sinceFirst * .perSecond,
            nowNanoseconds: now, jitter: jitter)
    }

    private func seconds(_ count: Int64) -> WebhookRetry.Step {
        .retry(notBeforeNanoseconds: now + count * .perSecond)
    }

    @Test func pausesDoubleFromASecondToAnHour() {
        let pauses = (1...14).map { retry.pauseNanoseconds(failures: $0) / .perSecond }
        #expect(pauses == [1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1_024, 2_048, 3_600, 3_600])
        #expect(retry.pauseNanoseconds(failures: .max) == 3_600 * .perSecond)
    }

    @Test(arguments: [200, 202, 204, 299]) func anySuccessIsTheEnd(status: Int) {
        #expect(step(.status(status, retryAfter: .nanoseconds(5)), failures: 0) == .done)
    }

    @Test(arguments: [100, 300, 301, 302, 307, 308, 304, 400, 401, 404, 409, 429, 500, 502, 503, 599])
    func anythingElseIsAFailureAndNoRedirectIsFollowed(status: Int) {
        #expect(step(.status(status, retryAfter: nil)) == seconds(1))
    }

    @Test func noAnswerIsAFailure() {
        #expect(step(.none, failures: 4) == seconds(8))
    }

    @Test func goneReceiverPausesThePublication() {
        #expect(step(.status(410, retryAfter: .nanoseconds(.perSecond))) == .pause)
    }

    @Test(arguments: [429, 503]) func busyReceiverIsLeftAloneAsLongAsItSays(status: Int) {
        #expect(step(.status(status, retryAfter: .nanoseconds(90 * .perSecond))) == seconds(90))
        #expect(step(.status(status, retryAfter: .at(now + 7_200 * .perSecond))) == seconds(7_200))
        // But never sooner than it would be without.
        #expect(step(.status(status, retryAfter: .nanoseconds(0)), failures: 3) == seconds(4))
        #expect(step(.status(status, retryAfter: .at(0)), failures: 3) == seconds(4))
        #expect(step(.status(status, retryAfter: .at(.min)), failures: 3) == seconds(4))
    }

    @Test(arguments: [429, 503]) func receiverThatAsksForMoreThanADayIsTriedAfterADay(status: Int) {
        for after in [WebhookRetry.RetryAfter.nanoseconds(.max), .at(now + 86_401 * .perSecond), .at(.max)] {
            let answer = WebhookRetry.Answer.status(status, retryAfter: after)
            #expect(answer.waitNanoseconds(fromNanoseconds: now) == 86_400 * .perSecond)
            #expect(step(answer) == seconds(86_400))
        }
    }

    @Test func messageIsTriedAfterTheWaitThatItsReceiverAskedForAndThenGivenUp() {
        let busy = WebhookRetry.Answer.status(503, retryAfter: .nanoseconds(86_400 * .perSecond))
        #expect(step(busy, failures: 5, sinceFirst: 80_000) == seconds(86_400))
        #expect(step(busy, failures: 6, sinceFirst: 166_400) == .giveUp)
    }

    @Test func otherStatusesDoNotSetThePause() {
        #expect(step(.status(500, retryAfter: .nanoseconds(90 * .perSecond))) == seconds(1))
    }

    @Test func jitterTakesUpToAHalfOfThePause() {
        #expect(step(.none, failures: 2, jitter: 0) == seconds(1))
        #expect(step(.none, failures: 2, jitter: 1) == seconds(2))
        #expect(step(.none, failures: 3, jitter: 0.5) == seconds(3))
        #expect(step(.none, failures: 2, jitter: 9) == seconds(2))
    }

    @Test func messageIsGivenUpWhenNoAttemptIsLeftInItsDay() {
        #expect(step(.none, failures: 20, sinceFirst: 82_800) == seconds(3_600))
        #expect(step(.none, failures: 20, sinceFirst: 82_801) == .giveUp)
        #expect(step(.none, failures: 1, sinceFirst: 86_400) == .giveUp)
        #expect(step(.status(200, retryAfter: nil), failures: 20, sinceFirst: 90_000) == .done)
    }
}
