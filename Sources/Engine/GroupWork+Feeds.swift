internal import Inventory
internal import Ledger

extension GroupWork {
    /// The decision and its audit entry, in the group's commit. To resume what is not paused changes nothing.
    mutating func take(_ decision: FeedDecision) throws(LedgerError) {
        let action: AuditAction
        switch decision.action {
        case .pause:
            let pause = FeedPause(
                feed: decision.feed, reason: decision.reason, actor: decision.actor, timeNanoseconds: nowNanoseconds)
            try batch.setDocument(pause, tenant: tenant, kind: .feedPause, id: decision.feed)
            action = .pauseFeed
        case .resume:
            guard try batch.deleteDocument(tenant: tenant, kind: .feedPause, id: decision.feed) else { return }
            action = .resumeFeed
        case .replay: action = .replayFeed
        }
        try audit(
            action, "feeds/\(decision.feed)", actor: decision.actor, reason: decision.reason,
            requestID: decision.requestID)
    }
}
