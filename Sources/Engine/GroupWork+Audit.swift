internal import Inventory
internal import Ledger

extension GroupWork {
    /// Tells in the group's commit of what somebody decided. `complete` adds what only some decisions have.
    mutating func audit(
        _ action: AuditAction, _ subject: String, actor: String, reason: String, requestID: String,
        channel: String? = nil, _ complete: (inout AuditEntry) -> Void = { _ in }
    ) throws(LedgerError) {
        var entry = AuditEntry(
            sequence: batch.nextSequence(), timeNanoseconds: ledgerNanoseconds, actor: actor, action: action,
            subject: subject, reason: reason, requestID: requestID)
        entry.channel = channel
        complete(&entry)
        try batch.appendAudit(entry, tenant: tenant)
    }
}
