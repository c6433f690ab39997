internal import Inventory
internal import Ledger

/// What lies behind the horizon, and what a whole reading settles.
extension GroupWork {
    /// Entries of one journal pruned at most at a time.
    private static let prunedPerPlaceMax = 64

    /// Prunes journals that nobody writes to any more: a hand over all of them looks at twice as many entries as were added.
    /// A position remembers up to where, so that what comes still later is TOO_OLD and never guessed.
    mutating func pruneJournals(ofLots: Bool, added: Int) throws(LedgerError) {
        var horizons = JournalHorizons(catalogue: catalogue, settings: settings, nowNanoseconds: nowNanoseconds)
        let places = try batch.placesWithOldEntries(
            tenant: figures, ofLots: ofLots, visiting: added * 2, limit: added
        ) { location, primary in horizons.isBehind(primary, at: location) }
        for (sku, location, lot) in places {
            guard let horizon = horizons.known[location],
                var part = try lot.isEmpty
                    ? batch.position(tenant: figures, sku: sku, location: location)
                    : batch.lot(tenant: figures, sku: sku, location: location, lot: lot)
            else { continue }
            journalPlace = (sku, location, lot)
            let pruned = try part.prune(through: horizon, limit: Self.prunedPerPlaceMax, journal: &self)
            // Its figures stay as they are, and so does the sequence of their last change.
            guard pruned > 0 else { continue }
            if lot.isEmpty {
                try batch.setPosition(part, tenant: figures, sku: sku, location: location)
            } else {
                try batch.setLot(part, tenant: figures, sku: sku, location: location, lot: lot)
            }
        }
    }

    /// Ends the gap of a source whose figures were read whole. Without a gap that is older than the reading nothing happens.
    mutating func endGap(_ end: GapEnd) throws(LedgerError) {
        guard var source = catalogue.sources[end.source] else { return }
        let since = source.progress.gapSinceNanoseconds
        guard source.progress.pendingOverflowed || since.map({ $0 < end.askedNanoseconds }) == true else { return }
        pendingSource = source.number
        var known: [UInt64] = []
        try batch.forEachPendingSequence(tenant: tenant, source: source.number) { pending throws(LedgerError) in
            if pending.receivedAtNanoseconds < end.askedNanoseconds { known.append(pending.sequence) }
            return true
        }
        try source.progress.reconciled(known: known, nowNanoseconds: nowNanoseconds, pending: &self)
        watermarks = nil
        catalogue.sources[end.source] = source
        touchedSources.insert(end.source)
        try audit(.endGap, "sources/\(end.source)", actor: end.actor, reason: end.reason, requestID: "")
    }
}

/// Up to where the journals of each location are no longer needed.
private struct JournalHorizons {
    let catalogue: CatalogueState
    let settings: EngineSettings
    let nowNanoseconds: WallNanoseconds
    /// Of the locations asked for; `Int64.min`: nothing may go yet.
    private(set) var known: [LocationNumber: Int64] = [:]

    init(catalogue: CatalogueState, settings: EngineSettings, nowNanoseconds: WallNanoseconds) {
        self.catalogue = catalogue
        self.settings = settings
        self.nowNanoseconds = nowNanoseconds
    }

    /// Whether an entry lies behind the horizon of every source that may send there.
    mutating func isBehind(_ primary: Int64, at location: LocationNumber) -> Bool {
        // By far the most are young, whoever sends there: no source is further ahead of the clock than the skew allows.
        let youngest = nowNanoseconds + settings.clockSkewMaxNanoseconds - settings.horizonNanoseconds
        if primary >= youngest, !catalogue.directory.isOrderedBySequence(location) { return false }
        if let horizon = known[location] { return primary <= horizon }
        let horizon = horizon(at: location) ?? .min
        known[location] = horizon
        return primary <= horizon
    }

    private func horizon(at location: LocationNumber) -> Int64? {
        let owners = Set(
            Bucket.allCases.filter(\.isFed).map { catalogue.directory.owner(of: location, bucket: $0) })
        var earliest: Int64?
        for source in catalogue.sources.values {
            // Without an owner anybody may send whose times can be compared.
            guard owners.contains(source.number) || (owners.contains(0) && source.terms.order == .occurredAt) else {
                continue
            }
            var progress = source.progress
            progress.newestOccurredAtNanoseconds = progress.newestNanoseconds(
                nowNanoseconds: nowNanoseconds, horizonNanoseconds: settings.horizonNanoseconds)
            guard
                let horizon = EventRules.horizonPrimary(source.terms, progress, bounds: settings.eventBounds)
            else { return nil }
            earliest = min(earliest ?? horizon, horizon)
        }
        return earliest
    }
}
