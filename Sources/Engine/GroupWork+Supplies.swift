internal import Inventory
internal import Ledger

/// What events tell of supplies, and what comes in of them.
extension GroupWork {
    /// What came of an event's part in a supply.
    struct SupplyResult {
        /// The event's, where the supply decides it.
        var outcome: EventOutcome?
        /// What is left out; empty: nothing.
        var remark = ""
    }

    /// Why a supply cannot be taken in; nil: it can. A receipt is never refused for its supply.
    func refusal(
        of supply: AcceptedEvent.Supply, _ event: InventoryEvent
    ) throws(LedgerError) -> EventRejection? {
        guard case .told = supply.part, try stored(supply, event) == nil else { return nil }
        return try roomProblem(event.sku, at: supply.location).map { EventRejection(.outOfRange, $0) }
    }

    mutating func take(
        _ supply: AcceptedEvent.Supply, of event: InventoryEvent
    ) throws(LedgerError) -> SupplyResult {
        var result = SupplyResult()
        let known = try stored(supply, event)
        var line = known ?? SupplyLine()
        switch supply.part {
        case .told(let figure):
            guard line.tell(figure) else { return SupplyResult(outcome: .superseded) }
            try makeKnown(event.sku, at: supply.location)
        case .received(let receipt):
            if known == nil, let problem = try roomProblem(event.sku, at: supply.location) {
                // Nothing to keep it by: it lowers what is undated, for good.
                result.remark = "OUT_OF_RANGE: \(problem)"
                if receipt.mayLowerIncoming {
                    _ = try amend(.incoming, at: supply.location, receipt.key, event.sku, by: -receipt.units)
                }
                return result
            }
            line.receive(receipt)
            if line.figure == nil { result.outcome = .buffered }
        }
        try settle(&line, event.sku, at: supply.location)
        line.compact()
        try batch.setSupply(
            line, tenant: figures, sku: event.sku, location: supply.location, id: event.supply.id)
        if !isBeside { suppliesTouched += 1 }
        return result
    }

    /// Has every receipt do to the undated `incoming` what it should, now that this much is known of the supply.
    private mutating func settle(
        _ line: inout SupplyLine, _ sku: String, at location: LocationNumber
    ) throws(LedgerError) {
        for index in line.receipts.indices {
            let receipt = line.receipts[index]
            let wanted = line.wantedEffect(of: receipt)
            guard wanted != receipt.effect else { continue }
            switch try amend(.incoming, at: location, receipt.key, sku, by: wanted - receipt.effect) {
            case .done: line.setEffect(wanted, at: index)
            case .tooOld, .outOfRange: line.fix(at: index)
            }
        }
    }

    private func stored(
        _ supply: AcceptedEvent.Supply, _ event: InventoryEvent
    ) throws(LedgerError) -> SupplyLine? {
        try batch.supply(tenant: figures, sku: event.sku, location: supply.location, id: event.supply.id)
    }

    /// Why one more cannot be kept; nil: it can.
    private func roomProblem(_ sku: String, at location: LocationNumber) throws(LedgerError) -> String? {
        if rows(\.supplies) >= Limits.suppliesMax { return "supply.id: at most \(Limits.suppliesMax) are kept" }
        let most = Limits.suppliesPerPositionMax
        let count = try batch.supplyCount(tenant: figures, sku: sku, location: location, most: most)
        return count < most ? nil : "supply.id: at most \(most) are kept of one position"
    }

    /// Forgets what is closed once no event can be about it any more: not of who may tell of supplies there, whose events
    /// have a horizon of their own, nor of anybody within the horizon from now.
    mutating func pruneSupplies(visiting count: Int) throws(LedgerError) {
        let (catalogue, now, horizon) = (catalogue, nowNanoseconds, settings.horizonNanoseconds)
        // Where nobody owns what is to come anybody may tell of it.
        let ofAll = catalogue.sources.values.map {
            $0.progress.newestNanoseconds(nowNanoseconds: now, horizonNanoseconds: horizon)
        }.min()
        try batch.pruneSupplies(tenant: figures, visiting: count) { location, line in
            let owner = catalogue.directory.owner(of: location, bucket: .incoming)
            var newest = ofAll
            if let name = catalogue.sourceNames[owner], let progress = catalogue.sources[name]?.progress {
                // Of what it told it may tell anew, however long it was silent.
                newest =
                    line.figure != nil
                    ? progress.newestOccurredAtNanoseconds
                    : progress.newestNanoseconds(nowNanoseconds: now, horizonNanoseconds: horizon)
            }
            return line.isOver(beforeNanoseconds: min(now, newest ?? now) - horizon)
        }
    }
}
