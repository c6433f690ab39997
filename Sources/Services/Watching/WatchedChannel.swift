internal import Engine
internal import Inventory

/// A channel that a shard watches, as it is in the present turn. Thread: the shard's own.
final class WatchedChannel {
    let id: String
    private(set) var entry: ChannelEntry
    private(set) var isDegraded: Bool
    /// Of all that answers depend on besides the positions and the time; the same over restarts.
    private(set) var termsDigest: UInt64
    /// Counts the changes of the terms.
    private(set) var version = 1
    var streamCount = 0

    init(_ entry: ChannelEntry, catalogueDigest: UInt64) {
        id = entry.channel.id
        self.entry = entry
        isDegraded = entry.isDegraded
        termsDigest = Self.digest(entry, isDegraded: entry.isDegraded, catalogueDigest)
    }

    /// Takes over the terms as they are now. Whether they changed.
    func refresh(_ entry: ChannelEntry, catalogueDigest: UInt64) -> Bool {
        let isDegraded = entry.isDegraded
        guard entry !== self.entry || isDegraded != self.isDegraded else { return false }
        self.entry = entry
        self.isDegraded = isDegraded
        termsDigest = Self.digest(entry, isDegraded: isDegraded, catalogueDigest)
        version += 1
        return true
    }

    private static func digest(_ entry: ChannelEntry, isDegraded: Bool, _ catalogueDigest: UInt64) -> UInt64 {
        var digest = TokenDigest()
        digest.add(entry.channel.id)
        digest.add(entry.channel.policyVersion)
        digest.add(isDegraded ? 1 : 0)
        digest.add(catalogueDigest)
        return digest.value
    }
}

extension PublishedState {
    /// By the table, where many are looked up.
    func channel(named id: String) -> ChannelEntry? {
        var id = id
        return id.withUTF8 { unsafe channel(UnsafeRawBufferPointer($0)) }
    }

    /// Of the locations and groups as far as answers depend on them, and of whose figures answer: what changed with a switch to
    /// a rebuild is not known by the sequences of its rows.
    var catalogueDigest: UInt64 {
        var digest = TokenDigest()
        digest.add(UInt64(figures))
        for location in locations.sorted(by: { $0.id < $1.id }) {
            digest.add(location.id)
            digest.add(location.isActive ? 1 : 0)
            digest.add(location.owner ?? "")
        }
        for group in groups.sorted(by: { $0.id < $1.id }) {
            digest.add(group.id)
            for member in group.members { digest.add(member) }
        }
        return digest.value
    }
}
