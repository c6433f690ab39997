internal import Inventory
internal import Ledger

extension GroupWork {
    /// The decision and its audit entry, in the group's commit. To resume what is not paused changes nothing.
    mutating func take(_ decision: FeedDecision) throws(LedgerError) {
        switch decision.action {
        case .pause:
            let pause = FeedPause(
                feed: decision.feed, reason: decision.reason, actor: decision.actor, timeNanoseconds: nowNanoseconds)
            try batch.setDocument(pause, tenant: tenant, kind: .feedPause, id: decision.feed)
        case .resume:
            guard try batch.deleteDocument(tenant: tenant, kind: .feedPause, id: decision.feed) else { return }
        case .replay: break
        }
        let audit = AuditEntry(
            sequence: batch.nextSequence(), timeNanoseconds: nowNanoseconds, actor: decision.actor,
            action: "feed.\(decision.action.rawValue)", subject: "feeds/\(decision.feed)", reason: decision.reason,
            requestID: decision.requestID)
        try batch.appendAudit(audit, tenant: tenant)
    }
}
