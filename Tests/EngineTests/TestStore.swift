import Engine
import Foundation
import Glibc
import HotTable
import Inventory
import Ledger

/// A store on disk in a directory of its own, removed at the end, with an engine over it.
final class TestStore {
    static let now: WallNanoseconds = 1_800_000_000_000_000_000
    let directory: String
    private(set) var engine: Engine
    let ledger: Ledger
    var settings = EngineSettings()
    var nowNanoseconds = TestStore.now

    /// Two locations without an owner, one owned by `wms`, one ordered by sequence and owned by `erp`.
    static var seed: CatalogueSeed {
        var policy = ChannelPolicy()
        policy.sourcing = ["WH1", "WH2"]
        return CatalogueSeed(
            locations: [
                Location(id: "WH1", number: 0), Location(id: "WH2", number: 0),
                Location(id: "OWNED", number: 0, owner: "wms"), Location(id: "COUNTED", number: 0, owner: "erp"),
            ],
            groups: [LocationGroup(id: "ALL", members: ["WH1", "WH2"])],
            sources: [SourceTerms(id: "wms"), SourceTerms(id: "erp", order: .sequence)],
            channels: [
                Channel(id: "web", displayName: "Web", policyVersion: 1, updateTimeNanoseconds: 0, policy: policy)
            ])
    }

    init(
        seed: CatalogueSeed = TestStore.seed, hotTable: HotTable? = nil, erps: ErpDirectory? = nil,
        _ change: (inout EngineSettings) -> Void = { _ in }
    ) throws {
        directory = NSTemporaryDirectory() + "engine-tests-\(UUID().uuidString)"
        change(&settings)
        if let erps { settings.erps = erps }
        (ledger, engine) = try Self.open(directory, settings, seed, hotTable)
    }

    /// A backup of another store, opened.
    init(backupOf other: TestStore) throws {
        directory = other.directory + "-copy"
        settings = other.settings
        nowNanoseconds = other.nowNanoseconds
        try other.ledger.backup(to: directory)
        (ledger, engine) = try Self.open(directory, settings, Self.seed, nil)
    }

    deinit {
        try? FileManager.default.removeItem(atPath: directory)
    }

    private static func open(
        _ directory: String, _ settings: EngineSettings, _ seed: CatalogueSeed, _ hotTable: HotTable?
    ) throws -> (Ledger, Engine) {
        var options = LedgerOptions()
        options.mapBytes = 1 << 30
        options.epoch = 7
        let ledger = try Ledger(directory: directory, options: options)
        let engine = try Engine.open(
            ledger: ledger, tenantName: "demo", settings: settings, seed: seed,
            time: EngineTime(wallNanoseconds: now, ledgerNanoseconds: now),
            hotTable: hotTable)
        return (ledger, engine)
    }

    /// As after the process was killed: what is not in the ledger is forgotten.
    func reopen(hotTable: HotTable? = nil) throws {
        engine = try Engine.open(
            ledger: ledger, tenantName: "demo", settings: settings, seed: Self.seed,
            time: EngineTime(wallNanoseconds: nowNanoseconds, ledgerNanoseconds: nowNanoseconds), hotTable: hotTable)
    }

    /// Publishes as one command and returns the results.
    func publish(_ events: [IncomingEvent]) throws -> [EventResult] {
        guard case .published(let results, _) = try step(.publish(tenant: engine.tenantNumber, events: events)) else {
            throw TestFailure.unexpectedReply
        }
        return results
    }

    func publish(_ event: InventoryEvent) throws -> EventResult {
        try publish([Self.incoming(event)])[0]
    }

    func step(_ command: EngineCommand) throws -> EngineReply {
        let time = EngineTime(wallNanoseconds: nowNanoseconds, ledgerNanoseconds: nowNanoseconds)
        guard case .replies(let replies) = engine.step([command], time: time) else {
            throw TestFailure.unexpectedReply
        }
        return replies[0]
    }

    func position(_ sku: String, _ location: String) throws -> Position? {
        let reader = try ledger.makeReader()
        try reader.renew()
        guard let number = engine.board.state.directory.number(of: location) else { return nil }
        let figures = try reader.figures(of: engine.tenantNumber).running
        return try reader.position(tenant: figures, sku: sku, location: number)
    }

