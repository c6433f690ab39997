internal import Inventory
internal import Ledger

extension GroupWork {
    mutating func execute(_ command: PublicationCommand) throws(LedgerError) {
        switch command {
        case .acknowledge(var progress):
            progress.pause = try stored(progress.publication)?.pause
            try store(progress)
        case .giveUp(let message): try keep(message)
        case .settle(let letters):
            for id in letters {
                guard let letter = try batch.deadLetter(tenant: tenant, id: id) else { continue }
                try batch.deleteDeadLetter(letter, tenant: tenant)
            }
        case .decide(let decision): try take(decision)
        }
    }

    private func stored(_ publication: String) throws(LedgerError) -> PublicationProgress? {
        try batch.document(PublicationProgress.self, tenant: tenant, kind: .publication, id: publication)
    }

    private mutating func store(_ progress: PublicationProgress) throws(LedgerError) {
        try batch.setDocument(progress, tenant: tenant, kind: .publication, id: progress.publication)
    }

    /// The decision and its audit entry, in the group's commit. To resume what is not paused changes nothing.
    private mutating func take(_ decision: PublicationDecision) throws(LedgerError) {
        var progress = try stored(decision.publication) ?? PublicationProgress(publication: decision.publication)
        let action: AuditAction
        switch decision.action {
        case .pause:
            progress.pause = PublicationPause(
                reason: decision.reason, actor: decision.actor, timeNanoseconds: nowNanoseconds)
            action = .pausePublication
        case .resume:
            guard progress.pause != nil else { return }
            progress.pause = nil
            action = .resumePublication
        }
        try store(progress)
        try audit(
            action, "publications/\(decision.publication)", actor: decision.actor, reason: decision.reason,
            requestID: decision.requestID, channel: decision.channel)
    }

    /// A later message of the same line takes the place of the one before: only the newest figure matters.
    private mutating func keep(_ message: UndeliveredMessage) throws(LedgerError) {
        let source = UndeliveredMessage.source(of: message.publication)
        let line = Array("\(source)\u{0}\(message.sku)\u{0}\(message.location)".utf8)
        let digest = DeadLetterDigest(high: ContentDigest.of(line), low: 0)
        let known = try batch.deadLetter(tenant: tenant, digest: digest)
        let letter = DeadLetter(
            sequence: known?.sequence ?? batch.nextSequence(), digest: digest,
            contentType: ContentType.publication.rawValue,
            firstTimeNanoseconds: known?.firstTimeNanoseconds ?? nowNanoseconds, lastTimeNanoseconds: nowNanoseconds,
            attempts: (known?.attempts ?? 0) &+ 1, reason: "UNDELIVERED: \(message.reason)", source: source,
            eventID: message.id, sku: message.sku, original: message.original)
        try keep(letter, inPlaceOf: known)
    }
}
