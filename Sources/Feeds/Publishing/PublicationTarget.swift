internal import Foundation
internal import Inventory

/// Where a publication tells to. Raw values are those of the contract's `PublicationKind`.
public enum PublicationKind: Int, Sendable, CaseIterable {
    case nats = 1
    case webhook = 2
}

/// What came of an attempt.
public enum DeliveryAnswer: Sendable, Equatable {
    /// The receiver has stored it.
    case delivered
    /// It has not, or nobody knows; in words for people.
    case refused(WebhookRetry.Answer, String)
}

/// Sends events to one receiver. Several at a time. Any thread.
public protocol PublicationTarget: Sendable {
    var kind: PublicationKind { get }
    /// For people, without secrets.
    var text: String { get }
    /// Returns within a bounded time, and at once when its task is cancelled.
    func send(_ event: PublishedEvent) async -> DeliveryAnswer
    func shutDown() async
}

extension WebhookRetry.RetryAfter {
    /// The value of `Retry-After` (RFC 9110, section 10.2.3): seconds, or a time in the preferred form (section 5.6.7). Nil:
    /// neither. More seconds than those of a day count as a day.
    public init?(header text: String) {
        let text = text.trimmingCharacters(in: .whitespaces)
        if !text.isEmpty, text.utf8.allSatisfy({ (0x30...0x39).contains($0) }) {
            let secondsMax = Self.longestNanoseconds / .perSecond
            self = .nanoseconds(min(Int64(text) ?? secondsMax, secondsMax) * .perSecond)
            return
        }
        // Sun, 06 Nov 1994 08:49:37 GMT
        let parts = text.split(separator: " ", omittingEmptySubsequences: false)
        let months = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"]
        guard parts.count == 6, parts[5] == "GMT", let month = months.firstIndex(of: String(parts[2])) else {
            return nil
        }
        let number = month < 9 ? "0\(month + 1)" : "\(month + 1)"
        guard let time = Timestamp.nanoseconds("\(parts[3])-\(number)-\(parts[1])T\(parts[4])Z") else { return nil }
        self = .at(time)
    }
}

extension WebhookRetry.Answer {
    /// Whether it says something of the receiver as a whole, and not of the one message.
    var fault: PublicationQueue.Fault {
        switch self {
        case .none, .status(408, _), .status(429, _), .status(500..., _): .receiver
        case .status: .message
        }
    }
}
