public import HotTable
public import Inventory
internal import Synchronization

/// A channel as the readers use it: its document, its compiled policy, its throttle.
public final class ChannelEntry: Sendable {
    public let channel: Channel
    public let compiled: CompiledChannel
    /// Shared by all loops, and kept over policy changes that leave its terms alone.
    public let throttle: Throttle
    private let throttled: SharedCount
    /// Whether it sells with its extra buffer now; kept over all versions.
    public let degradation: Degradation
    /// The longest hold that any of its terms allows.
    let longestTTLNanoseconds: Int64

    init(
        channel: Channel, compiled: CompiledChannel, throttle: Throttle, throttled: SharedCount,
        degradation: Degradation
    ) {
        self.channel = channel
        self.compiled = compiled
        self.throttle = throttle
        self.throttled = throttled
        self.degradation = degradation
        longestTTLNanoseconds = channel.policy.overrides.reduce(channel.policy.holds.longestTTLNanoseconds) {
            max($0, $1.holds.longestTTLNanoseconds ?? 0)
        }
    }

    public var isDegraded: Bool { degradation.isOn }

    /// The next version of the channel, with the throttle and the counts of this one.
    func next(_ channel: Channel, _ compiled: CompiledChannel) -> ChannelEntry {
        ChannelEntry(
            channel: channel, compiled: compiled, throttle: throttle, throttled: throttled, degradation: degradation)
    }

    /// Calls refused by the throttle since the server started.
    public var throttledCount: UInt64 { throttled.value }

    /// Counts one call refused by the throttle. Any thread.
    public func countThrottled() {
        throttled.increment()
    }
}

/// A count that several threads add to.
final class SharedCount: Sendable {
    private let count = Atomic<UInt64>(0)

    var value: UInt64 { count.load(ordering: .relaxed) }

    func increment() {
        count.add(1, ordering: .relaxed)
    }
}

/// A source as it is known now.
public struct SourceState: Sendable {
    public let id: String
    public let number: SourceNumber
    public let progress: SourceProgress
}

/// Everything but the positions that an answer depends on: one immutable object, replaced after each commit.
public final class PublishedState: Sendable {
    public let directory: LocationDirectory
    /// By id.
    public let channels: [ChannelEntry]
    public let locations: [Location]
    public let groups: [LocationGroup]
    public let watermarks: SourceWatermarks
    /// Of the channels that ever held anything, by id.
    public let channelNumbers: [String: ChannelNumber]
    /// By id; those that have sent something, and those the configuration names.
    public let sources: [SourceState]
    /// The newest rebuild; nil: there never was one.
    public let rebuild: Rebuild?
    /// Whose rows answer: another number after each switch to a rebuild.
    public let figures: TenantNumber
    /// The running figures in memory; nil when that is switched off. Others have another one: who reads it with this state
    /// reads of one rebuild only.
    public let hotTable: HotTable?
    private let channelTable: NameTable
    /// As `channels`.
    private let lentChannels: [Unmanaged<ChannelEntry>]

    init(
        directory: LocationDirectory, channels: [ChannelEntry], locations: [Location], groups: [LocationGroup],
        watermarks: SourceWatermarks, channelNumbers: [String: ChannelNumber], sources: [SourceState],
        rebuild: Rebuild?, figures: TenantNumber, hotTable: HotTable?
    ) {
        self.figures = figures
        self.rebuild = rebuild
        self.hotTable = hotTable
        self.channelNumbers = channelNumbers
        self.directory = directory
        self.channels = channels
        self.locations = locations
        self.groups = groups
        self.watermarks = watermarks
        self.sources = sources
        channelTable = NameTable(channels.map(\.channel.id))
        lentChannels = channels.map { Unmanaged.passUnretained($0) }
    }

    /// The channel of that name; nil when there is none.
    public func channel(_ id: UnsafeRawBufferPointer) -> ChannelEntry? {
        channelTable.index(of: id).map { channels[$0] }
    }

    /// The same for the read path, uncounted: all loops would fight over the counts. Valid as long as this state.
    public func lentChannel(_ id: UnsafeRawBufferPointer) -> Unmanaged<ChannelEntry>? {
        channelTable.index(of: id).map { lentChannels[$0] }
    }

    public func channel(_ id: String) -> ChannelEntry? {
        channels.first { $0.channel.id == id }
    }

