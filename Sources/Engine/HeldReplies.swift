internal import Inventory

/// Replies of write-through: durable already, and kept from their callers until the ERP has decided or they have waited
/// long enough. What becomes of the hold does not depend on anybody waiting.
///
/// Thread: the writer's.
struct HeldReplies {
    private struct Held {
        var reply: ReservationReply
        var deadlineNanoseconds: Int64
        var completion: @Sendable (EngineReply) -> Void
    }

    private var held: [ReservationNumber: [Held]] = [:]
    /// Of the monotonic clock; nil: nobody waits.
    private(set) var nextDeadlineNanoseconds: Int64?

    /// Whether the reply is kept back; otherwise the caller is to be told.
    mutating func keep(_ queued: QueuedCommand, _ reply: EngineReply) -> Bool {
        guard case .reserved(let reserved) = reply, reserved.awaitsDecision,
            var deadline = queued.answerByNanoseconds
        else { return false }
        if let most = reserved.erpWaitMaxNanoseconds {
            guard most > 0 else { return false }
            deadline = min(deadline, monotonicNow() + most)
        }
        held[reserved.reservation.number, default: []].append(
            Held(reply: reserved, deadlineNanoseconds: deadline, completion: queued.completion))
        nextDeadlineNanoseconds = min(nextDeadlineNanoseconds ?? deadline, deadline)
        return true
    }

    /// Tells those whose ERP has decided.
    mutating func decide(_ changed: [ReservationNumber: TouchedReservation]) {
        guard !held.isEmpty, !changed.isEmpty else { return }
        for number in held.count < changed.count ? Array(held.keys) : Array(changed.keys) {
            guard let waiting = held[number], let reservation = changed[number]?.new else { continue }
            let still = waiting.filter { one in
                var reply = one.reply
                reply.reservation = reservation
                reply.sequence = reservation.history.last?.sequence ?? reply.sequence
                guard !reply.awaitsDecision else { return true }
                one.completion(reservation.state == .rejected ? .failed(.erpRejected(reservation)) : .reserved(reply))
                return false
            }
            held[reservation.number] =
                still.isEmpty
                ? nil
                : still.map { one in
                    var one = one
                    one.reply.reservation = reservation
                    return one
                }
        }
    }

    /// Tells those who have waited until now how it stands.
    mutating func giveUp(atNanoseconds now: Int64) {
        guard let next = nextDeadlineNanoseconds, next <= now else { return }
        var earliest: Int64?
        for (number, waiting) in held {
            let still = waiting.filter { one in
                guard one.deadlineNanoseconds <= now else { return true }
                one.completion(.reserved(one.reply))
                return false
            }
            held[number] = still.isEmpty ? nil : still
            for one in still { earliest = min(earliest ?? one.deadlineNanoseconds, one.deadlineNanoseconds) }
        }
        nextDeadlineNanoseconds = earliest
    }
}