    /// The source as the readers see it.
    func source(_ id: String) -> SourceProgress? {
        engine.board.state.sources.first { $0.id == id }?.progress
    }

    func ledgerState() throws -> LedgerState {
        let reader = try ledger.makeReader()
        try reader.renew()
        return reader.state
    }

    /// Flips a bit in every copy of a position's record that the file has, under the open map.
    func damagePosition(_ sku: String, at location: LocationNumber) throws {
        let url = URL(fileURLWithPath: directory + "/data.mdb")
        let key = [0, UInt8(engine.tenantNumber)] + Array(sku.utf8) + [0, 0, UInt8(location)]
        let bytes = try Data(contentsOf: url)
        let file = try FileHandle(forUpdating: url)
        var start = bytes.startIndex
        while let found = bytes.range(of: Data(key), in: start..<bytes.endIndex) {
            start = found.upperBound
            // A record's version follows; in the journal a time does.
            guard bytes[start] == 1 else { continue }
            try file.seek(toOffset: UInt64(start + 60))
            try file.write(contentsOf: [bytes[start + 60] ^ 4])
        }
        try file.close()
    }

    static func incoming(_ event: InventoryEvent) -> IncomingEvent {
        IncomingEvent(event: event, original: Array("\(event)".utf8))
    }
}

enum TestFailure: Error {
    case unexpectedReply
}

/// Events as a warehouse sends them; `at` in seconds relative to the test's now.
enum Make {
    static func snapshot(
        _ id: String, source: String = "a", sku: String = "S", location: String = "WH1", at seconds: Int64 = 0,
        sequence: UInt64? = nil, onHand: Int64
    ) -> InventoryEvent {
        var effect = StockEffect(isAbsolute: true, touched: BucketSet(.onHand))
        effect.values[.onHand] = onHand
        return event(id, source, .positionSnapshot, sku, location, seconds, sequence, nil, effect)
    }

    static func adjustment(
        _ id: String, source: String = "a", sku: String = "S", location: String = "WH1", at seconds: Int64 = 0,
        sequence: UInt64? = nil, by quantity: Int64
    ) -> InventoryEvent {
        event(id, source, .adjustment, sku, location, seconds, sequence, quantity, StockEffect(isAbsolute: true))
    }

    /// An event of any other kind, about 1 unit of S at WH1 unless `change` says otherwise.
    static func event(
        _ id: String, _ kind: InventoryEventKind, at seconds: Int64 = 0,
        _ change: (inout InventoryEvent) -> Void = { _ in }
    ) -> InventoryEvent {
        var event = event(id, "a", kind, "S", "WH1", seconds, nil, 1, StockEffect(isAbsolute: true))
        change(&event)
        event.bodyDigest = ContentDigest.of(Array("\(event)".utf8))
        return event
    }

    static func heartbeat(
        _ id: String, source: String = "a", at seconds: Int64 = 0, sequence: UInt64? = nil
    ) -> InventoryEvent {
        event(id, source, .sourceHeartbeat, "", "", seconds, sequence, nil, StockEffect(isAbsolute: true))
    }

    private static func event(
        _ id: String, _ source: String, _ kind: InventoryEventKind, _ sku: String, _ location: String,
        _ seconds: Int64, _ sequence: UInt64?, _ quantity: Int64?, _ snapshot: StockEffect
    ) -> InventoryEvent {
        let body = "\(source)|\(id)|\(kind)|\(sku)|\(location)|\(seconds)|\(quantity ?? 0)|\(snapshot.values[.onHand])"
        return InventoryEvent(
            id: id, source: source, kind: kind, sequence: sequence,
            occurredAtNanoseconds: TestStore.now + seconds * 1_000_000_000, sku: sku, location: location,
            quantity: quantity, reason: kind == .adjustment ? "COUNT" : "", snapshot: snapshot,
            bodyDigest: ContentDigest.of(Array(body.utf8)))
    }
}

/// A small seeded generator (Steele, Lea and Flood's SplitMix64), so that a failing seed replays.
struct SeededRandom: RandomNumberGenerator {
    var state: UInt64

    init(seed: UInt64) { state = seed }

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var z = state
        z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
        z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
        return z ^ (z >> 31)
    }
}
