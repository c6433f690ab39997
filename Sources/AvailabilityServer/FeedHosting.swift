internal import Calls
internal import Configure
internal import Engine
internal import Feeds
internal import Inventory
internal import Ledger
internal import Logging
internal import ServiceLifecycle
internal import Services

/// The feeds of the configuration at work, and one look at them all now and then, by which channels tighten and relax.
final class FeedHosting: Sendable {
    let supervisor: FeedSupervisor
    /// Where senders reach the feeds that are called.
    let endpoints: [HTTPEndpoint]
    /// Reads what feeds could make no event of once more.
    let letters: DeadLetterDecoder
    private let shops: [ShopifyFeed]
    fileprivate let alarm = AlarmClock()
    private let configured: [ConfiguredFeed]
    private let board: StateBoard
    private let logger: Logger

    /// - Throws: when a feed cannot be made, such as for a file that it needs.
    init(
        _ configured: [ConfiguredFeed], erps: ErpHosting, ledger: Ledger, board: StateBoard, writer: EngineThread,
        tenant: TenantNumber, logger: Logger
    ) throws {
        self.configured = configured
        self.board = board
        self.logger = logger
        let reader = try ledger.makeReader()
        try reader.renew()
        var pauses: [String: FeedPause] = [:]
        try reader.forEachDocument(FeedPause.self, tenant: tenant, kind: .feedPause) { id, pause in
            pauses[id] = pause
            return true
        }
        let server = FeedServer(ledger: ledger, writer: writer, tenant: tenant, alarm: alarm)
        let alarm = self.alarm
        let feeds = try configured.map { try FeedMaking.make($0, erps) }
        endpoints = Feeds.endpoints(of: feeds.compactMap { $0 as? any HTTPFeed })
        letters = try FeedLetters.decoder(configured, feeds)
        shops = feeds.compactMap { $0 as? ShopifyFeed }
        supervisor = FeedSupervisor(
            feeds, pauses: pauses,
            clock: FeedClock(
                sleep: { await alarm.sleep(nanoseconds: $0) }, monotonicNow: monotonicClockNanoseconds,
                now: wallClockNanoseconds),
            logger: logger, server: server.port)
    }

    /// Webhooks of topics that say nothing of stock, by feed.
    var ignoredDeliveries: [(feed: String, count: UInt64)] { shops.map { ($0.id, $0.ignoredDeliveries) } }

    // MARK: Degradation

    /// Has every channel that sells what the source of a lagging feed owns keep back its extra buffer.
    func reviewChannels() {
        let state = board.state
        var lagging: Set<SourceNumber> = []
        for (feed, condition) in zip(configured, supervisor.conditions) {
            guard let most = feed.lagMaxNanoseconds, let lag = condition.lagNanoseconds, lag > most else { continue }
            lagging.formUnion(state.sources.filter { condition.sources.contains($0.id) }.map(\.number))
        }
        let now = wallClockNanoseconds()
        for entry in state.channels {
            let isLagging =
                entry.channel.policy.degradationBuffer != .units(0)
                && entry.compiled.sourcing.contains { entry.compiled.directory.isOwned($0, byOneOf: lagging) }
            entry.setDegradation(isLagging ? "FEED_LAG" : nil, for: .feed, nowNanoseconds: now, logger)
        }
    }
}

extension LocationDirectory {
    fileprivate func isOwned(_ location: LocationNumber, byOneOf sources: Set<SourceNumber>) -> Bool {
        !sources.isEmpty && Bucket.allCases.contains { sources.contains(owner(of: location, bucket: $0)) }
    }
}

extension ChannelEntry {
    /// Tightens or relaxes for a cause, and says so when the channel changes by it.
    func setDegradation(
        _ reason: String?, for cause: Degradation.Cause, nowNanoseconds: WallNanoseconds, _ logger: Logger
    ) {
        guard degradation.set(reason, for: cause, nowNanoseconds: nowNanoseconds) else { return }
        logger.notice(
            reason == nil ? "a channel sells as usual again" : "a channel keeps back its degradation buffer",
            metadata: ["channel": "\(channel.id)", "reason": "\(reason ?? "")"])
    }
}

/// Runs the feeds and the review until the server stops: before the writer does.
struct FeedService: Service {
    let hosting: FeedHosting
    let grace: ShutdownGrace

    func run() async throws {
        await grace.run("feeds") { [hosting] in
            await withDiscardingTaskGroup { group in
                group.addTask { await hosting.supervisor.run() }
                group.addTask {
                    while !Task.isCancelled {
                        hosting.reviewChannels()
                        await hosting.alarm.sleep(nanoseconds: 250 * .perMillisecond)
                    }
                }
            }
        }
        hosting.alarm.stop()
    }
}

/// The server as a feed sees it.
private struct FeedServer: Sendable {
    let ledger: Ledger
    let writer: EngineThread
    let tenant: TenantNumber
    let alarm: AlarmClock

    private static let positionBytesMax = 256

    func port(of feed: String) -> FeedPort {
        FeedPort(
            publish: { (events, position) async throws(FeedFailure) in
                try await publish(events, position, EventOrigin(feed: feed))
            },
            publishAgain: { (events) async throws(FeedFailure) in
                try await publish(events, nil, EventOrigin(feed: feed, isReplay: true))
            },
            lastPosition: { () throws(FeedFailure) in try position(of: feed) }, report: { _ in }, alarm: alarm,
            now: wallClockNanoseconds)
    }

    private func publish(
        _ events: [IncomingEvent], _ position: FeedPosition?, _ origin: EventOrigin
    ) async throws(FeedFailure) -> [EventResult] {
        precondition(events.count <= Limits.eventsPerBatchMax, "a feed's batch has \(events.count) events")
        if let bytes = position?.text.utf8.count, bytes > Self.positionBytesMax {
            throw FeedFailure("a position has at most \(Self.positionBytesMax) bytes, this has \(bytes)")
        }
        let command = EngineCommand.publish(tenant: tenant, events: events, position: position, origin: origin)
        switch await writer.submit(command) {
        case .published(let results, _): return results
        case .failed(let error): throw FeedFailure(error.words)
        default: throw FeedFailure("wrong reply")
        }
    }

    private func position(of feed: String) throws(FeedFailure) -> FeedPosition? {
        do throws(LedgerError) {
            let reader = try ledger.makeReader()
            try reader.renew()
            return try reader.document(tenant: tenant, kind: .feedPosition, id: feed)
        } catch {
            throw FeedFailure("its position cannot be read: \(error)")
        }
    }
}

extension EngineError {
    /// For people who look at a feed.
    var words: String {
        switch self {
        case .storageFull: "STORAGE_FULL: the store is full"
        case .deadLettersFull(let limit): "STORAGE_FULL: \(limit)"
        case .queueFull: "QUEUE_FULL: too many changes are waiting to be written"
        case .dataLoss(let key): "DATA_LOSS: a stored record is damaged: \(key)"
        case .stopping: "SERVER_STOPPING: the server is stopping"
        case .invariantBroken(let description): "INTERNAL_FAULT: \(description)"
        default: "\(self)"
        }
    }
}
