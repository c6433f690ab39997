/// What an ERP is told or asked about one reservation. Raw values are the contract's.
public enum ErpWriteKind: UInt8, Sendable, Equatable {
    case reserve = 1
    case commit = 2
    case release = 3
    case lookUp = 4
}

/// One line as an ERP is told of it.
public struct ErpWorkLine: Sendable, Equatable {
    public var lineID: UInt32
    public var sku: String
    public var location: LocationNumber
    /// Units the ERP shall hold after the call.
    public var quantity: Int64
    /// Units of the line that were shipped when this was asked.
    public var fulfilled: Int64
}

/// What has to be said to one ERP about one reservation next. It is not stored: the lines' states say it, so it is there
/// from the commit of its cause until the commit of the ERP's answer.
public struct ErpWork: Sendable, Equatable {
    public var number: ReservationNumber
    public var reservationID: String
    public var erp: String
    public var kind: ErpWriteKind
    /// Of the reservation this was read from; an answer to an older version still counts.
    public var version: UInt64
    public var channel: String
    public var customer: String
    public var orderReference: String
    public var allowsPartial: Bool
    public var reservationState: ReservationState
    public var lines: [ErpWorkLine]
    public var erpReference: String
    /// When it became due: ledger time.
    public var sinceNanoseconds: WallNanoseconds
    /// The outbox's number of the call that carries it; 0: none.
    public var call: UInt64 = 0
}

extension ReservationLine {
    /// What is closed needs no search: its release, if any, tells.
    fileprivate var isLookedFor: Bool { isMissed && erpState == .confirmed && open > 0 }

    fileprivate var hasErpWork: Bool { erpState.awaitsErp || isCommitDue || isLookedFor }
}

extension Reservation {
    /// The ERPs that have yet to be told or asked something.
    public var erpsWithWork: [String] {
        var names: [String] = []
        for line in lines where line.hasErpWork {
            if !names.contains(line.erp) { names.append(line.erp) }
        }
        return names
    }

    /// What comes next for an ERP; nil: nothing. What is unknown is looked up before anything is asked, and what is held
    /// for nobody is let go before the order is placed.
    public func erpWork(for erp: String) -> ErpWork? {
        let own = lines.filter { $0.erp == erp }
        let kind: ErpWriteKind
        let concerned: [ReservationLine]
        if own.contains(where: { $0.erpState == .unknown || $0.isLookedFor }) {
            (kind, concerned) = (.lookUp, own)
        } else if own.contains(where: { $0.erpState == .pending }) {
            (kind, concerned) = (.reserve, own.filter { $0.erpState == .pending })
        } else if own.contains(where: { $0.erpState == .releasePending }) {
            (kind, concerned) = (.release, own.filter { $0.quantity > 0 && $0.erpState != .rejected })
        } else if own.contains(where: \.isCommitDue) {
            (kind, concerned) = (.commit, own.filter(\.isCommitDue))
        } else {
            return nil
        }
        return ErpWork(
            number: number, reservationID: id, erp: erp, kind: kind, version: version, channel: channel,
            customer: customer, orderReference: orderReference, allowsPartial: allowsPartial, reservationState: state,
            lines: concerned.map {
                ErpWorkLine(
                    lineID: $0.id, sku: $0.sku, location: $0.location, quantity: $0.open, fulfilled: $0.fulfilled)
            },
            erpReference: own.first { !$0.erpReference.isEmpty }?.erpReference ?? "",
            sinceNanoseconds: history.last?.timeNanoseconds ?? createTimeNanoseconds)
    }
}
