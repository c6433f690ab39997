/// What an ERP holds of one line.
public struct ErpLineAnswer: Sendable, Equatable {
    public var lineID: UInt32
    /// Units the ERP holds now.
    public var quantity: Int64
    /// The ERP's own name for the hold; may be empty.
    public var reference: String
    /// Why it is less than asked; empty otherwise.
    public var reason: String

    public init(lineID: UInt32, quantity: Int64, reference: String = "", reason: String = "") {
        self.lineID = lineID
        self.quantity = quantity
        self.reference = reference
        self.reason = reason
    }
}

/// What became of one piece of work. Of calls that were surely never sent, or are to be sent again, the ledger hears
/// nothing.
public enum ErpAnswer: Sendable, Equatable {
    /// The ERP has decided: so much of each line is held now. A line it does not name is not held.
    case holds([ErpLineAnswer])
    /// Sent, and no answer came in time.
    case unknown
    /// The ERP has nothing under our id, and nothing that was sent can still take effect.
    case notFound
    /// Somebody cancelled it at the ERP.
    case cancelled
    /// The ERP has shipped it.
    case shipped
}

extension ReservationLine {
    /// What the reason says of a confirmed hold that was looked for and not found.
    fileprivate static let notFound = "ERP_NOT_FOUND"

    /// Whether a read of the ERP's figures should have it.
    public var isExpectedAtErp: Bool { erpState == .confirmed && open > 0 && reason != Self.notFound }

    /// It stays subtracted here, for a person to see.
    /// The ERP confirmed it once and does not know it any more.
    public var isNotFoundAtErp: Bool { reason == Self.notFound }

    fileprivate mutating func setNotFound() { reason = Self.notFound }
}

/// What an ERP answers about a reservation.
extension Reservation {
    /// Takes an answer in. Returns false when it says nothing new: then at most `isMissed` has changed.
    ///
    /// - Parameter shippedWhenAsked: by line; a line not named has shipped nothing since.
    public mutating func take(
        _ answer: ErpAnswer, to kind: ErpWriteKind, from erp: String, shippedWhenAsked: [UInt32: Int64] = [:],
        erps: ErpDirectory, at moment: ReservationMoment
    ) -> Bool {
        if kind == .lookUp, answer != .unknown {
            for index in indices(erp) { lines[index].isMissed = false }
        }
        let before = self
        let cause: ReservationCause
        switch answer {
        case .unknown: cause = takeUnknown(kind, erp)
        case .holds(let answers): cause = takeHolds(answers, kind, erp, shippedWhenAsked, erps)
        case .notFound: cause = takeNotFound(erp)
        case .cancelled: cause = takeCancelled(erp, erps)
        case .shipped: cause = takeShipped(erp)
        }
        guard self != before else { return false }
        note(cause, from: before.state, at: moment)
        return true
    }

    /// A read of an ERP's figures, asked for at a time, lacked some of this hold: what was confirmed before and has not
    /// changed since is to be looked for. What was looked for once and not found stays a matter for a person.
    ///
    /// Returns whether there is anything to look for that was not known before.
    public mutating func miss(_ lineIDs: Set<UInt32>, at erp: String, askedNanoseconds: WallNanoseconds) -> Bool {
        guard !erpsWithWork.contains(erp), let last = history.last, last.timeNanoseconds < askedNanoseconds else {
            return false
        }
        var isNew = false
        for index in indices(erp) where lineIDs.contains(lines[index].id) && lines[index].isExpectedAtErp {
            lines[index].isMissed = true
            isNew = true
        }
        return isNew
    }

    private func indices(_ erp: String) -> [Int] { lines.indices.filter { lines[$0].erp == erp } }

    private mutating func takeUnknown(_ kind: ErpWriteKind, _ erp: String) -> ReservationCause {
        // Of a release or a commit without an answer nothing is lost by asking again: both say what shall be.
        if kind == .reserve {
            for index in indices(erp) where lines[index].erpState == .pending { lines[index].erpState = .unknown }
        }
        return .erpUnknown
    }

