internal import Crypto
internal import Foundation

/// A secret that a sender proves to know. Compared in a time that does not tell where two differ.
struct Secret: Sendable {
    private static let bytesMax = 4_096
    private let bytes: [UInt8]

    init(_ text: String) {
        bytes = Array(text.utf8)
    }

    /// The content of a file without the blanks and line ends around it.
    init(file path: String) throws(FeedFailure) {
        let content: Data
        do {
            content = try Data(contentsOf: URL(fileURLWithPath: path))
        } catch {
            throw FeedFailure("the secret in \(path) cannot be read: \((error as NSError).localizedDescription)")
        }
        let text = String(decoding: content, as: UTF8.self).trimmingCharacters(in: .whitespacesAndNewlines)
        guard (1...Self.bytesMax).contains(text.utf8.count) else {
            throw FeedFailure("the secret in \(path) has \(text.utf8.count) bytes: 1 to \(Self.bytesMax) are taken")
        }
        self.init(text)
    }

    /// Digests are compared, so that not even the length is told.
    func matches(_ text: some StringProtocol) -> Bool {
        SHA256.hash(data: bytes) == SHA256.hash(data: Array(text.utf8))
    }

    /// Whether `code` is the HMAC-SHA256 of the bytes under this secret (RFC 2104).
    func isCode(_ code: some ContiguousBytes, of body: [UInt8]) -> Bool {
        HMAC<SHA256>.isValidAuthenticationCode(code, authenticating: body, using: SymmetricKey(data: bytes))
    }
}
