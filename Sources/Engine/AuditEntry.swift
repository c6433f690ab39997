public import Inventory

/// What somebody decided: the name of the call that decides it, also where the server calls for itself. Stored as text: fixed.
public struct AuditAction: RawRepresentable, Sendable, Hashable, Codable {
    public let rawValue: String

    public init(rawValue: String) {
        self.rawValue = rawValue
    }

    public static let updateChannel = AuditAction(rawValue: "UpdateChannel")
    public static let pauseFeed = AuditAction(rawValue: "PauseFeed")
    public static let resumeFeed = AuditAction(rawValue: "ResumeFeed")
    public static let replayFeed = AuditAction(rawValue: "ReplayFeed")
    public static let replayDeadLetters = AuditAction(rawValue: "ReplayDeadLetters")
    public static let discardDeadLetters = AuditAction(rawValue: "DiscardDeadLetters")
    public static let retryErpWrite = AuditAction(rawValue: "RetryErpWrite")
    public static let startReconciliation = AuditAction(rawValue: "StartReconciliation")
    public static let applyVariances = AuditAction(rawValue: "ApplyVariances")
    public static let pausePublication = AuditAction(rawValue: "PausePublication")
    public static let resumePublication = AuditAction(rawValue: "ResumePublication")
    public static let startRebuild = AuditAction(rawValue: "StartRebuild")
    public static let switchRebuild = AuditAction(rawValue: "SwitchRebuild")
    public static let abandonRebuild = AuditAction(rawValue: "AbandonRebuild")
    /// No call: an ERP's figures were read whole.
    public static let endGap = AuditAction(rawValue: "EndGap")
}

/// One line of the append-only audit log.
public struct AuditEntry: Sendable, Equatable, Codable {
    public var sequence: UInt64
    /// Ledger time: no entry is older than the one before it.
    public var timeNanoseconds: WallNanoseconds
    /// Who did it: a certificate's subject, or `configuration`, or `anonymous`.
    public var actor: String
    public var action: AuditAction
    /// What it was done to, for example `channels/web`.
    public var subject: String
    /// The channel it concerns; absent where it is none's.
    public var channel: String?
    public var reason: String
    public var requestID: String
    /// The document before and after, absent where there was none.
    public var channelBefore: Channel?
    public var channelAfter: Channel?
    /// What became of each of several things that one call was about; absent otherwise.
    public var outcomes: [String: String]?

    public init(
        sequence: UInt64, timeNanoseconds: WallNanoseconds, actor: String, action: AuditAction, subject: String,
        reason: String, requestID: String
    ) {
        self.sequence = sequence
        self.timeNanoseconds = timeNanoseconds
        self.actor = actor
        self.action = action
        self.subject = subject
        self.reason = reason
        self.requestID = requestID
    }
}