    private mutating func takeHolds(
        _ answers: [ErpLineAnswer], _ kind: ErpWriteKind, _ erp: String, _ shippedWhenAsked: [UInt32: Int64],
        _ erps: ErpDirectory
    ) -> ReservationCause {
        var isRefused = false
        var isInDoubt = false
        // Where some lines say why they are not held, the others were let go for their sake.
        let someSayWhy = answers.contains { !$0.reason.isEmpty }
        for index in indices(erp) where lines[index].quantity > 0 && lines[index].erpState != .rejected {
            let answer = answers.first { $0.lineID == lines[index].id }
            // A reserve and a commit speak of the lines they were about only.
            if answer == nil && (kind == .reserve || kind == .commit) { continue }
            if kind == .reserve || kind == .lookUp,
                lines[index].fulfilled != shippedWhenAsked[lines[index].id] ?? lines[index].fulfilled
            {
                // Whether the units are those before or after goods left is not known: looked up once more.
                if lines[index].erpState != .releasePending { lines[index].erpState = .unknown }
                isInDoubt = true
                continue
            }
            let own = answer ?? ErpLineAnswer(lineID: lines[index].id, quantity: 0)
            let isInnocent = someSayWhy && own.reason.isEmpty && own.quantity == 0
            if settle(index, own, kind, erps, isInnocent: isInnocent) { isRefused = true }
        }
        guard isRefused else {
            if isInDoubt { return .erpUnknown }
            return switch kind {
            case .release: .erpReleased
            case .commit: .erpCommitted
            case .reserve, .lookUp: .erpConfirmed
            }
        }
        let wasCommitted = state == .committed
        if !allowsPartial {
            for index in lines.indices { close(index, units: lines[index].open, erps: erps) }
        }
        if open == 0 && !state.isTerminal { end(.rejected) }
        return wasCommitted ? .erpRefusedAfterCommit : .erpRejected
    }

    /// Takes over what the ERP holds of one line; true when that is less than the line holds.
    private mutating func settle(
        _ index: Int, _ answer: ErpLineAnswer, _ kind: ErpWriteKind, _ erps: ErpDirectory, isInnocent: Bool
    ) -> Bool {
        if kind == .lookUp, answer.quantity == 0, answer.reason == ReservationLine.notFound,
            lines[index].isExpectedAtErp
        {
            lines[index].setNotFound()
            return false
        }
        lines[index].erpQuantity = answer.quantity
        if !answer.reference.isEmpty { lines[index].erpReference = answer.reference }
        if kind == .commit { lines[index].isCommitDue = false }
        let missing = lines[index].open - answer.quantity
        if missing > 0 {
            lines[index].open -= missing
            lines[index].released += missing
            if !isInnocent { lines[index].reason = answer.reason.isEmpty ? "ERP_REJECTED" : answer.reason }
        }
        // What the ERP does not hold is in no figure of its own any more.
        lines[index].contained = min(lines[index].contained, answer.quantity)
        if lines[index].open == 0 { lines[index].isCommitDue = false }
        if answer.quantity > lines[index].open {
            let canGiveBack = lines[index].open == 0 || erps.allowsPartialRelease(lines[index].erp)
            lines[index].erpState = canGiveBack ? .releasePending : .confirmed
        } else if lines[index].open > 0 {
            lines[index].erpState = .confirmed
        } else {
            lines[index].erpState = missing > 0 && !isInnocent ? .rejected : .released
        }
        return missing > 0 && !isInnocent
    }

    private mutating func takeNotFound(_ erp: String) -> ReservationCause {
        for index in indices(erp) {
            switch lines[index].erpState {
            // Not there, so it is asked anew.
            case .unknown: lines[index].erpState = .pending
            case .releasePending:
                lines[index].erpQuantity = 0
                lines[index].contained = 0
                lines[index].erpState = lines[index].open == 0 ? .released : .confirmed
                if lines[index].open > 0 { lines[index].setNotFound() }
            case .confirmed:
                lines[index].isCommitDue = false
                lines[index].setNotFound()
            case .pending, .released, .rejected, .notRequired: break
            }
        }
        return .erpNotFound
    }

    private mutating func takeCancelled(_ erp: String, _ erps: ErpDirectory) -> ReservationCause {
        for index in indices(erp) where lines[index].erpState != .rejected && lines[index].erpState != .notRequired {
            let units = lines[index].open
            lines[index].open = 0
            lines[index].released += units
            lines[index].contained = 0
            lines[index].erpQuantity = 0
            lines[index].isCommitDue = false
            lines[index].erpState = .released
            if units > 0 { lines[index].reason = "ERP_CANCELLED" }
        }
        if open == 0 && !state.isTerminal { end(.released) }
        return .erpCancelled
    }

    private mutating func takeShipped(_ erp: String) -> ReservationCause {
        for index in indices(erp) where lines[index].erpState != .rejected && lines[index].erpState != .notRequired {
            let units = lines[index].open
            let contained = lines[index].contained
            lines[index].erpQuantity = 0
            ship(index, units: units)
            // The position's gross stock may not have heard of it: subtracted until a read or the shipment's event has.
            lines[index].contained = max(contained, units)
            lines[index].shippedByErp += units
            lines[index].erpState = .released
        }
        if open == 0 && !state.isTerminal { end(.fulfilled) }
        return .erpShipped
    }
}
