import Foundation
import Proto
import SwiftProtobuf

/// What every change of a reservation answers.
protocol ReservationAnswer: Message {
    var reservation: Availability_V1_Reservation { get }
    var sequence: UInt64 { get }
    var epoch: UInt64 { get }
}

extension Availability_V1_CreateReservationResponse: ReservationAnswer {}
extension Availability_V1_ExtendReservationResponse: ReservationAnswer {}
extension Availability_V1_CommitReservationResponse: ReservationAnswer {}
extension Availability_V1_ReleaseReservationResponse: ReservationAnswer {}

/// Reservations for people.
enum ReservationText {
    /// A list or a watch names so many of a reservation's lines.
    private static let linesNamedMax = 3

    static func write(_ answer: some ReservationAnswer, format: OutputFormat) throws {
        guard format == .table else { return try Output.write(answer) }
        try write(answer.reservation)
        Diagnostics.write("sequence \(answer.sequence), epoch \(answer.epoch)")
    }

    static func write(_ reservation: Availability_V1_Reservation, withHistory: Bool = false) throws {
        try Output.write(header(reservation))
        try Output.write("")
        try Output.write(table(reservation.lines))
        guard withHistory, !reservation.history.isEmpty else { return }
        try Output.write("")
        try Output.write(table(reservation.history))
    }

    static func header(_ reservation: Availability_V1_Reservation, now: Date = Date()) -> TextTable {
        var table = TextTable(["RESERVATION", reservation.id])
        table.add(["state", reservation.state.shortName])
        table.add(["erp state", reservation.erpState.shortName])
        table.add(["expires in", expiry(reservation, now: now)])
        table.add(["version", "\(reservation.version)"])
        table.add(["channel", reservation.channel])
        table.add(["customer", orDash(reservation.customer)])
        table.add(["order reference", orDash(reservation.orderReference)])
        table.add(["created", DurationText.time(reservation.createTime, isPresent: reservation.hasCreateTime)])
        if !reservation.linkedReservation.isEmpty {
            table.add(["linked reservation", reservation.linkedReservation])
        }
        return table
    }

    static func table(_ lines: [Availability_V1_ReservationLine]) -> TextTable {
        var table = TextTable([
            ("LINE", .right), ("SKU", .left), ("LOCATION", .left), ("LOT", .left), ("REQUESTED", .right),
            ("QUANTITY", .right), ("OPEN", .right), ("COMMITTED", .right), ("FULFILLED", .right),
            ("RELEASED", .right), ("ERP STATE", .left), ("ERP REFERENCE", .left), ("REASON", .left),
        ])
        for line in lines {
            table.add([
                "\(line.lineID)", line.sku, line.location, orDash(line.lot), "\(line.requested)", "\(line.quantity)",
                "\(line.open)", "\(line.committed)", "\(line.fulfilled)", "\(line.released)", line.erpState.shortName,
                orDash(line.erpReference), line.reason,
            ])
        }
        return table
    }

    static func table(_ history: [Availability_V1_ReservationTransition]) -> TextTable {
        var table = TextTable([
            ("TIME", .left), ("FROM", .left), ("TO", .left), ("CAUSE", .left), ("SEQUENCE", .right),
            ("CORRELATION", .left),
        ])
        for transition in history {
            table.add([
                DurationText.time(transition.time, isPresent: transition.hasTime),
                transition.from == .unspecified ? "-" : transition.from.shortName, transition.to.shortName,
                transition.cause, "\(transition.sequence)", transition.correlationID,
            ])
        }
        return table
    }

    /// The table of `list`.
    static func table(_ reservations: [Availability_V1_Reservation], now: Date = Date()) -> TextTable {
        var table = TextTable([
            ("RESERVATION", .left), ("STATE", .left), ("ERP STATE", .left), ("EXPIRES IN", .right),
            ("VERSION", .right), ("CHANNEL", .left), ("CUSTOMER", .left), ("ORDER REFERENCE", .left),
            ("CREATED", .left), ("OPEN", .left),
        ])
        for reservation in reservations {
            table.add([
                reservation.id, reservation.state.shortName, reservation.erpState.shortName,
                expiry(reservation, now: now), "\(reservation.version)", reservation.channel,
                orDash(reservation.customer), orDash(reservation.orderReference),
                DurationText.time(reservation.createTime, isPresent: reservation.hasCreateTime), open(reservation),
            ])
        }
        return table
    }

    /// A line of `watch`: what happened lately, and what is open still.
    static func line(_ reservation: Availability_V1_Reservation) -> String {
        let belongsTo = [reservation.channel, reservation.customer, reservation.orderReference]
            .filter { !$0.isEmpty }.joined(separator: " ")
        return TextTable.printable(
            "\(reservation.id) \(reservation.state.shortName), erp \(reservation.erpState.shortName), "
                + "version \(reservation.version), \(belongsTo): \(open(reservation))")
    }

    static func line(_ shortfall: Availability_V1_ReservationShortfall) -> String {
        let place = "\(shortfall.sku)@\(shortfall.location), line \(shortfall.lineID)"
        let extent = shortfall.shortfall == 0 ? "ended" : "of \(shortfall.shortfall)"
        return TextTable.printable("\(shortfall.reservationID) SHORTFALL \(extent): \(place)")
    }

    /// What is open, written as it is asked for: `A@WH1=2 B@WH2=1`; `-` for nothing.
    private static func open(_ reservation: Availability_V1_Reservation) -> String {
        let lines = reservation.lines.filter { $0.open > 0 }
        let named = lines.prefix(linesNamedMax).map { "\($0.sku)@\($0.location)=\($0.open)" }
        let more = lines.count > named.count ? ["and \(lines.count - named.count) more"] : []
        return orDash((named + more).joined(separator: " "))
    }

    private static func expiry(_ reservation: Availability_V1_Reservation, now: Date) -> String {
        guard reservation.hasExpireTime else { return "-" }
        let seconds = reservation.expireTime.date.timeIntervalSince(now)
        return DurationText.brief(milliseconds: Int64((seconds * 1_000).rounded()))
    }

    private static func orDash(_ text: String) -> String { text.isEmpty ? "-" : text }
}
