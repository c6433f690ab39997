/// A decision that changes nothing that is stored, such as that a write to an ERP be tried now: only the audit log tells of it.
public struct NotedDecision: Sendable, Equatable {
    public let action: AuditAction
    public let subject: String
    /// The channel it concerns; nil: none.
    public let channel: String?
    /// Who asks.
    public let actor: String
    public let reason: String
    public let requestID: String

    public init(
        action: AuditAction, subject: String, channel: String?, actor: String, reason: String, requestID: String
    ) {
        self.action = action
        self.subject = subject
        self.channel = channel
        self.actor = actor
        self.reason = reason
        self.requestID = requestID
    }
}
