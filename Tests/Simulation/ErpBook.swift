import Erp
import Inventory

/// An ERP's own book of what it holds for us, by our ids.
struct ErpBook {
    enum Status {
        case held, cancelled, shipped
    }

    struct Entry {
        /// Units by our line; a line that was let go of stays, with 0.
        var lines: [UInt32: Int64] = [:]
        var status = Status.held
        var isCommitted = false
    }

    let capabilities: ErpCapabilities
    /// It decides as a friend would: faults have stopped.
    var isKind = false
    private(set) var entries: [String: Entry] = [:]

    init(capabilities: ErpCapabilities) {
        self.capabilities = capabilities
    }

    /// The effect of one call about one reservation.
    mutating func perform(_ work: ErpWork, _ chance: inout Chance) throws(Violation) -> ErpReply {
        if !isKind {
            if chance.oneIn(40) { return .retry("a lock") }
            if chance.oneIn(150) { return .failed("nobody knows the sku") }
        }
        if let status = entries[work.reservationID]?.status {
            if status == .cancelled { return .answer(.cancelled) }
            if status == .shipped { return .answer(.shipped) }
        }
        switch work.kind {
        case .reserve: return try reserve(work, &chance)
        case .release: return release(work)
        case .commit:
            guard entries[work.reservationID] != nil else { return .answer(.notFound) }
            entries[work.reservationID]?.isCommitted = true
            return answer(work)
        case .lookUp:
            if !isKind, chance.oneIn(30), let entry = entries[work.reservationID],
                entry.lines.values.contains(where: { $0 > 0 })
            {
                entries[work.reservationID]?.status = chance.oneIn(2) ? .cancelled : .shipped
                return try perform(work, &chance)
            }
            return answer(work)
        }
    }

    /// Its own people shipped some of what it holds.
    mutating func issue(_ issue: GoodsIssue, of reservationID: String) {
        guard let units = entries[reservationID]?.lines[issue.lineID] else { return }
        entries[reservationID]?.lines[issue.lineID] = max(0, units - issue.units)
    }

    private mutating func reserve(_ work: ErpWork, _ chance: inout Chance) throws(Violation) -> ErpReply {
        var entry = entries[work.reservationID] ?? Entry()
        let known = work.lines.filter { entry.lines[$0.lineID] != nil }
        // An ERP that does not know our ids by heart holds it twice.
        try require(
            known.isEmpty || capabilities.isIdempotent, .outboxDrains,
            "\(work.reservationID) was reserved twice at \(work.erp)")
        // The first decision stands, so that a call that comes late holds nothing anew.
        guard known.count < work.lines.count else { return decision(work, entry) }
        let granted = decide(work, &chance)
        for (line, units) in granted where entry.lines[line] == nil && (units > 0 || capabilities.isIdempotent) {
            entry.lines[line] = units
        }
        if !entry.lines.isEmpty { entries[work.reservationID] = entry }
        return decision(work, entry)
    }

    /// Units by line.
    private func decide(_ work: ErpWork, _ chance: inout Chance) -> [UInt32: Int64] {
        let refuses = !isKind && chance.percent(15)
        let takesParts = work.allowsPartial && capabilities.allowsPartial
        return Dictionary(
            uniqueKeysWithValues: work.lines.map { line in
                guard refuses else { return (line.lineID, line.quantity) }
                return (line.lineID, takesParts ? chance.within(0...line.quantity) : 0)
            })
    }

    /// What was decided of each line.
    private func decision(_ work: ErpWork, _ entry: Entry) -> ErpReply {
        .answer(
            .holds(
                work.lines.map { line in
                    let units = entry.lines[line.lineID] ?? 0
                    return ErpLineAnswer(
                        lineID: line.lineID, quantity: units, reference: "B-\(work.number)",
                        reason: units < line.quantity ? "ERP_REJECTED: nothing there" : "")
                }))
    }

    private mutating func release(_ work: ErpWork) -> ErpReply {
        guard var entry = entries[work.reservationID] else { return .answer(.notFound) }
        for line in work.lines {
            guard let units = entry.lines[line.lineID] else { continue }
            // All of a line or nothing, where a part cannot be given back.
            if capabilities.allowsPartial || line.quantity == 0 { entry.lines[line.lineID] = min(units, line.quantity) }
        }
        entries[work.reservationID] = entry
        return answer(work)
    }

    private func answer(_ work: ErpWork) -> ErpReply {
        // What it held once and has given out is known to it, and decided.
        guard let entry = entries[work.reservationID] else {
            return .answer(work.kind == .release ? .holds([]) : .notFound)
        }
        return .answer(
            .holds(
                entry.lines.filter { $0.value > 0 }.sorted { $0.key < $1.key }.map {
                    ErpLineAnswer(lineID: $0.key, quantity: $0.value, reference: "B-\(work.number)")
                }))
    }
}
