import Engine
import Inventory
import Ledger

/// Everything that a set of events leaves behind and that no order of delivery may change, in words.
struct DeliveredFigures {
    /// By what they are about.
    private(set) var lines: [String: String] = [:]

    init(
        _ ledger: Ledger, _ engine: Engine, _ set: DeliverySet, _ granted: [Int: Reservation]
    ) throws(Violation) {
        do throws(LedgerError) {
            let reader = try ledger.makeReader()
            try reader.renew()
            let tenant = engine.tenantNumber
            try addStock(reader, tenant)
            try addReferences(reader, tenant)
            for (index, hold) in granted {
                let stored = try reader.reservation(hold.number, tenant: tenant)
                lines["hold \(index)"] = stored.map { Self.words($0, set.holds[index].fate) } ?? "lost"
            }
            try reader.forEachDeadLetter(tenant: tenant) { letter in
                lines["dead letter \(letter.source)/\(letter.eventID)"] = letter.reason
                return true
            }
        } catch { throw Violation(.acknowledgedIsThere, "the figures cannot be read: \(error)") }
        for source in engine.board.state.sources {
            let progress = source.progress
            lines["source \(source.id)"] =
                "up to \(progress.watermarkNanoseconds), newest \(progress.newestOccurredAtNanoseconds), "
                + "next \(progress.nextSequence ?? 0), waiting \(progress.pendingCount)"
        }
    }

    private mutating func addStock(_ reader: SnapshotReader, _ tenant: TenantNumber) throws(LedgerError) {
        var found: [String: String] = [:]
        try reader.forEachPosition(tenant: tenant) { sku, location, position throws(LedgerError) in
            let place = "\(sku)@\(location)"
            found[place] =
                Self.words(position) + ", contained \(position.contained), "
                + "vouched for \(position.authoritativeTimeNanoseconds)"
                + (position.authoritativeSource == 0 ? " by several" : "")
            return true
        }
        for sku in DeliverySet.skus {
            for location in LocationNumber(1)...LocationNumber(DeliverySet.locations.count) {
                try reader.forEachLot(tenant: tenant, sku: sku, location: location) { lot, part in
                    found["\(sku)@\(location)#\(lot)"] = Self.words(part)
                    return true
                }
            }
            try reader.forEachSupply(tenant: tenant, sku: sku) { location, id, line in
                found["supply \(id) of \(sku)@\(location)"] =
                    "\(line.open) open at \(line.figure?.expectedAtNanoseconds ?? 0), "
                    + "\(line.figure?.backordered ?? 0) promised"
                return true
            }
        }
        lines.merge(found) { $1 }
    }

    private mutating func addReferences(_ reader: SnapshotReader, _ tenant: TenantNumber) throws(LedgerError) {
        let holds = (0..<DeliverySet.Fate.allCases.count * 2).map { "H\($0)" }
        for sku in DeliverySet.skus {
            for location in LocationNumber(1)...LocationNumber(DeliverySet.locations.count) {
                for kind in ReferenceKind.allCases {
                    for lot in DeliverySet.lots {
                        for reference in DeliverySet.references + holds {
                            guard
                                let line = try reader.reference(
                                    tenant: tenant, sku: sku, location: location, kind: kind, lot: lot,
                                    reference: reference)
                            else { continue }
                            let entries = line.entries.map { "\($0.key.id) \($0.effect)" + ($0.isOurs ? " ours" : "") }
                            lines["\(kind) \(reference) of \(sku)@\(location)#\(lot)"] =
                                "\(line.open) open: "
                                + entries.joined(separator: ", ")
                        }
                    }
                }
            }
        }
    }

    private static func words(_ position: Position) -> String {
        Bucket.allCases.map { "\($0.name) \(position.buckets[$0])" }.joined(separator: ", ")
    }

    private static func words(_ hold: Reservation, _ fate: DeliverySet.Fate) -> String {
        // Whether goods left before their order was off is a matter of what was told first.
        if fate == .shippedAndCancelled, hold.state.isTerminal { return "over" }
        let lines = hold.lines.map {
            "line \($0.id) at \($0.location): \($0.open) of \($0.quantity) open, \($0.fulfilled) shipped, "
                + "\($0.released) released, \($0.contained) contained"
        }
        return "\(hold.state): " + lines.joined(separator: "; ")
    }
}
