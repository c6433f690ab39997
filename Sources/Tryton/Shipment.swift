internal import Erp

/// What names one of our lines at Tryton: the reference of its shipment.
///
/// Every line has a shipment of its own. A move has no field for a line's id, and a shipment is the least that Tryton
/// lets go of by itself: one line of a reservation can be released, shipped or cancelled without the others.
struct ShipmentReference: Hashable, Sendable {
    var reservationID: String
    var lineID: UInt32

    /// Our reservations' ids begin with this, and nobody else's references should.
    static let prefix = "r-"

    init(reservationID: String, lineID: UInt32) {
        self.reservationID = reservationID
        self.lineID = lineID
    }

    /// Nil: somebody else's.
    init?(_ text: String) {
        let parts = text.split(separator: "/", omittingEmptySubsequences: false)
        guard parts.count == 2, text.hasPrefix(Self.prefix), let lineID = UInt32(parts[1]) else { return nil }
        self.init(reservationID: String(parts[0]), lineID: lineID)
    }

    var text: String { "\(reservationID)/\(lineID)" }
}

/// One customer shipment as Tryton has it.
struct Shipment: Sendable, Equatable {
    enum State: String, Sendable {
        case draft, waiting, assigned, picked, packed, shipped, done, cancelled
    }

    var id: Int
    var reference: String
    /// What people at Tryton call it; there is none before it waits.
    var number: String
    var state: State
    /// Units held for it now.
    var held: Int64
    /// Who changed it last.
    var writer: Int

    static let fields: TrytonValue = [
        "reference", "number", "state", "write_uid", "moves.state", "moves.internal_quantity",
    ]

    init(id: Int, reference: String, number: String, state: State, held: Int64, writer: Int) {
        self.id = id
        self.reference = reference
        self.number = number
        self.state = state
        self.held = held
        self.writer = writer
    }

    /// A record with `fields`; nil: not understood.
    init?(_ record: TrytonValue) {
        guard let id = record["id"].integer, let reference = record["reference"].text,
            let state = record["state"].text.flatMap(State.init(rawValue:))
        else { return nil }
        // What is assigned is held. Once picked, the units lie in the output until the moves out of it are assigned.
        let holding = state == .picked ? ["draft", "assigned"] : ["assigned"]
        let held = record["moves."].list.filter { holding.contains($0["state"].text ?? "") }
            .reduce(0.0) { $0 + ($1["internal_quantity"].number ?? 0) }
        self.init(
            id: id, reference: reference, number: record["number"].text ?? "", state: state,
            held: Int64(clamping: held.rounded(.down)), writer: record["write_uid"].integer ?? 0)
    }

    /// Tryton holds the whole of it.
    var isHeld: Bool { [.assigned, .picked, .packed].contains(state) }
    /// The goods are gone.
    var hasLeft: Bool { [.shipped, .done].contains(state) }
    /// Can and may be cancelled.
    var isOpen: Bool { !hasLeft && state != .cancelled }

    /// What counts when there are several under one reference.
    var rank: Int {
        switch state {
        case .shipped, .done: 4
        case .assigned, .picked, .packed: 3
        case .waiting: 2
        case .draft: 1
        case .cancelled: 0
        }
    }
}

extension Int64 {
    /// The nearest that there is, for what is no number or beyond.
    init(clamping value: Double) {
        self = Int64(exactly: value) ?? (value.isNaN ? 0 : value < 0 ? .min : .max)
    }
}
