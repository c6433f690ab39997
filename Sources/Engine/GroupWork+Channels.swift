public import Inventory
internal import Ledger

extension Channel {
    /// Changes with every change of the channel.
    public var etag: String { "v\(policyVersion)" }
}

extension GroupWork {
    mutating func updateChannel(_ update: ChannelUpdate) throws(LedgerError) -> CommandOutcome {
        let old = catalogue.channels[update.channelID]
        if old == nil && !update.allowMissing { return .refused(.channelNotFound(update.channelID)) }
        let currentETag = old?.channel.etag ?? ""
        if !update.etag.isEmpty && update.etag != currentETag {
            return .refused(.etagMismatch(current: currentETag))
        }
        if old == nil && catalogue.channels.count >= Limits.channelsMax {
            return .refused(.invalidField(path: "channel.id", reason: "at most \(Limits.channelsMax) channels"))
        }
        let channel = Channel(
            id: update.channelID, displayName: update.displayName, policyVersion: (old?.channel.policyVersion ?? 0) + 1,
            updateTimeNanoseconds: nowNanoseconds, policy: update.policy)
        let entry: ChannelEntry
        do throws(CatalogueProblem) {
            entry = try catalogue.compile(channel, replacing: old)
        } catch {
            return .refused(.invalidField(path: "channel.\(error.path)", reason: error.reason))
        }
        if update.validateOnly { return .channel(channel) }
        try store(
            entry, before: old?.channel, actor: update.actor, reason: update.reason, requestID: update.requestID)
        return .channel(channel)
    }

    /// One atomic version: the document and its audit entry, in the group's commit.
    mutating func store(
        _ entry: ChannelEntry, before: Channel?, actor: String, reason: String, requestID: String
    ) throws(LedgerError) {
        let channel = entry.channel
        try batch.setDocument(channel, tenant: tenant, kind: .channel, id: channel.id)
        try audit(
            .updateChannel, "channels/\(channel.id)", actor: actor, reason: reason, requestID: requestID,
            channel: channel.id
        ) { entry in
            entry.channelBefore = before
            entry.channelAfter = channel
        }
        catalogue.channels[channel.id] = entry
    }
}
