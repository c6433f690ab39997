internal import Calls
internal import Engine
internal import Inventory
internal import Proto
internal import SwiftProtobuf

extension Availability_V1_Reservation {
    init(_ reservation: Reservation, directory: LocationDirectory, withHistory: Bool) {
        self.init()
        id = reservation.id
        state = .init(rawValue: Int(reservation.state.rawValue)) ?? .unspecified
        erpState = .init(reservation.erpState)
        channel = reservation.channel
        customer = reservation.customer
        orderReference = reservation.orderReference
        createTime = .init(wallNanoseconds: reservation.createTimeNanoseconds)
        if reservation.expireTimeNanoseconds != 0 {
            expireTime = .init(wallNanoseconds: reservation.expireTimeNanoseconds)
        }
        version = reservation.version
        if reservation.linkedNumber != 0 {
            linkedReservation = ReservationID.text(
                number: reservation.linkedNumber, epoch: reservation.linkedEpoch)
        }
        lines = reservation.lines.map { Availability_V1_ReservationLine($0, directory: directory) }
        if withHistory { history = reservation.history.map { Availability_V1_ReservationTransition($0) } }
    }
}

extension Availability_V1_ReservationLine {
    init(_ line: ReservationLine, directory: LocationDirectory) {
        self.init()
        lineID = line.id
        sku = line.sku
        location = directory.location(line.location)?.id ?? ""
        lot = line.lot
        requested = line.requested
        quantity = line.quantity
        open = line.open
        committed = line.committed
        fulfilled = line.fulfilled
        released = line.released
        erpState = .init(line.erpState)
        erpReference = line.erpReference
        reason = line.reason
    }
}

extension Availability_V1_ReservationTransition {
    init(_ transition: ReservationTransition) {
        self.init()
        time = .init(wallNanoseconds: transition.timeNanoseconds)
        from = transition.from.flatMap { .init(rawValue: Int($0.rawValue)) } ?? .unspecified
        to = .init(rawValue: Int(transition.to.rawValue)) ?? .unspecified
        cause = transition.cause.name
        correlationID = transition.correlationID
        sequence = transition.sequence
    }
}

extension Availability_V1_ErpState {
    init(_ state: ErpState) {
        self = .init(rawValue: Int(state.rawValue)) ?? .unspecified
    }
}

extension Reservation {
    /// As it is at a moment of ledger time: what has run out is EXPIRED, whether or not the books say so yet. Until they do the
    /// transition has no sequence.
    func asOf(_ ledgerNanoseconds: WallNanoseconds) -> Reservation {
        guard isDue(at: ledgerNanoseconds) else { return self }
        var expired = self
        expired.expire(
            erps: ErpDirectory(),
            at: ReservationMoment(
                ledgerNanoseconds: ledgerNanoseconds, sequence: 0, correlationID: ""))
        return expired
    }
}

extension Reservation {
    /// The place of a line in the request that led to it: a line that was split is several here.
    fileprivate func requestedIndex(of line: ReservationLine) -> Int {
        max(0, lines.prefix { $0.id <= line.id }.count { $0.requested > 0 } - 1)
    }
}

extension CallStatus {
    /// A hold that was not granted, with a violation for each line that was in the way, as many as fit.
    static func notGranted(_ shortages: [GrantShortage]) -> CallStatus {
        var failure = Google_Rpc_PreconditionFailure()
        var room = violationBytesMax
        for shortage in shortages.prefix(violationsMax) {
            var violation = Google_Rpc_PreconditionFailure.Violation()
            violation.type = shortage.reason.name
            violation.subject = "lines[\(shortage.lineIndex)]"
            violation.description_p = shortage.text
            if !shortage.alternatives.isEmpty {
                violation.description_p +=
                    "; could be served from \(shortage.alternatives.joined(separator: ", "))"
            }
            room -= violation.type.utf8.count + violation.subject.utf8.count + violation.description_p.utf8.count
            if room < 0 && !failure.violations.isEmpty { break }
            failure.violations.append(violation)
        }
        let first = shortages.first
        let message = first.map { "lines[\($0.lineIndex)]: \($0.text)" } ?? "nothing can be held"
        var metadata: [String: String] = [:]
        if let first {
            metadata["line"] = "\(first.lineIndex)"
            metadata["available"] = "\(first.available)"
            if !first.alternatives.isEmpty { metadata["alternatives"] = first.alternatives.joined(separator: ", ") }
        }
        if shortages.contains(where: { $0.reason.name == ErrorReason.staleData.rawValue }) {
            return .failure(
                .unavailable, .staleData, message, metadata: metadata, details: [failure],
                retryAfterNanoseconds: .perSecond)
        }
        let reason = first.flatMap { ErrorReason(rawValue: $0.reason.name) } ?? .insufficientStock
        return .failure(.failedPrecondition, reason, message, metadata: metadata, details: [failure])
    }

    /// So that all details, in base 64, leave room for the other trailers within 8 KiB.
    private static let violationBytesMax = 3_000

    static func erpRejected(_ reservation: Reservation) -> CallStatus {
        var failure = Google_Rpc_PreconditionFailure()
        let refused = reservation.lines.filter { $0.erpState == .rejected }
        for line in refused.prefix(violationsMax) {
            var violation = Google_Rpc_PreconditionFailure.Violation()
            violation.type = ErrorReason.erpRejected.rawValue
            violation.subject = "lines[\(reservation.requestedIndex(of: line))]"
            violation.description_p = "line \(line.id), \(line.sku): \(line.reason)"
            failure.violations.append(violation)
        }
        let why = refused.first.map { "line \($0.id), \($0.sku): \($0.reason)" } ?? "a line was refused"
        return .failure(
            .failedPrecondition, .erpRejected, "the ERP refused \(reservation.id): \(why)",
            metadata: ["reservation": reservation.id, "line": refused.first.map { "\($0.id)" } ?? ""],
            details: [failure])
    }
}
