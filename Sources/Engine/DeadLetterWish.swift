public import Inventory
internal import Ledger

/// What is to be done to dead letters.
public struct DeadLetterWish: Sendable {
    public enum Kind: Sendable, Equatable {
        /// Tried again; what takes effect now is no dead letter any more.
        case replay
        /// Given up.
        case discard
    }

    public struct Letter: Sendable {
        /// As callers call it.
        public let id: String
        /// Of a replay: its event, read anew from the original; nil: it cannot be read.
        public let incoming: IncomingEvent?
        /// Of a replay: its publication tells the newest figure again, and the letter stays until that is acknowledged.
        public let isToldAgain: Bool

        public init(id: String, incoming: IncomingEvent? = nil, isToldAgain: Bool = false) {
            self.id = id
            self.incoming = incoming
            self.isToldAgain = isToldAgain
        }
    }

    public let kind: Kind
    public let letters: [Letter]
    /// Who asks and why, for the audit log.
    public let actor: String
    public let reason: String
    public let requestID: String

    public init(kind: Kind, letters: [Letter], actor: String, reason: String, requestID: String) {
        self.kind = kind
        self.letters = letters
        self.actor = actor
        self.reason = reason
        self.requestID = requestID
    }
}

/// What became of one dead letter.
public struct DeadLetterResult: Sendable, Equatable {
    public let id: String
    /// Of a replay; nil when there is no such letter, and of one that was discarded.
    public let outcome: EventOutcome?
    public let isFound: Bool
    /// As in an event's result.
    public let reason: String
}

/// The end of a source's gap, since its figures were read whole.
public struct GapEnd: Sendable {
    public let source: String
    /// When the reading began, by the wall clock: what is missing since is not in its figures.
    public let askedNanoseconds: WallNanoseconds
    /// Who ended it and why, for the audit log.
    public let actor: String
    public let reason: String

    public init(source: String, askedNanoseconds: WallNanoseconds, actor: String, reason: String) {
        self.source = source
        self.askedNanoseconds = askedNanoseconds
        self.actor = actor
        self.reason = reason
    }
}