    public func sourceName(_ number: SourceNumber) -> String {
        sources.first { $0.number == number }?.id ?? ""
    }
}

/// What is kept of dead letters, of all tenants.
public struct DeadLettersKept: Sendable, Equatable {
    public var count: UInt64 = 0
    /// What they take in the store, without their keys.
    public var bytes: UInt64 = 0
    /// What they may take.
    public var bytesMax = Limits.deadLetterBytesMax

    /// From a tenth of either bound on a person should look.
    public var areMany: Bool { count >= UInt64(Limits.deadLettersMax / 10) || bytes >= bytesMax / 10 }
}

/// Where the writer puts the newest state and the loops find it.
public final class StateBoard: Sendable {
    private let version = Atomic<UInt64>(0)
    private let current: Mutex<PublishedState>
    private let readCounts = Mutex<[ReadCounts]>([])
    private let causes = Mutex<[ReservationCause: UInt64]>([:])
    private let nextExpiry = Atomic<Int64>(.max)
    private let deadLettersKept = Mutex(DeadLettersKept())
    private let legsLeftOutCount = Atomic<UInt64>(0)
    /// The newest committed events, for those who look on.
    public let eventTail = EventTail()
    /// What each commit changed, for those who watch.
    public let changes: ChangeHub

    init(_ state: PublishedState, sequence: UInt64) {
        changes = ChangeHub(sequence: sequence)
        current = Mutex(state)
    }

    /// The running figures in memory; nil when that is switched off. Any thread.
    public var hotTable: HotTable? { state.hotTable }

    /// No hold runs out before this: ledger time; `Int64.max`: none will. Until then the hot table's figures hold.
    @inline(__always)
    public var nextExpiryNanoseconds: WallNanoseconds { nextExpiry.load(ordering: .acquiring) }

    /// Writer's thread only; before the figures of a commit are shown.
    func setNextExpiry(_ nanoseconds: WallNanoseconds?) {
        nextExpiry.store(nanoseconds ?? .max, ordering: .releasing)
    }

    /// What is kept of dead letters. Any thread.
    public var deadLetters: DeadLettersKept { deadLettersKept.withLock { $0 } }

    /// Writer's thread only.
    func setDeadLetters(_ kept: DeadLettersKept) { deadLettersKept.withLock { $0 = kept } }

    /// Ends of transfers and allocations that the ledger had no room for, since the server started. Any thread.
    public var legsLeftOut: UInt64 { legsLeftOutCount.load(ordering: .relaxed) }

    /// Writer's thread only.
    func countLegsLeftOut(_ count: UInt64) {
        if count > 0 { legsLeftOutCount.add(count, ordering: .relaxed) }
    }

    func register(_ counts: ReadCounts) {
        readCounts.withLock { $0.append(counts) }
    }

    /// Calls answered since the server started: from the hot table, and from the ledger.
    public var callsAnswered: (fromHotTable: UInt64, fromLedger: UInt64) {
        readCounts.withLock { loops in
            (loops.reduce(0) { $0 + $1.hotTable }, loops.reduce(0) { $0 + $1.ledger })
        }
    }

    /// Changes of reservations since the server started, by cause.
    public var changesByCause: [ReservationCause: UInt64] { causes.withLock { $0 } }

    /// Writer's thread only.
    func count(_ changes: [ReservationCause: UInt64]) {
        guard !changes.isEmpty else { return }
        causes.withLock { $0.merge(changes, uniquingKeysWith: +) }
    }

    /// Writer's thread only; before the replies of the commit that made it.
    func publish(_ state: PublishedState) {
        current.withLock { $0 = state }
        version.add(1, ordering: .releasing)
    }

    /// The newest state. Any thread.
    public var state: PublishedState { current.withLock { $0 } }

    /// The newest state, unless `seen` is its version already. One atomic load when nothing changed.
    func newer(than seen: inout UInt64) -> PublishedState? {
        let now = version.load(ordering: .acquiring)
        if now == seen { return nil }
        seen = now
        return current.withLock { $0 }
    }
}

extension PublishedState {
    /// Who vouches for a position's figures, and until when.
    public func vouched(for figures: StockFigures, at location: LocationNumber) -> Vouched {
        Vouched(figures, owner: directory.owner(of: location), watermarks: watermarks)
    }
}
