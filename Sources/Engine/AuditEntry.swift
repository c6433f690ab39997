public import Inventory

/// One line of the append-only audit log.
public struct AuditEntry: Sendable, Equatable, Codable {
    public var sequence: UInt64
    public var timeNanoseconds: WallNanoseconds
    /// Who did it: a certificate's subject, or `configuration`, or `anonymous`.
    public var actor: String
    /// What was done, for example `channel.update`.
    public var action: String
    /// What it was done to, for example `channels/web`.
    public var subject: String
    public var reason: String
    public var requestID: String
    /// The document before and after, absent where there was none.
    public var channelBefore: Channel?
    public var channelAfter: Channel?
    /// What became of each of several things that one call was about; absent otherwise.
    public var outcomes: [String: String]?

    public init(
        sequence: UInt64, timeNanoseconds: WallNanoseconds, actor: String, action: String, subject: String,
        reason: String, requestID: String, channelBefore: Channel? = nil, channelAfter: Channel? = nil
    ) {
        self.sequence = sequence
        self.timeNanoseconds = timeNanoseconds
        self.actor = actor
        self.action = action
        self.subject = subject
        self.reason = reason
        self.requestID = requestID
        self.channelBefore = channelBefore
        self.channelAfter = channelAfter
    }
}
