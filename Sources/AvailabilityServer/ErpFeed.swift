internal import Configure
internal import Engine
internal import Erp
internal import Feeds
internal import Inventory

/// Asks an ERP every so often what changed, and takes those figures over. Its past is what the ERP has now: a replay
/// reads all of them.
struct ErpFeed: ReplayableFeed {
    let id: String
    let kind = FeedKind.erp
    let source: String
    private let erp: any ErpReads
    private let reading: ErpPositionReading
    private let settings: ErpFeedSettings

    init(_ feed: ConfiguredFeed, _ settings: ErpFeedSettings, _ erps: ErpHosting) {
        id = feed.id
        source = feed.source
        self.settings = settings
        erp = erps.reads(of: settings.erp)
        reading = ErpPositionReading(erp: erp, source: feed.source, locations: erps.served(by: settings.erp))
    }

    func run(_ port: FeedPort) async throws(FeedFailure) {
        try await failing {
            let publish: ErpChangePolling.Publish = { events, position in
                let position = position.map {
                    FeedPosition(feed: id, text: $0.text, timeNanoseconds: $0.timeNanoseconds)
                }
                _ = try await port.publish(events, position)
            }
            let stored = try port.lastPosition().flatMap { ErpChangePosition($0.text) }
            var polling = try await ErpChangePolling.begin(
                at: stored, of: erp, reading, overlapNanoseconds: settings.overlapNanoseconds,
                wallNanoseconds: port.now, publish: publish)
            while !Task.isCancelled {
                let asked = port.now()
                try await polling.poll(publish: publish)
                port.report(FeedBacklog(waiting: 0, askedNanoseconds: asked))
                await port.alarm.sleep(nanoseconds: settings.pollNanoseconds)
            }
        }
    }

    /// An ERP keeps no past figures, so every start is the same.
    func replay(from start: ReplayStart, _ port: FeedPort) async throws(FeedFailure) {
        try await failing {
            _ = try await reading.run(wallNanoseconds: port.now) { events in
                let place = events.last.map { FeedPosition(feed: id, text: $0.event.sku) }
                _ = try await port.publish(events, place)
            }
        }
    }

    /// Tells what the ERP throws in words.
    private func failing(_ body: () async throws -> Void) async throws(FeedFailure) {
        do {
            try await body()
        } catch {
            throw error as? FeedFailure ?? FeedFailure("\(settings.erp): \(error)")
        }
    }
}
