internal import HotTable
internal import Inventory
internal import Ledger

/// Everything the engine knows besides positions: a value, so that a group works on a copy and an aborted group leaves
/// nothing behind.
struct CatalogueState {
    struct Source {
        var terms: SourceTerms
        var number: SourceNumber
        var progress = SourceProgress()
    }

    var locations: [Location] = []
    var groups: [LocationGroup] = []
    /// By name.
    var sources: [String: Source] = [:]
    /// By number; the name to look up in `sources`.
    var sourceNames: [SourceNumber: String] = [:]
    /// By id.
    var channels: [String: ChannelEntry] = [:]
    /// The numbers of channels that ever held anything, by id.
    var channelNumbers: [String: ChannelNumber] = [:]
    /// Channels read from the ledger and not compiled yet.
    var storedChannels: [Channel] = []
    /// See `CatalogueSeed.reasonCodes`.
    var reasonCodes: Set<String>?
    /// Whose rows are the tenant's figures.
    var figures = Figures(running: 0)
    /// The newest rebuild; nil: there never was one.
    var rebuild: Rebuild?
    /// Whether dead letters were discarded that a rebuild leaves out.
    var hasDiscards = false
    private(set) var directory: LocationDirectory

    init() {
        do throws(CatalogueError) {
            directory = try LocationDirectory(locations: [], groups: [], sources: [])
        } catch {
            preconditionFailure("an empty directory is valid: \(error)")
        }
    }

    /// Makes the directory anew from locations, groups and sources, and compiles every channel against it.
    mutating func rebuildDirectory() throws(CatalogueProblem) {
        do throws(CatalogueError) {
            directory = try LocationDirectory(
                locations: locations, groups: groups,
                sources: sources.values.map { (number: $0.number, terms: $0.terms) })
        } catch {
            throw CatalogueProblem(path: error.field, reason: error.problem)
        }
        for (id, entry) in channels {
            channels[id] = try compile(entry.channel, replacing: entry)
        }
        for channel in storedChannels { channels[channel.id] = try compile(channel, replacing: nil) }
        storedChannels = []
    }

    /// A channel made ready for the readers. It keeps the throttle of the version it replaces, so that a change of
    /// policy gives no new burst.
    func compile(_ channel: Channel, replacing old: ChannelEntry?) throws(CatalogueProblem) -> ChannelEntry {
        let compiled: CompiledChannel
        do throws(PolicyError) {
            compiled = try CompiledChannel(channel, directory: directory)
        } catch {
            throw CatalogueProblem(path: error.field, reason: error.problem, channel: channel.id)
        }
        if let old { return old.next(channel, compiled) }
        return ChannelEntry(
            channel: channel, compiled: compiled, throttle: Throttle(channel.policy.throttle), throttled: SharedCount(),
            degradation: Degradation())
    }

    /// The owner's terms, or those of a source nobody configured.
    func terms(of source: String) -> SourceTerms {
        sources[source]?.terms ?? SourceTerms(id: source)
    }

    /// The longest that any channel holds.
    var longestTTLNanoseconds: Int64 { channels.values.reduce(0) { max($0, $1.longestTTLNanoseconds) } }

    var watermarks: SourceWatermarks {
        var watermarks = [WallNanoseconds](repeating: 0, count: Int(sourceNames.keys.max() ?? 0) + 1)
        for source in sources.values { watermarks[Int(source.number)] = source.progress.watermarkNanoseconds }
        return SourceWatermarks(watermarks)
    }

    func published(hotTable: HotTable?) -> PublishedState {
        PublishedState(
            directory: directory, channels: channels.values.sorted { $0.channel.id < $1.channel.id },
            locations: locations, groups: groups, watermarks: watermarks, channelNumbers: channelNumbers,
            sources: sources.sorted { $0.key < $1.key }.map {
                SourceState(id: $0.key, number: $0.value.number, progress: $0.value.progress)
            }, rebuild: rebuild, figures: figures.running, hotTable: hotTable)
    }
}

/// Why locations, groups, sources and channels do not fit each other.
public struct CatalogueProblem: Error, Sendable, Equatable, CustomStringConvertible {
    /// The path of the field, as far as it is known.
    public let path: String
    public let reason: String
    /// The channel it is about; nil when it is about none.
    public let channel: String?

    init(path: String, reason: String, channel: String? = nil) {
        self.path = path
        self.reason = reason
        self.channel = channel
    }

    public var description: String {
        let place = channel.map { "channels.\($0)." } ?? ""
        return "\(place)\(path): \(reason)"
    }
}
