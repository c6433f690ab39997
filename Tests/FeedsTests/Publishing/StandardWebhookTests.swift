import Foundation
import Inventory
import Testing

@testable import Feeds

/// The vectors of the reference libraries (standard-webhooks/standard-webhooks, libraries/go/webhook_test.go).
@Suite struct StandardWebhookTests {
    private let secret = StandardWebhook.Secret("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")
    private let id = "msg_p5jXN8AQM9LWM0D4loKWxJek"
    private let seconds: Int64 = 1_614_265_330
    private let body = Array(#"{"test": 2432232314}"#.utf8)
    private let signature = "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="
    private let foreign = "v1,Ceo5qEr07ixe2NLpvHk3FH9bwy/WavXrAFQ/9tdO6mc="

    @Test func signatureIsThePublishedOne() throws {
        let secret = try #require(secret)
        let headers = StandardWebhook.headers(
            id: id, atNanoseconds: seconds * .perSecond + 999, body: body, secrets: [secret])
        #expect(headers.map(\.name) == ["webhook-id", "webhook-timestamp", "webhook-signature"])
        #expect(headers.map(\.value) == [id, "1614265330", signature])
        #expect(StandardWebhook.Secret("MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw") == secret)
    }

    @Test(arguments: ["", "whsec_", "whsec_not base64!", "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaS"])
    func whatIsNoBase64IsNoSecret(text: String) {
        #expect(StandardWebhook.Secret(text) == nil)
    }

    @Test func secretIsInNoDescription() throws {
        #expect("\(try #require(secret))" == "192 secret bits")
    }

    @Test func listOfSecretsIsTakenWholeOrNotAtAll() {
        #expect(StandardWebhook.Secret.list("whsec_AAAA whsec_AAAB\n")?.count == 2)
        #expect(StandardWebhook.Secret.list("whsec_AAAA no-secret!") == nil)
        #expect(StandardWebhook.Secret.list(" \n") == nil)
    }

    @Test func deliverySignedWithAnyOfSeveralSecretsIsBelieved() throws {
        let (old, new) = (try #require(secret), try #require(StandardWebhook.Secret("whsec_AAECAwQFBgcICQoLDA0ODw==")))
        let headers = StandardWebhook.headers(
            id: id, atNanoseconds: seconds * .perSecond, body: body, secrets: [old, new])
        #expect(headers[2].value.split(separator: " ").count == 2)
        let byName = Dictionary(uniqueKeysWithValues: headers.map { ($0.name, $0.value) })
        for secrets in [[old], [new], [new, old]] {
            #expect(throws: Never.self) {
                try StandardWebhook.verify(
                    headers: byName, body: body, secrets: secrets, nowNanoseconds: seconds * .perSecond)
            }
        }
    }

    @Test(
        arguments: [
            // Of signature, time and now: what comes of it. 0: believed.
            ("S", "1614265330", 0, nil), ("S", "1614265330", 300, nil), ("S", "1614265330", -300, nil),
            ("F S", "1614265330", 0, nil), ("v1a,abc v2,abc S F", "1614265330", 0, nil),
            ("F", "1614265330", 0, .signatureUnknown), ("v1,", "1614265330", 0, .signatureUnknown),
            ("v1,g0hM9SsE", "1614265330", 0, .signatureUnknown), ("", "1614265330", 0, .signatureUnknown),
            ("S", "1614265331", 0, .signatureUnknown), ("S", "1614265330", 301, .timestampTooOld),
            ("S", "1614265330", -301, .timestampTooNew), ("S", "", 0, .timestampMalformed),
            ("S", "+1", 0, .timestampMalformed),
            ("S", "99999999999999999999", 0, .timestampMalformed), (nil, "1614265330", 0, .headersMissing),
        ] as [(String?, String, Int64, StandardWebhook.Refusal?)])
    func deliveryIsBelievedOnlyWithASignatureOfOursAndInTime(
        given: String?, timestamp: String, secondsLater: Int64, refusal: StandardWebhook.Refusal?
    ) throws {
        var headers = ["webhook-id": id, "webhook-timestamp": timestamp]
        headers["webhook-signature"] = given?.split(separator: " ").map {
            ["S": signature, "F": foreign][$0] ?? String($0)
        }
        .joined(separator: " ")
        let secret = try #require(secret)
        let told: StandardWebhook.Refusal?
        do throws(StandardWebhook.Refusal) {
            try StandardWebhook.verify(
                headers: headers, body: body, secrets: [secret],
                nowNanoseconds: (seconds + secondsLater) * .perSecond)
            told = nil
        } catch {
            told = error
        }
        #expect(told == refusal)
    }

    @Test func changedBodyOrIdIsNotBelieved() throws {
        let secret = try #require(secret)
        for (id, body) in [(id + "x", body), (id, body + [0x20])] {
            let headers = ["webhook-id": id, "webhook-timestamp": "1614265330", "webhook-signature": signature]
            #expect(throws: StandardWebhook.Refusal.signatureUnknown) {
                try StandardWebhook.verify(
                    headers: headers, body: body, secrets: [secret], nowNanoseconds: seconds * .perSecond)
            }
        }
    }
}
