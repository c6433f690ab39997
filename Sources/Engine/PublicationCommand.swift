public import Inventory

/// How far a publication has come, and whether it is paused. A document in the ledger.
public struct PublicationProgress: Sendable, Equatable, Codable {
    public var publication: String
    /// What it tells and to whom, digested: what was told to another counts for nothing.
    public var target = ""
    /// Where the watch goes on from: everything before was acknowledged. Empty: from the beginning.
    public var token = ""
    /// The ledger sequence of the token.
    public var sequence: UInt64 = 0
    /// Nil: it is not paused.
    public var pause: PublicationPause?

    public init(publication: String) {
        self.publication = publication
    }
}

/// Why a publication rests.
public struct PublicationPause: Sendable, Equatable, Codable {
    public var reason: String
    public var actor: String
    public var timeNanoseconds: WallNanoseconds

    public init(reason: String, actor: String, timeNanoseconds: WallNanoseconds) {
        self.reason = reason
        self.actor = actor
        self.timeNanoseconds = timeNanoseconds
    }
}

/// What a person, or the receiver by its answer, decides about a publication; goes to the audit log.
public struct PublicationDecision: Sendable, Equatable {
    public enum Action: String, Sendable {
        /// Stored until it is resumed.
        case pause
        case resume
    }

    public let publication: String
    /// Whose figures it tells.
    public let channel: String
    public let action: Action
    public let reason: String
    public let actor: String
    public let requestID: String

    public init(
        publication: String, channel: String, action: Action, reason: String, actor: String, requestID: String = ""
    ) {
        self.publication = publication
        self.channel = channel
        self.action = action
        self.reason = reason
        self.actor = actor
        self.requestID = requestID
    }
}

/// A message that the receiver did not take in time.
public struct UndeliveredMessage: Sendable, Equatable {
    public let publication: String
    /// The CloudEvent's id.
    public let id: String
    public let sku: String
    public let location: String
    /// Why, in words for people.
    public let reason: String
    /// The CloudEvent in its JSON format.
    public let original: [UInt8]

    public init(
        publication: String, id: String, sku: String, location: String, reason: String, original: [UInt8]
    ) {
        self.publication = publication
        self.id = id
        self.sku = sku
        self.location = location
        self.reason = reason
        self.original = original
    }

    /// The source of its dead letter.
    public static func source(of publication: String) -> String { sourcePrefix + publication }

    /// What comes before the publication's name in the source of a dead letter.
    public static let sourcePrefix = "publication:"
}

/// What publications have to be stored.
public enum PublicationCommand: Sendable, Equatable {
    /// Everything up to the token was acknowledged by the target; whether it is paused is left as it is.
    case acknowledge(PublicationProgress)
    /// Kept as a dead letter: one for each line of a publication, the newest.
    case giveUp(UndeliveredMessage)
    /// The newest figure of these dead letters' lines was acknowledged.
    case settle(letters: [String])
    case decide(PublicationDecision)
}
