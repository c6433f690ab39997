public import Feeds
internal import Foundation

/// What the configuration says of a webhook.
public struct WebhookSettings: Sendable, Equatable {
    /// An `https` URL, or `http` where that is allowed.
    public let url: String
    /// The URL's host, as it is resolved; without brackets.
    let host: String
    /// One or two secrets of Standard Webhooks; read at each attempt, so that a rotation needs no restart.
    public let secretFile: String
    /// The authorities, in PEM, that the receiver's certificate is checked against; nil: those of the system.
    public let caFile: String?
    /// How long an attempt may take, in nanoseconds.
    public let timeoutNanoseconds: Int64
    public let headers: [(name: String, value: String)]
    /// Whether the receiver may be at an address that is not of the public Internet.
    public let allowsPrivateAddresses: Bool

    /// Throws what is wrong, by the name of its key.
    public init(
        url: String, secretFile: String, caFile: String? = nil, timeoutNanoseconds: Int64,
        headers: [String: String], allowsHTTP: Bool, allowsPrivateAddresses: Bool
    ) throws(FeedFailure) {
        guard let parts = URLComponents(string: url), let scheme = parts.scheme, ["https", "http"].contains(scheme),
            let host = parts.host, !host.isEmpty, url.utf8.allSatisfy({ $0 > 32 && $0 != 127 })
        else { throw FeedFailure("url: must be an address such as https://shop.example/hooks/stock") }
        guard parts.user == nil, parts.password == nil, parts.fragment == nil else {
            throw FeedFailure("url: must have no user, password or fragment; the receiver knows us by the signature")
        }
        self.host = host.hasPrefix("[") && host.hasSuffix("]") ? String(host.dropFirst().dropLast()) : host
        let isLoopback = Self.isLoopback(self.host)
        guard scheme == "https" || allowsHTTP || isLoopback else {
            throw FeedFailure("url: must be https://, unless allow_http is true or the host is this one")
        }
        guard scheme == "https" || caFile == nil else {
            throw FeedFailure("ca_file: is for https:// only; what is sent to \(parts.host ?? "") goes in the clear")
        }
        for (name, value) in headers {
            guard Self.isName(name), value.utf8.allSatisfy({ $0 >= 32 && $0 != 127 }), value.utf8.count <= 4_096 else {
                throw FeedFailure("headers: \(name): must be a header's name and a value without control characters")
            }
            guard !Self.ownHeaders.contains(name.lowercased()) else {
                throw FeedFailure("headers: \(name): the server sets it itself")
            }
        }
        self.url = url
        self.secretFile = secretFile
        self.caFile = caFile
        self.timeoutNanoseconds = timeoutNanoseconds
        self.headers = headers.sorted { $0.key < $1.key }.map { ($0.key, $0.value) }
        // Who names this host means this host.
        self.allowsPrivateAddresses = allowsPrivateAddresses || isLoopback
    }

    /// Without what may be a secret.
    public var shownURL: String {
        var parts = URLComponents(string: url)
        if parts?.query != nil { parts?.query = nil }
        return parts?.string ?? ""
    }

    public static func == (one: WebhookSettings, other: WebhookSettings) -> Bool {
        one.url == other.url && one.secretFile == other.secretFile && one.caFile == other.caFile
            && one.timeoutNanoseconds == other.timeoutNanoseconds
            && one.headers.elementsEqual(other.headers, by: ==)
            && one.allowsPrivateAddresses == other.allowsPrivateAddresses
    }

    private static let ownHeaders: Set<String> = [
        "host", "content-length", "content-type", "transfer-encoding", "connection", "te", "trailer", "upgrade",
        StandardWebhook.idHeader, StandardWebhook.timestampHeader, StandardWebhook.signatureHeader,
    ]

    private static func isLoopback(_ host: String) -> Bool {
        host == "localhost" || host == "::1" || host.hasPrefix("127.") && HostAddress(host) != nil
    }

    /// RFC 9110, section 5.6.2.
    private static func isName(_ name: String) -> Bool {
        (1...128).contains(name.utf8.count)
            && name.utf8.allSatisfy { byte in
                switch byte {
                case 0x30...0x39, 0x41...0x5A, 0x61...0x7A: true
                default: "!#$%&'*+-.^_`|~".utf8.contains(byte)
                }
            }
    }
}
