internal import Crypto
internal import Foundation
public import Inventory

/// Signs what is sent to a webhook, and checks what came from one, by Standard Webhooks 1.0.0
/// (github.com/standard-webhooks/standard-webhooks, spec/standard-webhooks.md): HMAC-SHA256 over id, time and body.
public enum StandardWebhook {
    public static let idHeader = "webhook-id"
    public static let timestampHeader = "webhook-timestamp"
    public static let signatureHeader = "webhook-signature"
    /// How far a delivery's time may be from the receiver's clock, in seconds.
    public static let toleranceSeconds: Int64 = 300

    /// A key shared with the receiver. Its bytes are in no description.
    public struct Secret: Sendable, Equatable, CustomStringConvertible {
        fileprivate let key: SymmetricKey

        /// `whsec_` and base64 of the key, or the base64 alone; nil: it is not that, or holds less than 1 byte.
        public init?(_ text: String) {
            let digits = text.hasPrefix(Self.prefix) ? String(text.dropFirst(Self.prefix.count)) : text
            guard let bytes = Data(base64Encoded: digits), !bytes.isEmpty else { return nil }
            key = SymmetricKey(data: bytes)
        }

        private static let prefix = "whsec_"

        public var description: String { "\(key.bitCount) secret bits" }

        /// Several, apart by spaces or line ends, as a secrets file has them: while one is exchanged for another, deliveries
        /// are signed with both. Nil: none, or one of them is no secret.
        public static func list(_ text: String) -> [Secret]? {
            let words = text.split(whereSeparator: \.isWhitespace)
            let secrets = words.compactMap { Secret(String($0)) }
            return secrets.isEmpty || secrets.count < words.count ? nil : secrets
        }
    }

    /// A delivery's headers. Each attempt is signed anew: a receiver refuses an old time.
    ///
    /// - Parameters:
    ///   - id: names the message; the same at each attempt. Without a full stop, which ends it in what is signed.
    ///   - atNanoseconds: the time of the attempt.
    public static func headers(
        id: String, atNanoseconds: WallNanoseconds, body: [UInt8], secrets: [Secret]
    ) -> [(name: String, value: String)] {
        let seconds = String(atNanoseconds / .perSecond)
        let signatures = secrets.map { signature(id: id, timestamp: seconds, body: body, secret: $0) }
        return [
            (idHeader, id), (timestampHeader, seconds), (signatureHeader, signatures.joined(separator: " ")),
        ]
    }

    /// Such as `v1,g0hM9SsE…`.
    static func signature(id: String, timestamp: String, body: [UInt8], secret: Secret) -> String {
        "v1," + Data(code(id: id, timestamp: timestamp, body: body, secret: secret)).base64EncodedString()
    }

    private static func code(
        id: String, timestamp: String, body: [UInt8], secret: Secret
    ) -> HMAC<SHA256>.MAC {
        var hash = HMAC<SHA256>(key: secret.key)
        hash.update(data: Array("\(id).\(timestamp).".utf8))
        hash.update(data: body)
        return hash.finalize()
    }

    /// Why a delivery is not believed.
    public enum Refusal: String, Error, Sendable {
        case headersMissing = "webhook-id, webhook-timestamp or webhook-signature is missing"
        case timestampMalformed = "webhook-timestamp: must be seconds since 1970"
        case timestampTooOld = "webhook-timestamp: is more than 5 minutes ago"
        case timestampTooNew = "webhook-timestamp: is more than 5 minutes ahead"
        case signatureUnknown = "webhook-signature: none of them was made with a secret of ours"
    }

    /// Checks a delivery's headers, found by their names in lower case. Any one signature by any one secret is enough; they
    /// are compared in constant time.
    public static func verify(
        headers: [String: String], body: [UInt8], secrets: [Secret], nowNanoseconds: WallNanoseconds
    ) throws(Refusal) {
        guard let id = headers[idHeader], let timestamp = headers[timestampHeader],
            let signatures = headers[signatureHeader], !id.isEmpty
        else { throw .headersMissing }
        guard !timestamp.isEmpty, timestamp.utf8.allSatisfy({ $0 >= 0x30 && $0 <= 0x39 }), let told = Int64(timestamp)
        else { throw .timestampMalformed }
        let now = nowNanoseconds / .perSecond
        if told < now - toleranceSeconds { throw .timestampTooOld }
        if told > now + toleranceSeconds { throw .timestampTooNew }
        let codes = secrets.map { code(id: id, timestamp: timestamp, body: body, secret: $0) }
        for signature in signatures.split(separator: " ") where signature.hasPrefix("v1,") {
            guard let given = Data(base64Encoded: String(signature.dropFirst(3))) else { continue }
            for code in codes where code == given { return }
        }
        throw .signatureUnknown
    }
}
