/// The watermark of a source: up to where it has told everything.
///
/// A source that counts vouches with its gap-free prefix: the watermark is the greatest min(occurred_at, time of receipt)
/// in it. The first sequence ever seen starts the prefix; lower ones that come later are late fillers, which take effect
/// and move nothing. A source that has never counted vouches with every event. From one that counts, an event without a
/// sequence vouches for nothing, except a heartbeat while no gap is open: that says outright that everything was told.
/// A figure that was read, rather than told, vouches for itself alone: only the heartbeat after a whole reading says that
/// all were read.
extension SourceProgress {
    /// Notes an event that was taken in, with whatever outcome, once.
    ///
    /// - Parameters:
    ///   - occurredAtNanoseconds: nil for a dead letter: its sequence is accounted for, but it vouches for nothing.
    ///   - receivedAtNanoseconds: now, in ledger time.
    ///   - isReading: it is a figure that was read, one of many.
    public mutating func observe<Pending: PendingSequences & ~Copyable>(
        sequence: UInt64?, occurredAtNanoseconds: WallNanoseconds?, receivedAtNanoseconds: WallNanoseconds,
        isHeartbeat: Bool, isReading: Bool = false, pending: inout Pending
    ) throws(Pending.Failure) {
        let occurredAt = occurredAtNanoseconds ?? 0
        newestOccurredAtNanoseconds = max(newestOccurredAtNanoseconds, occurredAt)
        // The event rules refuse greater ones; such a dead letter must not end the count.
        if let sequence, sequence > UInt64(Int64.max) { return }
        guard let sequence else {
            let vouches = !isReading && (nextSequence == nil || (isHeartbeat && gapSinceNanoseconds == nil))
            if vouches { vouch(occurredAt, receivedAtNanoseconds) }
            return
        }
        guard let next = nextSequence, sequence != next else {
            if gapSinceNanoseconds != nil { lateFillers += 1 }
            vouch(occurredAt, receivedAtNanoseconds)
            nextSequence = sequence &+ 1
            if gapSinceNanoseconds != nil { try closeGap(receivedAtNanoseconds, &pending) }
            return
        }
        if sequence < next {
            lateFillers += 1
            return
        }
        if gapSinceNanoseconds == nil { gapSinceNanoseconds = receivedAtNanoseconds }
        if pendingCount >= Limits.pendingSequencesMax {
            pendingOverflowed = true
            return
        }
        let isNew = try pending.insert(
            sequence, occurredAtNanoseconds: occurredAt, receivedAtNanoseconds: receivedAtNanoseconds)
        if isNew { pendingCount += 1 }
    }

    /// Ends a gap after the source's figures were read whole. What is missing below the sequences known when the reading
    /// began is in the figures; what came meanwhile is not, so a gap that is younger stays.
    ///
    /// After an overflow nobody knows any more what was missing: the next sequence to come starts a new prefix.
    ///
    /// - Parameter known: the kept sequences that were received before the reading began, in ascending order.
    public mutating func reconciled<Pending: PendingSequences & ~Copyable>(
        known: [UInt64], nowNanoseconds: WallNanoseconds, pending: inout Pending
    ) throws(Pending.Failure) {
        guard !pendingOverflowed, let last = known.last else {
            if pendingCount > 0 { try pending.removeAll() }
            pendingCount = 0
            pendingOverflowed = false
            gapSinceNanoseconds = nil
            nextSequence = nil
            return
        }
        for sequence in known {
            guard let kept = try pending.remove(sequence) else { continue }
            vouch(kept.occurredAtNanoseconds, kept.receivedAtNanoseconds)
            pendingCount -= 1
        }
        nextSequence = last &+ 1
        try closeGap(nowNanoseconds, &pending)
    }

    /// How the source does at `nowNanoseconds`.
    ///
    /// - Parameter staleAfterNanoseconds: the age of a watermark that is too old; 0: none is.
    public func status(
        nowNanoseconds: WallNanoseconds, gapWaitNanoseconds: Int64 = Limits.gapWaitNanoseconds,
        staleAfterNanoseconds: Int64 = 0
    ) -> SourceStatus {
        if pendingOverflowed { return .gap }
        if let since = gapSinceNanoseconds, nowNanoseconds - since > gapWaitNanoseconds { return .gap }
        if newestOccurredAtNanoseconds == 0 { return .neverSeen }
        let lag = nowNanoseconds - watermarkNanoseconds
        return staleAfterNanoseconds > 0 && lag > staleAfterNanoseconds ? .stale : .live
    }

    private mutating func vouch(_ occurredAt: WallNanoseconds, _ receivedAt: WallNanoseconds) {
        watermarkNanoseconds = max(watermarkNanoseconds, min(occurredAt, receivedAt))
    }

    /// Takes over the kept sequences that now continue the prefix. A further gap is waited for anew, from now on.
    private mutating func closeGap<Pending: PendingSequences & ~Copyable>(
        _ nowNanoseconds: WallNanoseconds, _ pending: inout Pending
    ) throws(Pending.Failure) {
        while pendingCount > 0, let next = nextSequence, let kept = try pending.remove(next) {
            vouch(kept.occurredAtNanoseconds, kept.receivedAtNanoseconds)
            nextSequence = next &+ 1
            pendingCount -= 1
        }
        // After an overflow some sequences are forgotten: only a reconciliation tells that the gap is closed.
        gapSinceNanoseconds = pendingCount > 0 || pendingOverflowed ? nowNanoseconds : nil
    }
}
