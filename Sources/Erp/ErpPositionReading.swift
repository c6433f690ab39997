public import Engine
public import Inventory

/// Reads an ERP's figures page by page and publishes them as snapshots that say which of our holds they contain. For
/// agreement now and then; what moves the stock from minute to minute are events.
///
/// A page's time is the one at which it was asked for: whatever happened later is newer than its figures.
public struct ErpPositionReading: Sendable {
    private let adapter: any ErpAdapter
    /// The source that the snapshots are from.
    private let source: String
    private let locations: [String]
    private let policy: ErpCallPolicy
    private let alarm: AlarmClock

    /// Skus of one page; their positions fit one batch of events.
    static let skusPerPage = 100

    public init(adapter: any ErpAdapter, source: String, locations: [String], policy: ErpCallPolicy, alarm: AlarmClock)
    {
        self.alarm = alarm
        self.adapter = adapter
        self.source = source
        self.locations = locations
        self.policy = policy
    }

    /// What a whole reading came to.
    public struct Result: Sendable {
        public var positions = 0
        /// Units of our holds that the figures contain, by line.
        public var holds: [ErpHoldName: Int64] = [:]
    }

    /// Reads every page once, at most `policy.callsPerSecond` a second.
    ///
    /// Throws what the ERP (`ErpFailure`) or `publish` throws: then nothing may be concluded from what is missing.
    ///
    /// - Parameter publish: takes a page's snapshots in and returns once they are on disk.
    public func run(
        wallNanoseconds: @Sendable () -> WallNanoseconds, publish: @Sendable ([IncomingEvent]) async throws -> Void
    ) async throws -> Result {
        var after = ""
        var result = Result()
        while true {
            let asked = wallNanoseconds()
            let page = try await adapter.readPositions(
                locations: locations, after: after, limit: Self.skusPerPage,
                deadline: .now + .nanoseconds(policy.deadlineNanoseconds))
            for start in stride(from: 0, to: page.positions.count, by: Limits.eventsPerBatchMax) {
                let end = min(start + Limits.eventsPerBatchMax, page.positions.count)
                try await publish(page.positions[start..<end].map { event($0, askedNanoseconds: asked) })
            }
            result.positions += page.positions.count
            for hold in page.positions.flatMap(\.contains) {
                let name = ErpHoldName(reservationID: hold.reservationID, lineID: hold.lineID)
                result.holds[name, default: 0] += hold.quantity
            }
            guard let next = page.next else { return result }
            after = next
            if policy.callsPerSecond > 0 {
                await alarm.sleep(nanoseconds: .perSecond / policy.callsPerSecond)
            }
        }
    }

    private func event(_ position: ErpPosition, askedNanoseconds asked: WallNanoseconds) -> IncomingEvent {
        var effect = StockEffect(isAbsolute: true)
        effect.touched = BucketSet(.onHand).union(BucketSet(.allocated))
        effect.values[.onHand] = position.onHand
        effect.values[.allocated] = position.allocated
        let body = "\(position.sku)@\(position.location) \(position.onHand) \(position.allocated) \(asked)"
        let digest = ErpPositionReading.digest("\(position.sku)@\(position.location)")
        let event = InventoryEvent(
            id: "read-\(String(asked, radix: 32))-\(String(digest, radix: 32))", source: source,
            kind: .positionSnapshot, occurredAtNanoseconds: asked, sku: position.sku, location: position.location,
            snapshot: effect, contains: Array(position.contains.prefix(Limits.containsMax)))
        return IncomingEvent(event: event, original: Array(body.utf8), contentType: .erpReading)
    }

    /// FNV-1a, 64 bits (draft-eastlake-fnv): ids of one reading must differ, nothing more.
    private static func digest(_ text: String) -> UInt64 {
        text.utf8.reduce(0xCBF2_9CE4_8422_2325) { ($0 ^ UInt64($1)) &* 0x100_0000_01B3 }
    }
}
