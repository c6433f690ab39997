public import Engine
public import Inventory

/// Reads an ERP's figures and makes snapshots of them that say which of our holds they contain: all, page by page, for
/// agreement now and then, or those of some places.
///
/// A snapshot's time is the one at which its figure was asked for: whatever happened later is newer than it. It vouches for
/// itself alone; that everything was read says the heartbeat of whoever read it to the end.
public struct ErpPositionReading: Sendable {
    private let erp: any ErpReads
    /// The source that the snapshots are from.
    private let source: String
    let locations: [String]

    /// Skus of one page; their positions fit one batch of events.
    static let skusPerPage = 100

    public init(erp: any ErpReads, source: String, locations: [String]) {
        self.erp = erp
        self.source = source
        self.locations = locations
    }

    /// What a whole reading came to.
    public struct Result: Sendable {
        public var positions = 0
        /// Units of our holds that the figures contain, by line.
        public var holds: [ErpHoldName: Int64] = [:]
        /// Says that every figure is known as it was when the reading began. To be published after all snapshots.
        public let heartbeat: IncomingEvent
    }

    /// Says that every figure is known as it was at a time.
    func heartbeat(askedNanoseconds asked: WallNanoseconds) -> IncomingEvent {
        let event = InventoryEvent(
            id: "read-\(String(asked, radix: 32))", source: source, kind: .sourceHeartbeat, occurredAtNanoseconds: asked
        )
        return IncomingEvent(event: event, original: Array("\(asked)".utf8), contentType: .erpReading)
    }

    /// Reads every page once.
    ///
    /// Throws what the ERP (`ErpFailure`) or `publish` throws: then nothing may be concluded from what is missing.
    ///
    /// - Parameter publish: takes a page's snapshots in and returns once they are on disk.
    public func run(
        wallNanoseconds: @escaping @Sendable () -> WallNanoseconds,
        publish: @Sendable ([IncomingEvent]) async throws -> Void
    ) async throws -> Result {
        var result = Result(heartbeat: heartbeat(askedNanoseconds: wallNanoseconds()))
        var next: String? = ""
        while let after = next {
            let locations = self.locations
            let (asked, page) = try await erp.read { (erp, deadline) async throws(ErpFailure) in
                let asked = wallNanoseconds()
                let page = try await erp.readPositions(
                    locations: locations, after: after, limit: Self.skusPerPage, deadline: deadline)
                return (asked, page)
            }
            for batch in events(page.positions, askedNanoseconds: asked) { try await publish(batch) }
            result.positions += page.positions.count
            for hold in page.positions.flatMap(\.contains) {
                let name = ErpHoldName(reservationID: hold.reservationID, lineID: hold.lineID)
                result.holds[name, default: 0] += hold.quantity
            }
            next = page.next
        }
        return result
    }

    /// Reads some places once. What the ERP does not have is left out.
    ///
    /// - Parameter publish: takes snapshots in and returns once they are on disk; called at least once, with none where
    ///   nothing was read. `isLast`: nothing follows.
    func read(
        _ places: Set<ErpPlace>, wallNanoseconds: @escaping @Sendable () -> WallNanoseconds,
        publish: ([IncomingEvent], _ isLast: Bool) async throws -> Void
    ) async throws {
        let skus = Set(places.map(\.sku)).sorted()
        let pages = stride(from: 0, to: skus.count, by: Self.skusPerPage).map {
            Array(skus[$0..<min($0 + Self.skusPerPage, skus.count)])
        }
        var batches: [[IncomingEvent]] = [[]]
        for (index, page) in pages.enumerated() {
            let wanted = Set(page)
            let locations = Set(places.filter { wanted.contains($0.sku) }.map(\.location)).sorted()
            let (asked, positions) = try await erp.read { (erp, deadline) async throws(ErpFailure) in
                let asked = wallNanoseconds()
                return (asked, try await erp.readPositions(skus: page, locations: locations, deadline: deadline))
            }
            let found = positions.filter { places.contains(ErpPlace(sku: $0.sku, location: $0.location)) }
            batches = events(found, askedNanoseconds: asked)
            if index < pages.count - 1 {
                for batch in batches { try await publish(batch, false) }
                batches = [[]]
            }
        }
        if batches.isEmpty { batches = [[]] }
        for (index, batch) in batches.enumerated() { try await publish(batch, index == batches.count - 1) }
    }

    /// In batches that may be published.
    private func events(_ positions: [ErpPosition], askedNanoseconds asked: WallNanoseconds) -> [[IncomingEvent]] {
        stride(from: 0, to: positions.count, by: Limits.eventsPerBatchMax).map { start in
            positions[start..<min(start + Limits.eventsPerBatchMax, positions.count)].map {
                event($0, askedNanoseconds: asked)
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
            snapshot: effect, contains: position.contains)
        return IncomingEvent(event: event, original: Array(body.utf8), contentType: .erpReading)
    }

    /// FNV-1a, 64 bits (draft-eastlake-fnv): ids of one reading must differ, nothing more.
    private static func digest(_ text: String) -> UInt64 {
        text.utf8.reduce(0xCBF2_9CE4_8422_2325) { ($0 ^ UInt64($1)) &* 0x100_0000_01B3 }
    }
}
