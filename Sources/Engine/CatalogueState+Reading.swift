internal import Inventory
internal import Ledger

extension CatalogueState {
    /// What the ledger has. The directory is still empty: `rebuildDirectory` makes it once the configuration's part has
    /// been added.
    init(reading ledger: borrowing some LedgerReading & ~Copyable, tenant: TenantNumber) throws(LedgerError) {
        self.init()
        var locations: [Location] = []
        try ledger.forEachDocument(Location.self, tenant: tenant, kind: .location) { _, location in
            locations.append(location)
            return true
        }
        var groups: [LocationGroup] = []
        try ledger.forEachDocument(LocationGroup.self, tenant: tenant, kind: .locationGroup) { _, group in
            groups.append(group)
            return true
        }
        var terms: [String: SourceTerms] = [:]
        try ledger.forEachDocument(SourceTerms.self, tenant: tenant, kind: .sourceTerms) { id, stored in
            terms[id] = stored
            return true
        }
        var progress: [String: SourceProgress] = [:]
        try ledger.forEachDocument(SourceProgress.self, tenant: tenant, kind: .sourceProgress) { id, stored in
            progress[id] = stored
            return true
        }
        var names: [(number: SourceNumber, name: String)] = []
        try ledger.forEachName(kind: .source, tenant: tenant) { number, name in
            names.append((number, name))
            return true
        }
        var channelNumbers: [String: ChannelNumber] = [:]
        try ledger.forEachName(kind: .channel, tenant: tenant) { number, name in
            channelNumbers[name] = number
            return true
        }
        self.channelNumbers = channelNumbers
        var stored: [Channel] = []
        try ledger.forEachDocument(Channel.self, tenant: tenant, kind: .channel) { _, channel in
            stored.append(channel)
            return true
        }
        figures = try ledger.figures(of: tenant)
        rebuild = try ledger.newestRebuild(of: tenant)
        hasDiscards = try ledger.hasDiscards(of: tenant)
        self.locations = locations.sorted { $0.number < $1.number }
        self.groups = groups
        for (number, name) in names {
            sources[name] = Source(
                terms: terms[name] ?? SourceTerms(id: name), number: number,
                progress: progress[name] ?? SourceProgress())
            sourceNames[number] = name
        }
        storedChannels = stored
    }
}
