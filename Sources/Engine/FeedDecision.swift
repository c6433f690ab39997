public import Inventory

/// A feed that a person paused. A document in the ledger.
public struct FeedPause: Sendable, Equatable, Codable {
    public var feed: String
    public var reason: String
    public var actor: String
    public var timeNanoseconds: WallNanoseconds

    public init(feed: String, reason: String, actor: String, timeNanoseconds: WallNanoseconds) {
        self.feed = feed
        self.reason = reason
        self.actor = actor
        self.timeNanoseconds = timeNanoseconds
    }
}

/// What a person decides about a feed; goes to the audit log.
public struct FeedDecision: Sendable, Equatable {
    public enum Action: String, Sendable {
        /// Stored until it is resumed.
        case pause
        case resume
        /// Only noted: it changes nothing that is stored.
        case replay
    }

    public let feed: String
    public let action: Action
    public let reason: String
    /// Who asks.
    public let actor: String
    public let requestID: String

    public init(feed: String, action: Action, reason: String, actor: String, requestID: String) {
        self.feed = feed
        self.action = action
        self.reason = reason
        self.actor = actor
        self.requestID = requestID
    }
}
