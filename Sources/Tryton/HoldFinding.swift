internal import Erp
internal import Inventory

/// One hold beside what Tryton has under its references: says what that means. No I/O.
struct HoldFinding: Sendable {
    struct Line: Sendable {
        var line: ErpHoldLine
        /// The one that counts.
        var shipment: Shipment?
        /// Racing creates left these as well.
        var doubles: [Shipment]
    }

    let hold: ErpHold
    let lines: [Line]
    private let user: Int

    /// - Parameter user: our own at Tryton.
    init(_ hold: ErpHold, shipments: [String: [Shipment]], user: Int) {
        self.hold = hold
        self.user = user
        lines = hold.lines.map { line in
            let reference = ShipmentReference(reservationID: hold.reservationID, lineID: line.lineID)
            let found = (shipments[reference.text] ?? []).sorted { ($1.rank, $0.id) < ($0.rank, $1.id) }
            return Line(line: line, shipment: found.first, doubles: Array(found.dropFirst()))
        }
    }

    /// The lines that somebody still wants; all of them when nobody wants any.
    private var wanted: [Line] {
        let wanted = lines.filter { $0.line.quantity > 0 }
        return wanted.isEmpty ? lines : wanted
    }

    var isEmpty: Bool { lines.allSatisfy { $0.shipment == nil } }
    /// Tryton told us of this hold before, so all of its lines were held once.
    var wasConfirmed: Bool { !hold.erpReference.isEmpty }
    /// Every line that is wanted is held, or has been shipped.
    var isWhole: Bool { wanted.allSatisfy { $0.shipment.map { $0.isHeld || $0.hasLeft } ?? false } }
    var hasAnyLeft: Bool { lines.contains { $0.shipment?.hasLeft ?? false } }

    /// Doubles to be cancelled.
    var doubles: [Int] { lines.flatMap { $0.doubles.filter(\.isOpen).map(\.id) } }
    /// Everything that can be cancelled.
    var open: [Int] { lines.compactMap(\.shipment).filter(\.isOpen).map(\.id) + doubles }
    /// Created, and then nobody went on, or somebody at Tryton took the assignment back.
    var unfinished: [Int] {
        lines.compactMap(\.shipment).filter { $0.isOpen && !$0.isHeld }.map(\.id)
    }
    /// What a release has to cancel.
    var released: [Int] {
        lines.filter { $0.line.quantity == 0 }
            .flatMap { ([$0.shipment].compactMap(\.self) + $0.doubles).filter(\.isOpen).map(\.id) }
    }

    /// Somebody else cancelled one of them. What we let go of ourselves tells nothing.
    private var wasCancelledByOthers: Bool {
        lines.contains { $0.shipment.map { $0.state == .cancelled && ($0.writer != user || wasConfirmed) } ?? false }
    }

    /// The answer once everything of an unfinished hold was let go of.
    var answerWhenLetGo: ErpAnswer { wasCancelledByOthers ? .cancelled : .notFound }

    /// The answer to a look-up of what is whole, or was.
    var answer: ErpAnswer {
        if isEmpty { return .notFound }
        let shipments = wanted.map(\.shipment)
        if shipments.allSatisfy({ $0?.hasLeft ?? false }) { return .shipped }
        if shipments.allSatisfy({ $0?.state == .cancelled }) { return .cancelled }
        return .holds(lines.map(held))
    }

    /// The answer to a release whose shipments were cancelled.
    var answerToRelease: ErpAnswer {
        if isEmpty { return .notFound }
        if lines.allSatisfy({ $0.shipment?.hasLeft ?? false }) { return .shipped }
        return .holds(lines.filter { $0.line.quantity > 0 }.map(held))
    }

    /// A line that was shipped before the others counts as held until all are.
    private func held(_ line: Line) -> ErpLineAnswer {
        guard let shipment = line.shipment else {
            return ErpLineAnswer(lineID: line.line.lineID, quantity: 0, reason: "ERP_NOT_FOUND")
        }
        let quantity = shipment.hasLeft ? line.line.quantity : shipment.isHeld ? shipment.held : 0
        let reason =
            quantity >= line.line.quantity
            ? "" : shipment.state == .cancelled ? "ERP_CANCELLED" : "INSUFFICIENT_STOCK: no longer assigned"
        return ErpLineAnswer(
            lineID: line.line.lineID, quantity: quantity, reference: shipment.number, reason: reason)
    }

    /// The answer to a reserve that Tryton could not serve in full, when everything of it was let go of.
    var refusal: ErpAnswer {
        .holds(
            lines.map { line in
                let held = line.shipment?.held ?? 0
                let isShort = held < line.line.quantity
                return ErpLineAnswer(
                    lineID: line.line.lineID, quantity: 0,
                    reason: isShort
                        ? "INSUFFICIENT_STOCK: \(held) of \(line.line.quantity) at \(line.line.location)"
                        : "INSUFFICIENT_STOCK: another line of the reservation")
            })
    }
}

// Of a reserve that was not assigned in full.
extension HoldFinding {
    /// What it was given all the same, and holds in vain.
    var heldInVain: [ErpHoldLine] { lines.filter { ($0.shipment?.held ?? 0) > 0 }.map(\.line) }

    /// Whether it was short of what the line is of.
    func lacks(_ line: ErpHoldLine) -> Bool {
        lines.contains {
            $0.line.sku == line.sku && $0.line.location == line.location
                && ($0.shipment?.held ?? 0) < $0.line.quantity
        }
    }
}
