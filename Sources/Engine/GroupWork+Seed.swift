internal import Inventory
internal import Ledger

extension GroupWork {
    /// Adds what the ledger lacks of the configuration's locations, groups, sources and channels, and makes the
    /// catalogue ready. Returns what does not fit; the batch must then be dropped.
    mutating func add(_ seed: CatalogueSeed) throws(LedgerError) -> CatalogueProblem? {
        catalogue.reasonCodes = seed.reasonCodes
        try addLocations(seed.locations)
        for group in seed.groups where !catalogue.groups.contains(where: { $0.id == group.id }) {
            try batch.setDocument(group, tenant: tenant, kind: .locationGroup, id: group.id)
            catalogue.groups.append(group)
        }
        for terms in seed.sources {
            let number = try number(ofSource: terms.id)
            // The order of a source whose events were taken in is in the keys of its journal: it stays as it is.
            let progress = catalogue.sources[terms.id]?.progress ?? SourceProgress()
            guard catalogue.sources[terms.id]?.terms != terms, !progress.hasTakenEffect else { continue }
            try batch.setDocument(terms, tenant: tenant, kind: .sourceTerms, id: terms.id)
            catalogue.sources[terms.id, default: .init(terms: terms, number: number)].terms = terms
        }
        // Owners are known from the start, so that nobody else can send for them first.
        for location in catalogue.locations {
            for owner in [location.owner].compactMap(\.self) + location.bucketOwners.values {
                _ = try number(ofSource: owner)
            }
        }
        do throws(CatalogueProblem) {
            try catalogue.rebuildDirectory()
        } catch {
            return error
        }
        return try addChannels(seed.channels)
    }

    private mutating func addLocations(_ locations: [Location]) throws(LedgerError) {
        for location in locations where !catalogue.locations.contains(where: { $0.id == location.id }) {
            var numbered = location
            numbered.number = try batch.intern(location.id, kind: .location, tenant: tenant)
            try batch.setDocument(numbered, tenant: tenant, kind: .location, id: location.id)
            catalogue.locations.append(numbered)
        }
    }

    private mutating func addChannels(_ channels: [Channel]) throws(LedgerError) -> CatalogueProblem? {
        for channel in channels where catalogue.channels[channel.id] == nil {
            var dated = channel
            dated.policyVersion = 1
            dated.updateTimeNanoseconds = nowNanoseconds
            let entry: ChannelEntry
            do throws(CatalogueProblem) {
                entry = try catalogue.compile(dated, replacing: nil)
            } catch {
                return error
            }
            try store(
                entry, before: nil, actor: "configuration", reason: "from the configuration", requestID: "")
        }
        return nil
    }

    /// The number of a source, new for one never seen.
    mutating func number(ofSource name: String) throws(LedgerError) -> SourceNumber {
        if let known = catalogue.sources[name] { return known.number }
        let number = try batch.intern(name, kind: .source, tenant: tenant)
        catalogue.sources[name] = CatalogueState.Source(terms: SourceTerms(id: name), number: number)
        catalogue.sourceNames[number] = name
        return number
    }
}
